//! Safe splits: places inside a piece that no merge reaches across, read off the vocabulary.
//!
//! **Claim.** Let every character of a piece begin as symbols of its own. If no merged token's string holds `x` next to
//! `y`, where `x` is the end of the piece before a border of two characters (a whole character, or as much of it as
//! the token holds) and `y` the beginning after it, then the ids of the piece are those of its two sides in a row.
//!
//! **Proof.** A symbol always spells a range of the piece. A symbol across the border would have come from a merge, its
//! string would be a merged token's, and that string would hold a range around the border: an `x` next to a `y`. There
//! is none, so no merge ever takes place across the border. Which merge comes next on one side (lowest rank, then
//! leftmost) depends on the symbols of that side alone; merges of the other side come in between without touching them.
//! By induction each side goes through the states it goes through on its own.
//!
//! What begins as symbols of its own is checked when the tokenizer is loaded: a byte-level vocabulary, or byte fallback
//! with all bytes, and no merge of such a byte or of the unknown token (so nothing is ever fused).
//! **Absent bytes.** Where the vocabulary lacks a byte and there is no unknown token, the byte leaves no symbol, and its
//! neighbours stand side by side. No piece is split beside a character that holds such a byte. Everywhere else both
//! sides of a border are whole, and symbols across it would be neighbours of the last byte before it and the first
//! after it; the proof holds.
//! **Whole words** (`ignore_merges`): a look-up of the whole piece counts only where merging gives something else; a
//! piece that is such an entry is not split, and neither is one of whose parts is (a part must not be looked up).

use std::collections::HashSet;

use foldhash::fast::FixedState;

use crate::count::home;

/// The longest key that lies inline in the table: shorter pieces gain nothing from a split.
pub const LONGEST_WHOLE: usize = 15;

/// Bits of the filter for each pair that merged tokens hold.
const BITS_A_PAIR: usize = 32;
/// Bits of the filter at most, a power of two: 512 KB.
const MOST_BITS: usize = 1 << 22;

/// Where pieces may be split.
#[derive(Debug)]
pub struct SafeSplits {
    /// For each last byte before a border and first byte after it: whether any merged token holds them so.
    touching: Box<[[u64; 4]; 256]>,
    /// A bit, by its hash, for each pair of sides that merged tokens hold; one that shares it is left whole as well.
    joined: Box<[u64]>,
    /// Whether a byte leaves no symbol; `None` if all do.
    absent: Option<Box<[bool; 256]>>,
    /// Lengths of two sides that occur in `joined`, in bytes: bit `4 * (left - 1) + right - 1`.
    lengths: u16,
}

impl SafeSplits {
    /// Reads the splits off the strings of all merged tokens; `absent` are the bytes that leave no symbol.
    ///
    /// With `marked`, a space in a piece stands for the tokens' `▁`.
    pub fn new(tokens: &[Vec<u8>], absent: &[u8], marked: bool) -> Self {
        let pairs: HashSet<(u32, u32), FixedState> = tokens.iter().flat_map(|token| borders(token, marked)).collect();
        let bits = (pairs.len() * BITS_A_PAIR).next_power_of_two().clamp(128, MOST_BITS);
        let joined = vec![0; bits / 64].into();
        let mut this = Self { touching: Box::new([[0; 4]; 256]), joined, absent: None, lengths: 0 };
        pairs.into_iter().for_each(|(left, right)| this.join(left, right));
        absent.iter().for_each(|&byte| this.leave_whole(byte));
        this
    }

    fn join(&mut self, left: u32, right: u32) {
        let (last, [first, ..]) = ((left >> (8 * (length(left) - 1))) as usize, right.to_le_bytes());
        self.touching[last][usize::from(first / 64)] |= 1 << (first % 64);
        self.lengths |= 1 << (4 * (length(left) - 1) + length(right) - 1);
        let (word, bit) = self.place(left, right);
        self.joined[word] |= bit;
    }

    /// No piece is split beside a character with this byte.
    fn leave_whole(&mut self, byte: u8) {
        self.absent.get_or_insert_with(|| Box::new([false; 256]))[usize::from(byte)] = true;
        self.touching[usize::from(byte)] = [u64::MAX; 4];
        self.touching.iter_mut().for_each(|after| after[usize::from(byte / 64)] |= 1 << (byte % 64));
    }

