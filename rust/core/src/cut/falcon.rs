//! Falcon: runs of punctuation, then GPT-2's expression, then digits, then groups of three ASCII digits.
//!
//! `Digits` runs on the byte-level alphabet, where a byte such as 0xB2 stands as `²`, a numeric character: the bytes
//! that are numeric there are read off the crate's alphabet when the tokenizer is loaded.

use super::bytelevel::Gpt2;
use super::window::{self, Window, below, number_starts, run_starts};
use crate::unicode::CharTable;

/// The scanner for Falcon.
#[derive(Debug)]
pub struct Falcon {
    /// GPT-2's expression.
    pub gpt2: Gpt2,
    /// 1 for what the `Punctuation` pre-tokeniser splits on.
    pub punctuation: CharTable,
    /// Bytes whose character in the byte-level alphabet is numeric.
    pub numeric: [bool; 256],
}

impl Falcon {
    /// Emits the pieces of a segment.
    #[inline]
    pub fn cut(&self, bytes: &[u8], mut emit: impl FnMut(usize, usize)) {
        let window = |at| Window::narrow(bytes, at).until_wide();
        let starts = |window: &Window, _: &[u8]| Self::starts(window);
        window::cut_by(bytes, 0, window, starts, |at, emit| self.run(bytes, at, emit), &mut emit);
    }

    /// Where pieces begin in a window of ASCII for certain, and whether that is all of the rest of the text.
    #[inline]
    fn starts(window: &Window) -> (u64, bool) {
        let Window { letters, spaces, others, blanks, graphic, .. } = *window;
        let (punctuation, controls) = (others & graphic, others & !graphic);
        let mut certain = window.certain();
        let numbers = number_starts(window, 3, &mut certain);
        // A space joins what stands behind it, unless that is a digit or punctuation, before which all whitespace is one.
        let texts = (run_starts(letters) | run_starts(controls)) & !(blanks << 1);
        let spaces = run_starts(spaces) | (window.before_text(spaces) & !(punctuation >> 1));
        let starts = texts | run_starts(punctuation) | numbers | spaces;
        (starts & certain & below(window.known), window.ends && certain == u64::MAX)
    }

    /// Emits the pieces up to where punctuation begins or ends, and gives that place.
    fn run(&self, bytes: &[u8], at: usize, emit: &mut impl FnMut(usize, usize)) -> usize {
        let kind = self.punctuation.at(bytes, at).0;
        let mut end = at;
        while end < bytes.len() {
            let (found, length) = self.punctuation.at(bytes, end);
            if found != kind {
                break;
            }
            end += length;
        }
        self.gpt2.cut(bytes, at, end, |start, stop| self.digits(bytes, start, stop, emit));
        end
    }

    fn digits(&self, bytes: &[u8], start: usize, end: usize, emit: &mut impl FnMut(usize, usize)) {
        let mut at = start;
        while at < end {
            let kind = self.numeric[usize::from(bytes[at])];
            let length = bytes[at..end].iter().take_while(|&&byte| self.numeric[usize::from(byte)] == kind).count();
            if kind {
                threes(bytes, at, at + length, emit);
            } else {
                emit(at, at + length);
            }
            at += length;
        }
    }
}

/// `[0-9][0-9][0-9]`, isolated; what lies between the matches stays whole.
fn threes(bytes: &[u8], start: usize, end: usize, emit: &mut impl FnMut(usize, usize)) {
    let (mut done, mut at) = (start, start);
    while at + 3 <= end {
        if bytes[at..at + 3].iter().all(u8::is_ascii_digit) {
            if done < at {
                emit(done, at);
            }
            emit(at, at + 3);
            at += 3;
            done = at;
        } else {
            at += 1;
        }
    }
    if done < end {
        emit(done, end);
    }
}

#[cfg(test)]
#[path = "falcon_tests.rs"]
mod tests;
