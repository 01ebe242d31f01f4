//! Sixty-four bytes at a time: which class each byte has, as bits of a word.
//!
//! A window begins where a piece begins. From its classes a scanner computes, with a few operations on words, where
//! further pieces begin; a byte of a longer character has the class of its character. What the window cannot tell is
//! left out, and the next window begins at the last border found. Where there is none the scanner's function for a
//! single piece goes on, so that it is the definition and the windows a way to be faster.

use crate::block::{WINDOW, padded};
use crate::unicode::{CharTable, LETTER, NUMBER, OTHER, SPACE};

/// Classes of the bytes from some place on; the bits of bytes that are not known are 0.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// `\p{L}`
    pub letters: u64,
    /// `\p{N}`
    pub numbers: u64,
    /// `\s`, ASCII only: a window ends before other whitespace.
    pub spaces: u64,
    /// The rest.
    pub others: u64,
    /// The space.
    pub blanks: u64,
    /// ASCII characters that are seen: letters, digits and punctuation.
    pub graphic: u64,
    /// CR and LF.
    pub line_ends: u64,
    /// `'`
    pub apostrophes: u64,
    /// Bytes that are not ASCII.
    pub wide: u64,
    /// First bytes of characters.
    pub leads: u64,
    /// How many bytes are known.
    pub known: u32,
    /// The text ends behind the known bytes.
    pub ends: bool,
}

impl Window {
    /// The window at `at`.
    #[inline]
    pub fn new(classes: &CharTable, bytes: &[u8], at: usize) -> Self {
        let mut window = Self::narrow(bytes, at);
        if window.wide != 0 {
            window.widen(classes, &bytes[at..]);
        }
        window
    }

    /// The window at `at`, where bytes that are not ASCII have no class.
    #[inline]
    pub fn narrow(bytes: &[u8], at: usize) -> Self {
        let rest = &bytes[at..];
        match rest.first_chunk::<WINDOW>() {
            Some(block) => Self { known: 64, ends: rest.len() == WINDOW, ..ascii(block) },
            None => Self::last(rest),
        }
    }

    /// The window over the end of a text.
    fn last(rest: &[u8]) -> Self {
        #[allow(clippy::cast_possible_truncation)] // below 64
        let mut window = Self { known: rest.len() as u32, ends: true, ..ascii(&padded(rest)) };
        window.forget(window.known);
        window
    }

    /// Gives the bytes that are not ASCII the classes of their characters.
    fn widen(&mut self, classes: &CharTable, rest: &[u8]) {
        let mut pending = self.wide & self.leads;
        let last = (pending | 1).ilog2();
        let mut spaces = 0;
        while pending != 0 {
            let at = pending.trailing_zeros();
            let class = classes.wide(rest, at as usize);
            self.letters |= u64::from(class == LETTER) << at;
            self.numbers |= u64::from(class == NUMBER) << at;
            self.others |= u64::from(class == OTHER) << at;
            spaces |= u64::from(class == SPACE) << at;
            pending &= pending - 1;
        }
        let tails = self.wide & !self.leads;
        for bits in [&mut self.letters, &mut self.numbers, &mut self.others] {
            for _ in 0..3 {
                *bits |= (*bits << 1) & tails;
            }
        }
        let shown = rest[last as usize].leading_ones() + last <= self.known;
        let known = if shown { self.known } else { last }.min(spaces.trailing_zeros());
        if known < self.known {
            self.ends = false;
            self.forget(known);
        }
    }

    /// The window up to the first byte that is not ASCII.
    #[inline]
    pub fn until_wide(mut self) -> Self {
        if self.wide != 0 {
            self.ends = false;
            self.forget(self.wide.trailing_zeros());
        }
        self
    }

    /// Leaves only the first `known` bytes.
    fn forget(&mut self, known: u32) {
        let kept = below(known);
        self.known = known;
        for bits in [
            &mut self.letters,
            &mut self.numbers,
            &mut self.spaces,
            &mut self.others,
            &mut self.blanks,
            &mut self.graphic,
            &mut self.line_ends,
            &mut self.apostrophes,
            &mut self.wide,
            &mut self.leads,
        ] {
            *bits &= kept;
        }
    }

