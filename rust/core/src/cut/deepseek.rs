//! `DeepSeek`'s V3 and R1: numbers in threes, Chinese characters and kana apart, then an expression for each of what is left.
//!
//! ```text
//! \p{N}{1,3}    [一-龥぀-ゟ゠-ヿ]+
//! A[A-Za-z]+ | [^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+ | ?[\p{P}\p{S}]+[\r\n]* | \s*[\r\n]+ | \s+(?!\S) | \s+
//! A = the punctuation of ASCII
//! ```
//!
//! Each expression sees what the one before it left as a text of its own, whose end is an end to `(?!\S)`. The last one
//! does not match everything: characters of no class (controls, formats) with nothing to begin are pieces together, as are
//! numbers. A mark may stand before letters as any other character may, and is one of them as well: the matches are the same.

use super::ascii::ascii_letters;
use super::bytelevel::{line_ends, number, run_of, whitespace};
use crate::unicode::{CharTable, IDEOGRAPH, LETTER, NUMBER, PUNCTUATION, SPACE};

/// The scanner for `DeepSeek`.
#[derive(Debug)]
pub struct DeepSeek {
    /// Classes of the library.
    pub classes: &'static CharTable,
}

impl DeepSeek {
    /// Emits the pieces of a segment.
    #[inline]
    pub fn cut(&self, bytes: &[u8], mut emit: impl FnMut(usize, usize)) {
        let mut at = 0;
        while at < bytes.len() {
            let (class, length) = self.classes.at(bytes, at);
            if class == NUMBER {
                let end = number(self.classes, bytes, at + length, 3);
                emit(at, end);
                at = end;
                continue;
            }
            let alike = |other: u8| other != NUMBER && (other ^ class) & IDEOGRAPH == 0;
            let end = run_of(self.classes, bytes, at + length, alike);
            self.stretch(&bytes[..end], at, &mut emit);
            at = end;
        }
    }

    /// Pieces from `at` to the end.
    #[inline]
    fn stretch(&self, bytes: &[u8], mut at: usize, emit: &mut impl FnMut(usize, usize)) {
        let mut open = at;
        while at < bytes.len() {
            let Some(end) = self.next(bytes, at) else {
                at += self.classes.at(bytes, at).1;
                continue;
            };
            if open < at {
                emit(open, at);
            }
            emit(at, end);
            (at, open) = (end, end);
        }
        if open < at {
            emit(open, at);
        }
    }

    /// The end of what matches at a place.
    #[inline]
    fn next(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let class = |at: usize| bytes.get(at).map(|_| self.classes.at(bytes, at).0 & !IDEOGRAPH);
        let first = bytes[at];
        let end = at + self.classes.at(bytes, at).1;
        if first.is_ascii_punctuation() && bytes.get(end).is_some_and(u8::is_ascii_alphabetic) {
            return Some(ascii_letters(bytes, end));
        }
        let kind = class(at);
        if kind == Some(LETTER) {
            return Some(self.of_class(bytes, end, LETTER));
        }
        let line_end = matches!(first, b'\r' | b'\n');
        if kind != Some(PUNCTUATION) && !line_end && class(end) == Some(LETTER) {
            return Some(self.of_class(bytes, end, LETTER));
        }
        if kind == Some(PUNCTUATION) || first == b' ' && class(end) == Some(PUNCTUATION) {
            return Some(line_ends(bytes, self.of_class(bytes, end, PUNCTUATION)));
        }
        if kind != Some(SPACE) {
            return None;
        }
        let stop = self.of_class(bytes, end, SPACE);
        let last = bytes[at..stop].iter().rposition(|&byte| byte == b'\r' || byte == b'\n');
        Some(last.map_or_else(|| whitespace(self.classes, bytes, at, end), |last| at + last + 1))
    }

    /// End of the run of a class that goes on at `at`.
    #[inline]
    fn of_class(&self, bytes: &[u8], at: usize, class: u8) -> usize {
        let at = if class == LETTER { ascii_letters(bytes, at) } else { at };
        run_of(self.classes, bytes, at, |other| other & !IDEOGRAPH == class)
    }
}
