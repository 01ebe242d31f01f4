//! One entry of the piece table: a piece and its count in 24 bytes.
//!
//! Pieces of up to 15 bytes lie in the entry; the sixteenth byte holds the length, so that a piece and the same piece
//! followed by NUL differ. Of a longer one the entry holds the hash and where its bytes are.

use std::ops::Range;

/// Longest piece that lies inline.
pub const INLINE: usize = 15;
/// Longest piece that an entry can tell of.
pub const LONGEST: usize = (1 << 24) - 1;
/// What the last byte begins with where the piece lies elsewhere.
const LONG: u64 = 1 << 63;

/// A piece and how often it occurred; free if that is 0.
#[derive(Debug, Clone, Copy, Default)]
pub struct Slot {
    pub low: u64,
    pub high: u64,
    pub count: u64,
}

impl Slot {
    /// The piece `buffer[start..end]`, of at most [`INLINE`] bytes.
    #[inline(always)]
    #[allow(clippy::inline_always)] // once for each piece of a text
    pub fn inline(buffer: &[u8], start: usize, end: usize, count: u64) -> Self {
        let (low, high) = inline_key(buffer, start, end);
        Self { low, high, count }
    }

    /// A piece of this hash whose bytes, at most [`LONGEST`], lie at `place` among others.
    pub fn long(hash: u64, place: &Range<u32>, count: u64) -> Self {
        let high = LONG | u64::from(place.end - place.start) << 32 | u64::from(place.start);
        Self { low: hash, high, count }
    }

    /// Whether the piece lies elsewhere; `low` is its hash then.
    pub fn is_long(&self) -> bool {
        self.high & LONG != 0
    }

    /// Where the bytes of a long piece lie.
    #[allow(clippy::cast_possible_truncation)] // the parts that were put together
    pub fn place(&self) -> Range<u32> {
        let start = self.high as u32;
        start..start + (self.high >> 32) as u32 % (1 << 24)
    }

    /// The bytes of a long piece among all.
    pub fn among<'a>(&self, keys: &'a [u8]) -> &'a [u8] {
        let Range { start, end } = self.place();
        &keys[start as usize..end as usize]
    }

    /// Calls `visit` with the piece and its count.
    pub fn show<T>(&self, keys: &[u8], visit: impl FnOnce(&[u8], u64) -> T) -> T {
        if self.is_long() {
            return visit(self.among(keys), self.count);
        }
        let mut key = [0; INLINE + 1];
        key[..8].copy_from_slice(&self.low.to_le_bytes());
        key[8..].copy_from_slice(&self.high.to_le_bytes());
        visit(&key[..usize::from(key[INLINE])], self.count)
    }
}

/// What is kept of sixteen bytes for each length of a piece.
const KEPT: [[u64; 2]; INLINE + 1] = {
    let mut kept = [[0; 2]; INLINE + 1];
    let mut length = 0;
    while length <= INLINE {
        let mask = (1u128 << (8 * length)) - 1;
        #[allow(clippy::cast_possible_truncation)] // the two halves
        {
            kept[length] = [mask as u64, (mask >> 64) as u64];
        }
        length += 1;
    }
    kept
};

/// The piece as two words: its bytes, zeros, and its length in the last byte.
#[inline]
fn inline_key(buffer: &[u8], start: usize, end: usize) -> (u64, u64) {
    let length = end - start;
    if let Some(window) = buffer.get(start..start + 16).and_then(|bytes| bytes.first_chunk::<16>()) {
        // One load and a mask instead of a copy of variable length.
        let value = u128::from_le_bytes(*window);
        let [low, high] = KEPT[length & INLINE];
        #[allow(clippy::cast_possible_truncation)] // the two halves
        return (value as u64 & low, ((value >> 64) as u64 & high) | ((length as u64) << 56));
    }
    let mut key = [0u8; 16];
    key[..length].copy_from_slice(&buffer[start..end]);
    key[15] = u8::try_from(length).unwrap_or(0);
    let value = u128::from_le_bytes(key);
    #[allow(clippy::cast_possible_truncation)]
    (value as u64, (value >> 64) as u64)
}
