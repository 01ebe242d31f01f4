//! CLIP's expression, on text that is in lowercase: words, single digits and marks without the whitespace between them.
//!
//! `<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`
//!
//! What matches is kept, and then divided by GPT-2's expression, which finds each match whole but for the two names of
//! tokens: these become `<|`, the letters and `|>`. Whitespace, which matches nothing, is emitted by nobody, so that it
//! does not matter what the normaliser made of it.

use memchr::memmem;

use super::bytelevel::{contracted, run, with_contractions};
use super::window::{self, Window, number_starts, run_starts};
use crate::unicode::{CharTable, NUMBER, SPACE};

/// Names of tokens that are matches of their own.
const NAMES: [&[u8]; 2] = [b"<|startoftext|>", b"<|endoftext|>"];
/// Bytes of `<|` and of `|>`.
const BRACKET: usize = 2;

/// The scanner for CLIP.
#[derive(Debug)]
pub struct Clip {
    /// Character classes of the library.
    pub classes: &'static CharTable,
    /// The expression begins with the names of tokens.
    pub named: bool,
}

impl Clip {
    /// Emits the pieces of a segment.
    #[inline]
    pub fn cut(&self, bytes: &[u8], mut emit: impl FnMut(usize, usize)) {
        let mut seen = |start: usize, end: usize| {
            if self.classes.at(bytes, start).0 != SPACE {
                emit(start, end);
            }
        };
        if self.named && NAMES.iter().any(|name| memmem::find(bytes, name).is_some()) {
            return self.with_names(bytes, seen);
        }
        window::cut(self.classes, bytes, 0, Self::starts, |at| self.next(bytes, at), &mut seen);
    }

    /// Where pieces begin in a window for certain, and whether that is all of the rest of the text.
    #[inline]
    fn starts(window: &Window, rest: &[u8]) -> (u64, bool) {
        let mut certain = window.certain();
        let numbers = number_starts(window, 1, &mut certain);
        let starts = run_starts(window.letters) | numbers | run_starts(window.others) | run_starts(window.spaces);
        with_contractions(window, rest, starts, certain)
    }

    /// End of the match, or of the whitespace, that begins at `at`.
    #[inline]
    fn next(&self, bytes: &[u8], at: usize) -> usize {
        if let Some(end) = contracted(bytes, at) {
            return end;
        }
        let (class, length) = self.classes.at(bytes, at);
        let end = at + length;
        if class == NUMBER { end } else { run(self.classes, bytes, end, class) }
    }

    #[cold]
    fn with_names(&self, bytes: &[u8], mut emit: impl FnMut(usize, usize)) {
        let mut at = 0;
        while at < bytes.len() {
            let name = NAMES.iter().find(|name| bytes[at..].starts_with(name));
            let end = name.map_or_else(|| self.next(bytes, at), |name| at + name.len());
            if name.is_some() {
                emit(at, at + BRACKET);
                emit(at + BRACKET, end - BRACKET);
                emit(end - BRACKET, end);
            } else {
                emit(at, end);
            }
            at = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cut::bytelevel::tests::{cases, one_by_one, texts};
    use crate::unicode::regex_classes;

    proptest! {
        #![proptest_config(cases())]
        #[test]
        fn windows_of_clip(text in texts()) {
            let classes = regex_classes().unwrap_or_else(|| panic!("no classes"));
            let (text, scanner) = (text.as_bytes(), Clip { classes, named: false });
            let mut found = Vec::new();
            scanner.cut(text, |start, end| found.push((start, end)));
            let mut all = one_by_one(text, |at| scanner.next(text, at));
            all.retain(|&(start, _)| classes.at(text, start).0 != SPACE);
            prop_assert_eq!(found, all);
        }
    }
}
