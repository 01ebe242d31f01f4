//! BLOOM's expression: words with the space before them, and what is between.
//!
//! ` ?C+`, where C is all but whitespace and some punctuation ([`WORD`]). What matches is a piece, and so is each stretch
//! that does not; a space directly before a word belongs to it.

use super::bytelevel::run_of;
use crate::unicode::{CharTable, LETTER};

/// C, as the library is asked for it.
pub const WORD: &str = "[^(\\s|[.,!?…。，、।۔،])]+";

/// The scanner for BLOOM.
#[derive(Debug)]
pub struct Bloom {
    /// [`LETTER`] for the characters of [`WORD`].
    pub classes: &'static CharTable,
}

impl Bloom {
    /// Emits the pieces of a segment.
    #[inline]
    pub fn cut(&self, bytes: &[u8], mut emit: impl FnMut(usize, usize)) {
        let mut at = 0;
        while at < bytes.len() {
            let word = run_of(self.classes, bytes, at, |class| class != LETTER);
            let start = if word < bytes.len() && word > at && bytes[word - 1] == b' ' { word - 1 } else { word };
            if at < start {
                emit(at, start);
            }
            at = run_of(self.classes, bytes, word, |class| class == LETTER);
            if start < at {
                emit(start, at);
            }
        }
    }
}
