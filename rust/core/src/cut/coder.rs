//! `DeepSeek` Coder: line ends, words, punctuation, Chinese and Korean characters and digits set apart, one after the other.
//!
//! ```text
//! [\r\n]    \s?\p{L}+    \s?\p{P}+    [一-龥ࠀ-一가-\u{d7ff}]+    each digit
//! ```
//!
//! Each expression divides what those before it left, and never joins: a piece begins where any of them has a border.
//! Words and punctuation take whitespace before them along, which no other does, unless it is a line end; so whether there
//! is a border between two characters is told by these two and the next.

use crate::unicode::{CharTable, IDEOGRAPH, LETTER, PUNCTUATION, SPACE};

/// A digit to the library's `Digits`, a bit of [`Coder::classes`].
pub const DIGIT: u8 = 16;
/// A line end, a bit of [`Coder::classes`].
pub const LINE_END: u8 = 128;

/// The scanner for `DeepSeek` Coder.
#[derive(Debug)]
pub struct Coder {
    /// Letters, punctuation and whitespace of the library, with [`IDEOGRAPH`], [`DIGIT`] and [`LINE_END`].
    pub classes: &'static CharTable,
}

impl Coder {
    /// Emits the pieces of a segment.
    #[inline]
    pub fn cut(&self, bytes: &[u8], mut emit: impl FnMut(usize, usize)) {
        let class = |at: usize| if at < bytes.len() { self.classes.at(bytes, at) } else { (SPACE, 0) };
        let (mut start, mut before) = (0, class(0));
        let (mut at, mut here) = (before.1, class(before.1));
        while at < bytes.len() {
            let after = class(at + here.1);
            if is_border(before.0, here.0, after.0) {
                emit(start, at);
                start = at;
            }
            at += here.1;
            (before, here) = (here, after);
        }
        if start < bytes.len() {
            emit(start, bytes.len());
        }
    }
}

/// Whether a piece begins between `before` and `here`.
#[inline]
fn is_border(before: u8, here: u8, after: u8) -> bool {
    let kind = |class: u8| class & !(IDEOGRAPH | DIGIT | LINE_END);
    let runs = |class: u8| matches!(kind(class), LETTER | PUNCTUATION);
    let changes = kind(before) != kind(here);
    (before | here) & (LINE_END | DIGIT) != 0
        || (before ^ here) & IDEOGRAPH != 0
        || (changes && (runs(before) || (runs(here) && kind(before) != SPACE)))
        || (kind(here) == SPACE && runs(after))
}