    /// Whitespace with text behind it.
    #[inline]
    pub fn before_text(&self, spaces: u64) -> u64 {
        let end = if self.ends { 1u64.checked_shl(self.known.wrapping_sub(1)).unwrap_or(0) } else { 0 };
        spaces & !(self.spaces >> 1) & !end
    }

    /// Places up to the beginning of the last run, all if the text ends: what begins later depends on bytes not known.
    #[inline]
    pub fn certain(&self) -> u64 {
        let starts =
            run_starts(self.letters) | run_starts(self.numbers) | run_starts(self.spaces) | run_starts(self.others);
        if self.ends { u64::MAX } else { below(64 - starts.leading_zeros()) }
    }
}

/// Where runs of ones begin.
#[inline]
pub fn run_starts(bits: u64) -> u64 {
    bits & !(bits << 1)
}

/// The runs of ones that begin at one of these places, whole; the others not at all.
#[inline]
pub fn first_of(runs: u64, places: u64) -> u64 {
    let begun = run_starts(runs) & places;
    (runs.wrapping_add(begun) ^ runs) & runs
}

/// The bit of a place; none beyond the window.
#[inline]
pub fn bit(place: usize) -> u64 {
    if place < WINDOW { 1 << place } else { 0 }
}

/// The lowest `count` bits.
#[inline]
pub fn below(count: u32) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

/// Calls `emit` with each piece of `bytes` from `from` on.
///
/// `window` gives the window at a place, `starts` the places in it where pieces begin for certain and whether these are
/// all up to the end of the text; where that is none, `go_on` emits what begins at a place and gives where it ends.
#[inline]
pub fn cut_by<E: FnMut(usize, usize)>(
    bytes: &[u8],
    from: usize,
    window: impl Fn(usize) -> Window,
    starts: impl Fn(&Window, &[u8]) -> (u64, bool),
    go_on: impl Fn(usize, &mut E) -> usize,
    mut emit: E,
) {
    let mut at = from;
    while at < bytes.len() {
        let (starts, complete) = starts(&window(at), &bytes[at..]);
        let begin = up_to_last(at, starts, &mut emit);
        at = match begin {
            _ if complete => {
                emit(begin, bytes.len());
                bytes.len()
            }
            _ if begin == at => go_on(at, &mut emit),
            _ => begin,
        };
    }
}

/// The same with windows of all characters; `next` gives the end of a single piece.
#[inline]
pub fn cut<E: FnMut(usize, usize)>(
    classes: &CharTable,
    bytes: &[u8],
    from: usize,
    starts: impl Fn(&Window, &[u8]) -> (u64, bool),
    next: impl Fn(usize) -> usize,
    emit: E,
) {
    let go_on = |at, emit: &mut E| {
        let end = next(at);
        emit(at, end);
        end
    };
    cut_by(bytes, from, |at| Window::new(classes, bytes, at), starts, go_on, emit);
}

/// Emits the pieces of a window at `at` that end where others start, and gives where the last of these starts.
#[inline]
fn up_to_last(at: usize, starts: u64, mut emit: impl FnMut(usize, usize)) -> usize {
    let mut begin = at;
    let mut pending = starts & !1;
    while pending != 0 {
        let end = at + pending.trailing_zeros() as usize;
        emit(begin, end);
        begin = end;
        pending &= pending - 1;
    }
    begin
}

/// Where numbers of at most `digits` characters begin.
#[inline]
pub fn number_starts(window: &Window, digits: usize, certain: &mut u64) -> u64 {
    let numbers = window.numbers;
    if digits == 1 {
        return numbers & window.leads;
    }
    let wide = numbers & window.wide;
    if wide != 0 {
        *certain &= below(wide.trailing_zeros());
    }
    let mut starts = run_starts(numbers);
    let mut reached = starts;
    for _ in 0..digits {
        reached = (reached << 1) & numbers;
    }
    while reached != 0 {
        starts |= reached;
        for _ in 0..digits {
            reached = (reached << 1) & numbers;
        }
    }
    starts
}

