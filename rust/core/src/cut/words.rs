//! Whitespace-separated words for Unigram models (T5): `Precompiled` + `WhitespaceSplit` + `Metaspace`.
//!
//! `Precompiled` rewrites grapheme by grapheme. A space whose neighbours do not join its grapheme (no combining mark
//! after it, no prepending character before it) is a grapheme of its own, is normalised to whitespace (checked when
//! the tokenizer is loaded) and is then removed; grapheme segmentation keeps no memory across it. So the text may be
//! cut there, and the space dropped. The same holds for a line feed, which joins with nothing but a carriage return
//! before it. At any other space the piece grows on.

use crate::unicode::{CharTable, ENDS, STARTS, previous};

/// The scanner for words.
#[derive(Debug)]
pub struct Words {
    /// Which characters stay apart from a space.
    pub beside: &'static CharTable,
    /// Line feeds are normalised to whitespace.
    pub lines: bool,
}

impl Words {
    /// Emits the pieces of a segment.
    #[inline]
    pub fn cut(&self, bytes: &[u8], mut emit: impl FnMut(usize, usize)) {
        let mut start = 0;
        for space in memchr::memchr2_iter(b' ', b'\n', bytes) {
            if !self.is_apart(bytes, space) {
                continue;
            }
            if start < space {
                emit(start, space);
            }
            start = space + 1;
        }
        if start < bytes.len() {
            emit(start, bytes.len());
        }
    }

    #[inline]
    fn is_apart(&self, bytes: &[u8], space: usize) -> bool {
        if bytes[space] == b'\n' {
            return self.lines && (space == 0 || bytes[space - 1] != b'\r');
        }
        let before = space == 0 || self.beside.at(bytes, previous(bytes, space)).0 & ENDS != 0;
        before && (space + 1 == bytes.len() || self.beside.at(bytes, space + 1).0 & STARTS != 0)
    }
}
