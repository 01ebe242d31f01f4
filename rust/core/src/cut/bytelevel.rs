//! The regular expressions of byte-level BPE tokenizers, as single-pass scanners.
//!
//! Each `next` function returns the end of the match that starts at `at`. Alternatives are tried in the order of the
//! expression, greedily, as the engine does; together they cover every character, so that matches are contiguous.

use super::ascii::ascii_letters;
use super::window::{self, Window, below, bit, first_of, number_starts, run_starts};
use crate::unicode::{CharTable, LETTER, NUMBER, OTHER, SPACE, previous};

/// GPT-2: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
#[derive(Debug)]
pub struct Gpt2 {
    /// Character classes of the library.
    pub classes: &'static CharTable,
}

impl std::fmt::Debug for CharTable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CharTable")
    }
}

impl Gpt2 {
    /// Emits the pieces of `text[from..to]`, taken as a text of its own.
    #[inline]
    pub fn cut(&self, text: &[u8], from: usize, to: usize, mut emit: impl FnMut(usize, usize)) {
        let bytes = &text[..to];
        window::cut(self.classes, bytes, from, Self::starts, |at| self.next(bytes, at), &mut emit);
    }

    /// Where pieces begin in a window for certain, and whether that is all of the rest of the text.
    #[inline]
    fn starts(window: &Window, rest: &[u8]) -> (u64, bool) {
        let texts = run_starts(window.letters) | run_starts(window.numbers) | run_starts(window.others);
        let spaces = run_starts(window.spaces) | window.before_text(window.spaces);
        let starts = (texts & !(window.blanks << 1)) | spaces;
        with_contractions(window, rest, starts, window.certain())
    }

    #[inline]
    fn next(&self, bytes: &[u8], at: usize) -> usize {
        if let Some(end) = contracted(bytes, at) {
            return end;
        }
        let (mut class, length) = self.classes.at(bytes, at);
        let mut end = at + length;
        if bytes[at] == b' ' && end < bytes.len() {
            let (after, length) = self.classes.at(bytes, end);
            if after != SPACE {
                class = after;
                end += length;
            }
        }
        if class == SPACE { whitespace(self.classes, bytes, at, end) } else { run(self.classes, bytes, end, class) }
    }
}

/// cl100k and its kin: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,D}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
#[derive(Debug)]
pub struct Cl100k {
    /// Character classes of the library.
    pub classes: &'static CharTable,
    /// D, the most digits in a piece.
    pub digits: usize,
}

impl Cl100k {
    /// Emits the pieces of a segment.
    #[inline]
    pub fn cut(&self, bytes: &[u8], mut emit: impl FnMut(usize, usize)) {
        let starts = |window: &Window, rest: &[u8]| self.starts(window, rest);
        window::cut(self.classes, bytes, 0, starts, |at| self.next(bytes, at), &mut emit);
    }

    /// Where pieces begin in a window for certain, and whether that is all of the rest of the text.
    #[inline]
    fn starts(&self, window: &Window, rest: &[u8]) -> (u64, bool) {
        let Window { letters, numbers, others, blanks, line_ends, leads, .. } = *window;
        let mut certain = window.certain();
        // Line ends directly behind other characters belong to them.
        let absorbed = first_of(line_ends, others << 1);
        let spaces = window.spaces & !absorbed;
        let gaps = window.spaces & !line_ends;
        let after_line = gaps & (line_ends << 1);
        // Whitespace between line ends: which is the last one is left to `next`.
        let between = gaps.wrapping_add(after_line) & line_ends;
        if between != 0 {
            let before = run_starts(spaces) & (between ^ (between - 1));
            certain &= below(64 - before.leading_zeros());
        }
        let space_starts = run_starts(spaces) | after_line | (window.before_text(window.spaces) & gaps);
        let other_starts = run_starts(others);
        let free = other_starts & !(blanks << 1);
        // A word takes the character before it, unless that is a number, a line end, or one of several others.
        let later = others & leads & (others << 1);
        let several = others.wrapping_add(later | (other_starts & (blanks << 1))) & !others;
        let letter_starts = run_starts(letters) & ((numbers << 1) | (line_ends << 1) | several | 1);
        let mut starts = letter_starts | free | space_starts | number_starts(window, self.digits, &mut certain);
        for (at, length) in contractions(window, rest, free, &mut certain, contraction_any_case) {
            starts |= bit(at + 1 + length);
        }
        (starts & certain & below(window.known), window.ends && certain == u64::MAX)
    }

    #[inline]
    fn next(&self, bytes: &[u8], at: usize) -> usize {
        let first = bytes[at];
        if first == b'\'' {
            let length = contraction_any_case(&bytes[at + 1..]);
            if length > 0 {
                return at + 1 + length;
            }
        }
        let (class, length) = self.classes.at(bytes, at);
        let end = at + length;
        if class == LETTER {
            return run(self.classes, bytes, end, LETTER);
        }
        if class == NUMBER {
            return number(self.classes, bytes, end, self.digits);
        }
        if end < bytes.len() && first != b'\r' && first != b'\n' {
            let (after, length) = self.classes.at(bytes, end);
            if after == LETTER {
                return run(self.classes, bytes, end + length, LETTER);
            }
            if first == b' ' && after == OTHER {
                return line_ends(bytes, run(self.classes, bytes, end + length, OTHER));
            }
        }
        if class == OTHER {
            return line_ends(bytes, run(self.classes, bytes, end, OTHER));
        }
        let stop = run(self.classes, bytes, end, SPACE);
        match bytes[at..stop].iter().rposition(|&byte| byte == b'\r' || byte == b'\n') {
            Some(last) => at + last + 1,
            None => whitespace(self.classes, bytes, at, end),
        }
    }
}

