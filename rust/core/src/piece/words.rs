//! T5's normaliser and pre-tokeniser (`Precompiled`, `WhitespaceSplit`, `Metaspace`), one character at a time.
//!
//! `Precompiled` rewrites grapheme by grapheme, and a grapheme of one character as that character. Characters that join
//! neither an ordinary letter nor themselves are graphemes of their own beside each other: every rule that joins two
//! characters needs one that extends what precedes it, one that belongs to what follows, or two of a kind (Hangul
//! jamo, regional indicators), and each of these is told by one of the three tests; CR joins with LF and nothing else.

use unicode_segmentation::UnicodeSegmentation;

/// Whether a character may share a grapheme with a neighbour.
pub fn depends(character: char) -> bool {
    let joins = |text: String| text.graphemes(true).count() != 2;
    character == '\r'
        || joins(format!("a{character}"))
        || joins(format!("{character}a"))
        || joins(format!("{character}{character}"))
}

/// Calls `word` with each word of a normalised text, `▁` before it; false if a literal `▁` leaves it to the crate.
pub fn words<E>(text: &str, room: &mut String, mut word: impl FnMut(&str) -> Result<(), E>) -> Result<bool, E> {
    if text.contains('▁') {
        return Ok(false);
    }
    for part in text.split_whitespace() {
        room.clear();
        room.push('▁');
        room.push_str(part);
        word(room)?;
    }
    Ok(true)
}
