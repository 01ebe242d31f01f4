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
//! What begins as symbols of its own is checked when the tokenizer is loaded: a byte-level vocabulary with all bytes, or
//! byte fallback with all bytes and no merge of such a byte or of the unknown token (so nothing is ever fused).
//! **Whole words** (`ignore_merges`): a look-up of the whole piece counts only where merging gives something else; a
//! piece that is such an entry is not split, and neither is one of whose parts is (a part must not be looked up).

use std::collections::HashSet;

/// The longest key that lies inline in the table: shorter pieces gain nothing from a split.
pub const LONGEST_WHOLE: usize = 15;

/// Where pieces may be split.
#[derive(Debug)]
pub struct SafeSplits {
    /// For each last byte before a border and first byte after it: whether any merged token holds them so.
    touching: Box<[[u64; 4]; 256]>,
    /// What merged tokens hold to the left and right of a border of characters.
    joined: HashSet<u64, foldhash::fast::FixedState>,
}

impl SafeSplits {
    /// Reads the splits off the strings of all merged tokens.
    ///
    /// With `marked`, a space in a piece stands for the tokens' `▁`.
    pub fn new(tokens: &[Vec<u8>], marked: bool) -> Self {
        let mut this = Self { touching: Box::new([[0; 4]; 256]), joined: HashSet::default() };
        for token in tokens {
            for border in (1..token.len()).filter(|&at| is_first(token[at])) {
                this.join(&token[..border], &token[border..], marked);
            }
        }
        this
    }

    fn join(&mut self, before: &[u8], after: &[u8], marked: bool) {
        let start = before.iter().rposition(|&byte| is_first(byte)).unwrap_or(0);
        let end = after.iter().skip(1).position(|&byte| is_first(byte)).map_or(after.len(), |end| end + 1);
        let (left, right) = (&before[start..], &after[..end]);
        if left.len() > 4 || right.len() > 4 {
            return; // no character has five bytes, so that no text holds this token
        }
        let spellings =
            |part| if marked && part == "▁".as_bytes() { vec![part, b" ".as_slice()] } else { vec![part] };
        for left in spellings(left) {
            for right in spellings(right) {
                let (last, first) = (left[left.len() - 1], right[0]);
                self.touching[usize::from(last)][usize::from(first / 64)] |= 1 << (first % 64);
                self.joined.insert(key(left, right));
            }
        }
    }

    /// Whether some merged token reaches across the border of two characters.
    #[inline]
    fn reaches(&self, left: &[u8], right: &[u8]) -> bool {
        let (last, first) = (left[left.len() - 1], right[0]);
        if self.touching[usize::from(last)][usize::from(first / 64)] & (1 << (first % 64)) == 0 {
            return false;
        }
        if last.is_ascii() && first.is_ascii() {
            return true; // two whole characters
        }
        (0..left.len()).any(|from| (1..=right.len()).any(|to| self.joined.contains(&key(&left[from..], &right[..to]))))
    }

    /// Emits the parts of a piece. `is_whole` tells entries that only a look-up of whole pieces finds.
    #[inline]
    pub fn split(&self, piece: &[u8], is_whole: impl Fn(&[u8]) -> bool, mut emit: impl FnMut(usize, usize)) {
        if is_whole(piece) {
            return emit(0, piece.len());
        }
        let mut whole = false;
        self.parts(piece, |start, end| whole |= is_whole(&piece[start..end]));
        if whole { emit(0, piece.len()) } else { self.parts(piece, emit) }
    }

    fn parts(&self, piece: &[u8], mut emit: impl FnMut(usize, usize)) {
        let length = |at: usize| 1 + piece[at + 1..].iter().take_while(|&&byte| !is_first(byte)).count();
        let mut start = 0;
        let mut left = 0;
        let mut border = length(0);
        while border < piece.len() {
            let next = border + length(border);
            if !self.reaches(&piece[left..border], &piece[border..next]) {
                emit(start, border);
                start = border;
            }
            (left, border) = (border, next);
        }
        emit(start, piece.len());
    }
}

/// Whether a byte begins a character.
#[inline]
fn is_first(byte: u8) -> bool {
    byte & 0xC0 != 0x80
}

/// Up to four bytes on each side as one number; no byte of a piece's character is 0 but NUL itself, which is alone.
#[inline]
fn key(left: &[u8], right: &[u8]) -> u64 {
    let pack = |bytes: &[u8]| bytes.iter().fold(1u64, |packed, &byte| (packed << 8) | u64::from(byte));
    pack(left) | pack(right).rotate_left(32)
}
