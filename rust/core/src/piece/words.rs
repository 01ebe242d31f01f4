//! T5's normaliser and pre-tokeniser (`Precompiled`, `WhitespaceSplit`, `Metaspace`), one character at a time.
//!
//! `Precompiled` rewrites grapheme by grapheme, and a grapheme of one character as that character. Characters that join
//! neither an ordinary letter nor themselves are graphemes of their own beside each other: every rule that joins two
//! characters needs one that extends what precedes it, one that belongs to what follows, or two of a kind (Hangul
//! jamo, regional indicators), and each of these is told by one of the three tests; CR joins with LF and nothing else.
//!
//! Where characters may join, the text is divided into graphemes as the crate does (by the same library). One of
//! [`REWRITTEN`] bytes or more is not looked up as a whole there, so that its characters are what they are alone.

use unicode_segmentation::UnicodeSegmentation;

use super::characters::{Characters, DEPENDS};
use super::normalized;
use crate::tokenizer::Loaded;

/// Graphemes below this many bytes are looked up as a whole (`tokenizers`, `normalizers/precompiled.rs`).
const REWRITTEN: usize = 6;

/// Writes a text's normal form to `out`; false if only the crate can tell.
pub fn normalize(characters: &Characters, loaded: &Loaded, text: &str, out: &mut String) -> bool {
    characters.normalize(loaded, text, out) || {
        out.clear();
        text.graphemes(true).all(|grapheme| {
            let whole = grapheme.len() < REWRITTEN && grapheme.chars().nth(1).is_some();
            if whole {
                return normalized(loaded, grapheme).map(|normal| out.push_str(&normal)).is_ok();
            }
            grapheme.chars().all(|character| characters.push_alone(loaded, character, out))
        })
    }
}

/// [`DEPENDS`] for a character that may share a grapheme with a neighbour.
pub fn traits(character: char, _: &str) -> u8 {
    let joins = |text: String| text.graphemes(true).count() != 2;
    let depends = character == '\r'
        || joins(format!("a{character}"))
        || joins(format!("{character}a"))
        || joins(format!("{character}{character}"));
    u8::from(depends) * DEPENDS
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
