//! Words with the space before them (XLM-R, mT5, NLLB, DeBERTa-v3): `Precompiled`, perhaps what `Spaces` says, `Metaspace` that splits.
//!
//! `Precompiled` rewrites grapheme by grapheme. A space whose neighbours do not join its grapheme is one of its own and
//! stays a space (checked when the tokenizer is loaded), which `Metaspace` makes a `▁`, where a piece begins. So the text
//! may be cut before it: what follows begins with a `▁` and gets no other. A line feed that becomes a space is as good,
//! unless a carriage return is before it.
//!
//! Where spaces are made one, or stripped at the end, what is before the cut must not end in whitespace when rewritten:
//! then no run of spaces reaches across, and stripping leaves it as it is. An ordinary character of ASCII does not, nor
//! one that joins with no other and becomes something else than whitespace, unless the character before takes it in. One
//! that may join, such as the vowel signs that end many a word of India, is rewritten alone if it has three bytes and the
//! character before it as many, be they joined or not: together they are too long to be looked up as one
//! (`piece/words.rs`).
//!
//! Where whitespace at both ends is removed before all else (DeBERTa-v3), it is left out here, once for the whole text.

use std::sync::Arc;

use crate::piece::{Alone, Characters, DEPENDS, PRECEDES, Spaces};
use crate::unicode::{CharTable, ENDS, STARTS, decode, previous};

/// Bytes of two characters that are not looked up together, at least for each.
const LONG: usize = 3;

/// The scanner for words with their spaces.
#[derive(Debug)]
pub struct Marks {
    /// Which characters stay apart from a space.
    pub beside: &'static CharTable,
    /// Line feeds become spaces.
    pub lines: bool,
    /// Printable ASCII stays as it is.
    pub ascii: bool,
    /// What is done to spaces.
    pub spaces: Spaces,
    /// `Precompiled`.
    pub characters: Arc<Characters>,
}

impl Marks {
    /// Emits the pieces of a segment.
    #[inline]
    pub fn cut(&self, segment: &str, mut emit: impl FnMut(usize, usize)) {
        let (mut start, mut bytes) = (0, segment.as_bytes());
        if self.spaces.trimmed {
            bytes = segment.trim_end().as_bytes();
            start = bytes.len() - segment.trim().len();
        }
        for space in memchr::memchr2_iter(b' ', b'\n', bytes) {
            if start < space && self.is_border(bytes, space) {
                emit(start, space);
                start = space;
            }
        }
        if start < bytes.len() {
            emit(start, bytes.len());
        }
    }

    #[inline]
    fn is_border(&self, bytes: &[u8], space: usize) -> bool {
        let before = previous(bytes, space);
        let apart = match bytes[space] {
            b'\n' => self.lines && bytes[before] != b'\r',
            _ => {
                self.beside.at(bytes, before).0 & ENDS != 0
                    && (space + 1 == bytes.len() || self.beside.at(bytes, space + 1).0 & STARTS != 0)
            }
        };
        let spaces = self.spaces.stripped || self.spaces.collapsed;
        apart && (!spaces || self.is_solid(bytes, before, space))
    }

    /// Whether a text that ends with this character does not end in whitespace when rewritten, nor vanishes.
    #[inline]
    fn is_solid(&self, bytes: &[u8], at: usize, end: usize) -> bool {
        let before = if at > 0 { previous(bytes, at) } else { at };
        if bytes[at] == b'\n' && bytes[before] == b'\r' {
            return false; // one grapheme, and of another character
        }
        if at > before && !bytes[before].is_ascii() {
            let taken_in = |alone: &Alone| alone.traits & PRECEDES != 0;
            if self.characters.alone(decode(bytes, before).0).is_none_or(taken_in) {
                return false;
            }
        }
        if self.ascii && bytes[at].is_ascii_graphic() {
            return true;
        }
        let Some(alone) = self.characters.alone(decode(bytes, at).0) else { return false };
        let is_long = || end - at >= LONG && at - before >= LONG;
        let shows = |text: &str| text.chars().next_back().is_some_and(|last| !last.is_whitespace());
        (alone.traits & DEPENDS == 0 || is_long()) && alone.becomes.with(shows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::piece::unchanged;
    use crate::unicode::beside_space;

    fn pieces(text: &str) -> Vec<&str> {
        let spaces = Spaces { trimmed: false, stripped: true, collapsed: true };
        let characters = Arc::new(unchanged());
        let marks = Marks { beside: beside_space(), lines: true, ascii: true, spaces, characters };
        let mut found = Vec::new();
        marks.cut(text, |start, end| found.push(&text[start..end]));
        found
    }

    #[test]
    fn no_cut_behind_what_may_be_rewritten_with_another() {
        assert_eq!(pieces("ab  c\nd "), ["ab", "  c", "\nd", " "]);
        assert_eq!(pieces("\u{600}x b"), ["\u{600}x b"]);
        assert_eq!(pieces("\u{600}ax b"), ["\u{600}ax", " b"]);
        assert_eq!(pieces("\u{915}\u{93f} \u{915}"), ["\u{915}\u{93f}", " \u{915}"]);
        assert_eq!(pieces("e\u{93f} b"), ["e\u{93f} b"]);
        assert_eq!(pieces("e\u{301} b\u{3000} c\r\nd"), ["e\u{301} b\u{3000} c\r\nd"]);
    }
}