/// Classes of ASCII bytes; of the others only that they are there.
#[cfg(target_arch = "x86_64")]
#[inline]
fn ascii(block: &[u8; WINDOW]) -> Window {
    // SAFETY: every x86-64 processor has SSE2; it belongs to the architecture.
    #[allow(unsafe_code)]
    unsafe {
        ascii_sse2(block)
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn ascii_sse2(block: &[u8; WINDOW]) -> Window {
    use crate::block::sse2::{among, bits, is, letters, load};
    use std::arch::x86_64::_mm_or_si128;
    let mut window = Window::default();
    for (index, sixteen) in block.as_chunks::<16>().0.iter().enumerate() {
        let bytes = load(sixteen);
        let shift = 16 * index;
        let letters = bits(letters(bytes));
        let numbers = bits(among(bytes, b'0', 10));
        let (blank, control) = (is(bytes, b' '), among(bytes, b'\t', 5));
        let spaces = bits(_mm_or_si128(blank, control));
        let wide = bits(bytes);
        window.letters |= letters << shift;
        window.numbers |= numbers << shift;
        window.spaces |= spaces << shift;
        window.others |= (0xFFFF & !(letters | numbers | spaces | wide)) << shift;
        window.wide |= wide << shift;
        window.blanks |= bits(blank) << shift;
        window.graphic |= bits(among(bytes, b'!', 94)) << shift;
        window.line_ends |= bits(_mm_or_si128(is(bytes, b'\r'), is(bytes, b'\n'))) << shift;
        window.apostrophes |= bits(is(bytes, b'\'')) << shift;
        window.leads |= (0xFFFF & !bits(among(bytes, 0x80, 0x40))) << shift;
    }
    window
}

/// The same one byte at a time.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn ascii_portable(block: &[u8; WINDOW]) -> Window {
    let mut window = Window::default();
    for (index, &byte) in block.iter().enumerate() {
        let bit = 1u64 << index;
        let class = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => &mut window.letters,
            b'0'..=b'9' => &mut window.numbers,
            b' ' | b'\t'..=b'\r' => &mut window.spaces,
            0x80.. => &mut window.wide,
            _ => &mut window.others,
        };
        *class |= bit;
        window.blanks |= if byte == b' ' { bit } else { 0 };
        window.graphic |= if byte.is_ascii_graphic() { bit } else { 0 };
        window.line_ends |= if matches!(byte, b'\r' | b'\n') { bit } else { 0 };
        window.apostrophes |= if byte == b'\'' { bit } else { 0 };
        window.leads |= if byte & 0xC0 == 0x80 { 0 } else { bit };
    }
    window
}

#[cfg(not(target_arch = "x86_64"))]
use ascii_portable as ascii;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{WINDOW, Window, ascii, ascii_portable};
    use crate::unicode::regex_classes;

    proptest! {
        #[test]
        fn the_same_as_one_byte_at_a_time(bytes in proptest::collection::vec(any::<u8>(), WINDOW)) {
            let block: [u8; WINDOW] = std::array::from_fn(|at| bytes[at]);
            prop_assert_eq!(ascii(&block), ascii_portable(&block));
        }

        #[test]
        fn classes_are_those_of_the_table(text in "[ -~\t\r\n\u{b}\u{c}éΩ中🎉²٣\u{301}]{1,80}") {
            let classes = regex_classes().unwrap_or_else(|| panic!("no classes"));
            let window = Window::new(classes, text.as_bytes(), 0);
            prop_assert_eq!(window.ends, text.len() <= WINDOW);
            prop_assert!(window.known as usize + 3 >= WINDOW.min(text.len()));
            let masks = [window.others, window.letters, window.numbers, 0, window.spaces];
            for (at, character) in text.char_indices().filter(|(at, _)| *at < window.known as usize) {
                let class = usize::from(classes.get(character as u32));
                for place in at..at + character.len_utf8() {
                    let found: Vec<usize> = (0..5).filter(|&class| masks[class] >> place & 1 == 1).collect();
                    prop_assert_eq!(&found, &[class], "{:?} at {}", character, at);
                }
                prop_assert_eq!(window.leads >> at & 1, 1);
            }
        }
    }
}