    fn place(&self, left: u32, right: u32) -> (usize, u64) {
        let hash = ((u64::from(left) << 32) | u64::from(right)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (home(hash, self.joined.len()), 1 << (hash >> 32 & 63))
    }

    fn holds(&self, left: u32, right: u32) -> bool {
        let (word, bit) = self.place(left, right);
        self.joined[word] & bit != 0
    }

    /// Whether no merged token holds a character that ends with the one byte next to one that begins with the other.
    #[inline]
    pub fn are_apart(&self, last: u8, first: u8) -> bool {
        self.touching[usize::from(last)][usize::from(first / 64)] & (1 << (first % 64)) == 0
    }

    /// Whether some merged token may reach across the border of two characters.
    #[inline]
    fn reaches(&self, left: u32, right: u32) -> bool {
        let (before, after) = (length(left), length(right));
        #[allow(clippy::cast_possible_truncation)] // a byte
        let (last, first) = ((left >> (8 * (before - 1))) as u8, right as u8);
        if self.are_apart(last, first) {
            return false;
        }
        if before + after == 2 {
            return true;
        }
        if self.absent.as_ref().is_some_and(|absent| holds_any(absent, left) || holds_any(absent, right)) {
            return true;
        }
        // Tokens may hold a character in part.
        let within = (0x1111 * ((1 << after) - 1)) & ((1u32 << (4 * before)) - 1);
        let mut pending = u32::from(self.lengths) & within;
        while pending != 0 {
            let (from, to) = (pending.trailing_zeros() / 4 + 1, pending.trailing_zeros() % 4 + 1);
            if self.holds(left >> (8 * (before - from)), right & u32::MAX >> (8 * (4 - to))) {
                return true;
            }
            pending &= pending - 1;
        }
        false
    }

    /// Emits the parts of a piece. `is_whole` tells entries that only a look-up of whole pieces finds, if there are any.
    #[inline]
    pub fn split(&self, piece: &[u8], is_whole: Option<impl Fn(&[u8]) -> bool>, mut emit: impl FnMut(usize, usize)) {
        if let Some(is_whole) = is_whole {
            let mut whole = is_whole(piece);
            self.parts(piece, |start, end| whole = whole || is_whole(&piece[start..end]));
            if whole {
                return emit(0, piece.len());
            }
        }
        self.parts(piece, emit);
    }

    fn parts(&self, piece: &[u8], mut emit: impl FnMut(usize, usize)) {
        let mut start = 0;
        let mut left = character(piece, 0);
        let mut border = length(left) as usize;
        while border < piece.len() {
            let right = character(piece, border);
            if !self.reaches(left, right) {
                emit(start, border);
                start = border;
            }
            left = right;
            border += length(right) as usize;
        }
        emit(start, piece.len());
    }
}

/// The sides of each border of characters in a token, as much of a character as it holds.
fn borders(token: &[u8], marked: bool) -> Vec<(u32, u32)> {
    let is_first = |at: &usize| token[*at] & 0xC0 != 0x80;
    let places: Vec<usize> = std::iter::once(0).chain((1..token.len()).filter(is_first)).chain([token.len()]).collect();
    // No character has five bytes, so that no text holds a token with more of them in a row.
    let side = |from: usize, to: usize| (to - from <= 4).then(|| packed(&token[from..to]));
    let mark = packed("▁".as_bytes());
    let spellings = |side: u32| [Some(side), (marked && side == mark).then_some(u32::from(b' '))].into_iter().flatten();
    let sides = places.windows(3).filter_map(|three| Some((side(three[0], three[1])?, side(three[1], three[2])?)));
    sides
        .flat_map(|(left, right)| {
            spellings(left).flat_map(move |left| spellings(right).map(move |right| (left, right)))
        })
        .collect()
}

/// Up to four bytes as one number, the first lowest; only NUL, which is a character of its own, holds a 0.
fn packed(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |packed, &byte| (packed << 8) | u32::from(byte))
}

/// Whether such a number holds one of these bytes.
fn holds_any(bytes: &[bool; 256], packed: u32) -> bool {
    packed.to_le_bytes()[..length(packed) as usize].iter().any(|&byte| bytes[usize::from(byte)])
}

/// How many bytes are in such a number.
#[inline]
fn length(packed: u32) -> u32 {
    (4 - packed.leading_zeros() / 8).max(1)
}

/// The character of a text that begins at a byte, as such a number.
#[inline]
fn character(text: &[u8], at: usize) -> u32 {
    let length = text[at].leading_ones().clamp(1, 4);
    match text[at..].first_chunk::<4>() {
        Some(&four) => u32::from_le_bytes(four) & (u32::MAX >> (8 * (4 - length))),
        None => packed(&text[at..text.len().min(at + length as usize)]),
    }
}
