//! o200k (GPT-4o, gpt-oss, Llama-4) and, without contractions, Tekken (Mistral NeMo): words end where case falls.
//!
//! ```text
//! P?U*L+C? | P?U+L*C? | \p{N}{1,D} | ?[^\s\p{L}\p{N}]+[\r\n/]* | \s*[\r\n]+ | \s+(?!\S) | \s+
//! P = [^\r\n\p{L}\p{N}]   U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]   L = [\p{Ll}\p{Lm}\p{Lo}\p{M}]
//! C = (?i:'s|'t|'re|'ve|'m|'ll|'d)
//! ```
//!
//! `U` and `L` share caseless letters and marks, so that `U*L+` backtracks: where no `L` follows the longest `U*`, it
//! gives characters back up to the last shared one, which `L+` takes, and nothing after that. Only a `U*` without a
//! shared character fails; then the second alternative takes it whole. A mark may be `P`, `U` or `L`: as `P` it goes
//! first, but where it has nothing of `L` after it, the first alternative takes it as a word of its own before the
//! second one is tried.

use super::bytelevel::{contraction_any_case, number, run_of, whitespace};
use crate::unicode::{CharTable, LOWER, MARK, NUMBER, OTHER, SPACE, UPPER};

/// The scanner for o200k and its kin.
#[derive(Debug)]
pub struct O200k {
    /// Classes by case of the library.
    pub classes: &'static CharTable,
    /// A word takes the contraction after it.
    pub contractions: bool,
    /// D, the most digits in a piece.
    pub digits: usize,
}

impl O200k {
    /// Emits the pieces of a segment.
    #[inline]
    pub fn cut(&self, bytes: &[u8], mut emit: impl FnMut(usize, usize)) {
        let mut at = 0;
        while at < bytes.len() {
            let end = self.next(bytes, at);
            emit(at, end);
            at = end;
        }
    }

    #[inline]
    fn next(&self, bytes: &[u8], at: usize) -> usize {
        let (class, length) = self.classes.at(bytes, at);
        let end = at + length;
        if class == NUMBER {
            return number(self.classes, bytes, end, self.digits);
        }
        if class & MARK != 0 {
            let (stop, lowered) = self.word(bytes, end);
            return self.contraction(bytes, if lowered { stop } else { end });
        }
        if class & (UPPER | LOWER) != 0 {
            return self.contraction(bytes, self.word(bytes, at).0);
        }
        let line_end = matches!(bytes[at], b'\r' | b'\n');
        let (stop, _) = if line_end { (end, false) } else { self.word(bytes, end) };
        if stop > end {
            return self.contraction(bytes, stop);
        }
        self.between(bytes, at, end, class)
    }

    /// The end of `U*L+`, or else of `U*`, from `at`; whether it was the first.
    #[inline]
    fn word(&self, bytes: &[u8], from: usize) -> (usize, bool) {
        let (mut at, mut shared) = (from, from);
        while at < bytes.len() {
            let (class, length) = self.classes.at(bytes, at);
            if class & UPPER == 0 {
                if class & LOWER == 0 {
                    break;
                }
                return (run_of(self.classes, bytes, at + length, |class| class & LOWER != 0), true);
            }
            at += length;
            if class & LOWER != 0 {
                shared = at;
            }
        }
        if shared > from { (shared, true) } else { (at, false) }
    }

    /// The last four alternatives, for a character that no word begins with.
    fn between(&self, bytes: &[u8], at: usize, end: usize, class: u8) -> usize {
        let punctuation = |class: u8| class == OTHER || class & MARK != 0;
        let blank = bytes[at] == b' ' && end < bytes.len() && punctuation(self.classes.at(bytes, end).0);
        if class != SPACE || blank {
            let stop = run_of(self.classes, bytes, end, punctuation);
            return stop + bytes[stop..].iter().take_while(|&&byte| matches!(byte, b'\r' | b'\n' | b'/')).count();
        }
        let stop = run_of(self.classes, bytes, end, |class| class == SPACE);
        match bytes[at..stop].iter().rposition(|&byte| byte == b'\r' || byte == b'\n') {
            Some(last) => at + last + 1,
            None => whitespace(self.classes, bytes, at, end),
        }
    }

    #[inline]
    fn contraction(&self, bytes: &[u8], at: usize) -> usize {
        if self.contractions && bytes.get(at) == Some(&b'\'') {
            let length = contraction_any_case(&bytes[at + 1..]);
            return at + length + usize::from(length > 0);
        }
        at
    }
}