/// Where pieces begin for certain, contractions among them, and whether that is all of the rest of the text.
#[inline]
pub(super) fn with_contractions(window: &Window, rest: &[u8], mut starts: u64, mut certain: u64) -> (u64, bool) {
    for (at, length) in contractions(window, rest, starts, &mut certain, contraction) {
        starts = (starts & !bit(at + 1)) | bit(at + 1 + length);
    }
    (starts & certain & below(window.known), window.ends && certain == u64::MAX)
}

/// End of the contraction that begins at `at`, if one does.
#[inline]
pub(super) fn contracted(bytes: &[u8], at: usize) -> Option<usize> {
    let length = if bytes[at] == b'\'' { contraction(&bytes[at + 1..]) } else { 0 };
    (length > 0).then_some(at + 1 + length)
}

/// The apostrophes among `starts` that begin a contraction, each with the length of what follows it.
///
/// Where a window does not show all of one, nothing behind its apostrophe is certain.
#[inline]
fn contractions(
    window: &Window,
    rest: &[u8],
    starts: u64,
    certain: &mut u64,
    length: impl Fn(&[u8]) -> usize,
) -> impl Iterator<Item = (usize, usize)> {
    let mut apostrophes = window.apostrophes & starts & (window.letters >> 1);
    if !window.ends {
        let cut_off = apostrophes & !below(window.known.saturating_sub(3));
        if cut_off != 0 {
            *certain &= below(cut_off.trailing_zeros() + 1);
            apostrophes &= below(cut_off.trailing_zeros());
        }
    }
    std::iter::from_fn(move || {
        while apostrophes != 0 {
            let at = apostrophes.trailing_zeros() as usize;
            apostrophes &= apostrophes - 1;
            let length = length(&rest[at + 1..]);
            if length > 0 {
                return Some((at, length));
            }
        }
        None
    })
}

/// `\p{N}{1,most}`, whose first number ends at `end`.
pub(super) fn number(classes: &CharTable, bytes: &[u8], mut end: usize, most: usize) -> usize {
    for _ in 1..most {
        if end >= bytes.len() {
            break;
        }
        let (class, length) = classes.at(bytes, end);
        if class != NUMBER {
            break;
        }
        end += length;
    }
    end
}

/// End of the run of characters whose classes belong to it and that goes on at `at`.
#[inline]
pub(super) fn run_of(classes: &CharTable, bytes: &[u8], mut at: usize, belongs: impl Fn(u8) -> bool) -> usize {
    while at < bytes.len() {
        let (class, length) = classes.at(bytes, at);
        if !belongs(class) {
            break;
        }
        at += length;
    }
    at
}

/// End of the run of characters of `class` that goes on at `at`.
#[inline]
pub(super) fn run(classes: &CharTable, bytes: &[u8], at: usize, class: u8) -> usize {
    let at = if class == LETTER { ascii_letters(bytes, at) } else { at };
    run_of(classes, bytes, at, |found| found == class)
}

/// `\s+(?!\S)|\s+` from `at`, where the first whitespace character ends at `end`: all but the last before a text.
pub(super) fn whitespace(classes: &CharTable, bytes: &[u8], at: usize, end: usize) -> usize {
    let stop = run(classes, bytes, end, SPACE);
    if stop == bytes.len() {
        return stop;
    }
    let last = previous(bytes, stop);
    if last > at { last } else { stop }
}

/// `[\r\n]*`
pub(super) fn line_ends(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|&&byte| byte == b'\r' || byte == b'\n').count()
}

/// Length of `s`, `t`, `re`, `ve`, `m`, `ll` or `d` at the start of `bytes`; 0 if there is none.
#[inline]
fn contraction(bytes: &[u8]) -> usize {
    match bytes {
        [b's' | b't' | b'm' | b'd', ..] => 1,
        [b'r' | b'v', b'e', ..] | [b'l', b'l', ..] => 2,
        _ => 0,
    }
}

/// The same in any case; U+017F (ſ) is an s then.
#[inline]
pub(super) fn contraction_any_case(bytes: &[u8]) -> usize {
    match bytes {
        [b's' | b'S' | b't' | b'T' | b'm' | b'M' | b'd' | b'D', ..] => 1,
        [b'r' | b'R' | b'v' | b'V', b'e' | b'E', ..] | [b'l' | b'L', b'l' | b'L', ..] | [0xC5, 0xBF, ..] => 2,
        _ => 0,
    }
}

#[cfg(test)]
#[path = "bytelevel_tests.rs"]
pub mod tests;
