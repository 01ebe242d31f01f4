//! `BertNormalizer` + `BertPreTokenizer`, cut in the raw text.
//!
//! Every step of that normaliser works on single characters, except NFD, which may only reorder combining marks that
//! follow each other. ASCII whitespace, ASCII punctuation and ideographs are no combining marks and are separators
//! (or words of their own) afterwards too, so both sides of such a character are normalised and split independently.
//! Everything else stays in the piece, which `piece::bert` takes apart.
//!
//! Sixty-four bytes are looked at together, as bits of words: from the bytes of pieces that are one character and of
//! those between them follows where pieces begin and where they end. Pieces lie one after the other, so that the n-th
//! beginning and the n-th end belong together.

use crate::block::WINDOW;
use crate::unicode::decode;

/// Classes of the bytes of a window; those of no class belong to words.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Classes {
    /// Space, `\t`, `\n`, `\r`.
    separators: u64,
    /// ASCII punctuation.
    alone: u64,
    /// Bytes from 0xE3 on, which begin characters: no ideograph begins with a lower one.
    high: u64,
}

/// Where ideographs begin, by their length in bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Ideographs {
    three: u64,
    four: u64,
}

/// What a window knows of the one before it.
#[derive(Debug, Default)]
struct Before {
    /// Bit 0: its last byte belongs to a word.
    word: u64,
    /// Bytes that belong to an ideograph, or to a mark, that began in it.
    taken: u64,
    /// Where that one ends.
    ends: u64,
    /// Where the piece begins that did not end in it, if `open`.
    begin: usize,
    open: bool,
}

/// The scanner for BERT.
#[derive(Debug)]
pub struct Bert {
    /// The normaliser puts spaces around ideographs.
    pub ideographs: bool,
}

impl Bert {
    /// Emits the pieces of a segment.
    #[inline]
    pub fn cut(&self, bytes: &[u8], mut emit: impl FnMut(usize, usize)) {
        let mut before = Before::default();
        let (blocks, rest) = bytes.as_chunks::<WINDOW>();
        for (index, block) in blocks.iter().enumerate() {
            self.window(bytes, WINDOW * index, block, &mut before, &mut emit);
        }
        // There is always a separator behind the text, so that every piece ends.
        let mut last = [b' '; WINDOW];
        last[..rest.len()].copy_from_slice(rest);
        self.window(bytes, WINDOW * blocks.len(), &last, &mut before, &mut emit);
    }

    /// Emits the pieces that end in the window at `at`.
    #[inline]
    fn window(
        &self,
        bytes: &[u8],
        at: usize,
        block: &[u8; WINDOW],
        before: &mut Before,
        emit: &mut impl FnMut(usize, usize),
    ) {
        let Classes { separators, alone, high } = classes(block);
        let (mut starts, mut ends) = (alone, before.ends | (alone << 1));
        let mut taken = separators | alone | before.taken;
        (before.taken, before.ends) = (0, alone >> 63);
        if high != 0 && self.ideographs {
            let Ideographs { three, four } = ideographs(bytes, at, block, high);
            starts |= three | four;
            let [three, four] = [three, four].map(u128::from);
            let inside = three | (three << 1) | (three << 2) | four | (four << 1) | (four << 2) | (four << 3);
            let behind = (three << 3) | (four << 4);
            taken |= low(inside);
            ends |= low(behind);
            before.taken = low(inside >> 64);
            before.ends |= low(behind >> 64);
        }
        let words = !taken;
        let follows = (words << 1) | before.word;
        starts |= words & !follows;
        ends |= taken & follows;
        before.word = words >> 63;

        let mut begin = before.begin;
        if !before.open {
            begin = at + starts.trailing_zeros() as usize;
            starts &= starts.wrapping_sub(1);
        }
        while ends != 0 {
            emit(begin, at + ends.trailing_zeros() as usize);
            begin = at + starts.trailing_zeros() as usize;
            starts &= starts.wrapping_sub(1);
            ends &= ends - 1;
        }
        (before.begin, before.open) = (begin, begin < at + WINDOW);
    }
}

#[allow(clippy::cast_possible_truncation)] // what is wanted
fn low(bits: u128) -> u64 {
    bits as u64
}

/// The ideographs that begin at bytes `high` of the window at `at`.
#[inline]
fn ideographs(bytes: &[u8], at: usize, block: &[u8; WINDOW], high: u64) -> Ideographs {
    let mut found = Ideographs::default();
    let mut pending = high;
    while pending != 0 {
        let place = pending.trailing_zeros() as usize;
        pending &= pending - 1;
        let length = match block[place] {
            // U+5000 to U+9FFF.
            0xE5..=0xE9 => 3,
            // U+A000 to U+EFFF hold none.
            0xEA..=0xEE => continue,
            _ => {
                let (code, length) = decode(bytes, at + place);
                if !is_ideograph(code) {
                    continue;
                }
                length
            }
        };
        *(if length == 3 { &mut found.three } else { &mut found.four }) |= 1 << place;
    }
    found
}

/// What the crate's normaliser takes for a Chinese character.
fn is_ideograph(code: u32) -> bool {
    matches!(code,
        0x4E00..=0x9FFF | 0x3400..=0x4DBF | 0x2_0000..=0x2_A6DF | 0x2_A700..=0x2_B73F | 0x2_B740..=0x2_B81F
        | 0x2_B920..=0x2_CEAF | 0xF900..=0xFAFF | 0x2_F800..=0x2_FA1F)
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn classes(block: &[u8; WINDOW]) -> Classes {
    // SAFETY: every x86-64 processor has SSE2; it belongs to the architecture.
    #[allow(unsafe_code)]
    unsafe {
        classes_sse2(block)
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn classes_sse2(block: &[u8; WINDOW]) -> Classes {
    use crate::block::sse2::{among, bits, is, letters, load};
    use std::arch::x86_64::{_mm_andnot_si128, _mm_or_si128};
    let mut classes = Classes::default();
    for (index, sixteen) in block.as_chunks::<16>().0.iter().enumerate() {
        let bytes = load(sixteen);
        let shift = 16 * index;
        let alphanumeric = _mm_or_si128(letters(bytes), among(bytes, b'0', 10));
        let alone = _mm_andnot_si128(alphanumeric, among(bytes, b'!', 94));
        let ends = _mm_or_si128(among(bytes, b'\t', 2), is(bytes, b'\r'));
        classes.separators |= bits(_mm_or_si128(is(bytes, b' '), ends)) << shift;
        classes.alone |= bits(alone) << shift;
        classes.high |= bits(among(bytes, 0xE3, 29)) << shift;
    }
    classes
}

/// The same one byte at a time.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn classes_portable(block: &[u8; WINDOW]) -> Classes {
    let mut classes = Classes::default();
    for (index, &byte) in block.iter().enumerate() {
        let bit = 1u64 << index;
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => classes.separators |= bit,
            0xE3.. => classes.high |= bit,
            _ if byte.is_ascii_punctuation() => classes.alone |= bit,
            _ => {}
        }
    }
    classes
}

#[cfg(not(target_arch = "x86_64"))]
use classes_portable as classes;

#[cfg(test)]
#[path = "bert_tests.rs"]
mod tests;
