//! Words with the space before them where a run of whitespace becomes one space, before NFC, `Strip` at the end and a
//! `Metaspace` that splits (DeBERTa-v2 and `BARThez` as `transformers` 5 writes them).
//!
//! A run of whitespace that begins with a space or a line feed becomes one space, which `Metaspace` makes a `▁`, where a
//! piece begins; so the text may be cut before such a run. NFC does not reach across a space: it composes with nothing
//! before it, and no mark moves over it. What is before the cut does not end in whitespace, nor does its normal form
//! ([`crate::unicode::may_be_space`]), so that stripping leaves it as it is.

use crate::unicode::{CharTable, previous};

/// The scanner for these words.
#[derive(Debug)]
pub struct Collapsed {
    /// Which characters may be whitespace.
    pub whitespace: &'static CharTable,
}

impl Collapsed {
    /// Emits the pieces of a segment.
    #[inline]
    pub fn cut(&self, bytes: &[u8], mut emit: impl FnMut(usize, usize)) {
        let mut start = 0;
        for space in memchr::memchr2_iter(b' ', b'\n', bytes) {
            if start < space && self.whitespace.at(bytes, previous(bytes, space)).0 == 0 {
                emit(start, space);
                start = space;
            }
        }
        if start < bytes.len() {
            emit(start, bytes.len());
        }
    }
}
