//! `Precompiled` with `Metaspace` behind it, one character at a time: T5's (`WhitespaceSplit` between them) and XLM-R's.
//!
//! `Precompiled` rewrites grapheme by grapheme, and a grapheme of one character as that character. Characters that join
//! neither an ordinary letter nor themselves are graphemes of their own beside each other: every rule that joins two
//! characters needs one that extends what precedes it, one that belongs to what follows, or two of a kind (Hangul
//! jamo, regional indicators), and each of these is told by one of the three tests; CR joins with LF and nothing else.
//!
//! Where characters may join, the text is divided into graphemes as the crate does (by the same library). One of
//! [`REWRITTEN`] bytes or more is not looked up as a whole there, so that its characters are what they are alone.

use tokenizers::NormalizerWrapper;
use unicode_segmentation::UnicodeSegmentation;

use super::characters::{Characters, DEPENDS};

/// Graphemes below this many bytes are looked up as a whole (`tokenizers`, `normalizers/precompiled.rs`).
const REWRITTEN: usize = 6;

/// Writes a text's normal form to `out`; false if only the crate can tell.
pub fn normalize(characters: &Characters, text: &str, out: &mut String) -> bool {
    characters.normalize(text, out) || {
        out.clear();
        text.graphemes(true).all(|grapheme| {
            let whole = grapheme.len() < REWRITTEN && grapheme.chars().nth(1).is_some();
            if whole {
                return characters.normalized(grapheme).map(|normal| out.push_str(&normal)).is_some();
            }
            grapheme.chars().all(|character| characters.push_alone(character, out))
        })
    }
}

/// `Precompiled` on its own, one character at a time.
pub fn precompiled(normalizer: NormalizerWrapper) -> Characters {
    Characters::new(Some(normalizer), traits)
}

/// The same with a normaliser that does nothing.
#[cfg(test)]
pub fn unchanged() -> Characters {
    Characters::new(None, traits)
}

/// A trait: what follows it belongs to its grapheme.
pub const PRECEDES: u8 = 2;

/// [`DEPENDS`] for a character that may share a grapheme with a neighbour, [`PRECEDES`] if with a letter after it.
fn traits(character: char, _: &str) -> u8 {
    let joins = |text: String| text.graphemes(true).count() != 2;
    let precedes = joins(format!("{character}a"));
    let depends =
        character == '\r' || precedes || joins(format!("a{character}")) || joins(format!("{character}{character}"));
    u8::from(depends) * DEPENDS + u8::from(precedes) * PRECEDES
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

/// What else the normaliser does to spaces before `Metaspace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spaces {
    /// Whitespace at both ends is removed before all else, by whoever cuts.
    pub trimmed: bool,
    /// Whitespace at the end is removed.
    pub stripped: bool,
    /// A run of spaces becomes one.
    pub collapsed: bool,
}

/// Calls `word` with each word of a normalised text: each begins with a `▁`, a literal one or for its space, the first in
/// any case.
pub fn marked<E>(
    text: &str,
    spaces: Spaces,
    room: &mut String,
    mut word: impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    const MARKS: [char; 2] = [' ', '▁'];
    let text = if spaces.stripped { text.trim_end() } else { text };
    let Some(first) = text.chars().next() else { return Ok(()) };
    let (mut mark, mut rest) = match text.strip_prefix(MARKS) {
        Some(rest) => (first, rest),
        None => ('▁', text),
    };
    loop {
        let end = rest.find(MARKS).unwrap_or(rest.len());
        let next = rest[end..].chars().next();
        // Nothing between two spaces; behind the last one it is a word.
        if !(spaces.collapsed && end == 0 && mark == ' ' && next == Some(' ')) {
            room.clear();
            room.push('▁');
            room.push_str(&rest[..end]);
            word(room)?;
        }
        let Some(next) = next else { return Ok(()) };
        (mark, rest) = (next, &rest[end + next.len_utf8()..]);
    }
}
