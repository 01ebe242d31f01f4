//! The piece table: how often each distinct piece occurred, in bounded memory.
//!
//! Keys of up to 15 bytes lie inline beside their count in one 24-byte slot (open addressing, linear probing); the
//! sixteenth byte holds the length, so that a piece and the same piece followed by NUL differ. Longer keys go to a
//! standard map. When the bound is reached the caller tokenises everything and clears the table, which stays exact
//! because counts add.

use std::collections::HashMap;
use std::hash::BuildHasher;

/// Longest key that lies inline.
const INLINE: usize = 15;
/// Slots at the start; a power of two.
const FIRST_SLOTS: usize = 1 << 12;
/// What an entry of the long map costs beside its bytes, roughly.
const LONG_OVERHEAD: usize = 64;

/// The bound is reached: tokenise what the table holds and clear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    low: u64,
    high: u64,
    count: u64,
}

/// Distinct pieces with their counts.
#[derive(Debug)]
pub struct PieceTable<S = foldhash::fast::FixedState> {
    slots: Vec<Slot>,
    used: usize,
    most_slots: usize,
    long: HashMap<Box<[u8]>, u64, S>,
    long_bytes: usize,
    most_long_bytes: usize,
    lookups: u64,
    spread: u64,
}

impl PieceTable {
    /// A table that never grows beyond about `memory` bytes.
    pub fn new(memory: usize) -> Self {
        Self::with_hasher(memory, foldhash::fast::FixedState::default(), 0x9e37_79b9_7f4a_7c15)
    }
}

impl<S: BuildHasher> PieceTable<S> {
    /// The same with a hash of the caller's choice; `spread` multiplies the inline keys (0 makes all of them collide).
    pub fn with_hasher(memory: usize, hasher: S, spread: u64) -> Self {
        let slots = (memory / 3 / size_of::<Slot>()).max(2);
        let most_slots = if slots.is_power_of_two() { slots } else { slots.next_power_of_two() / 2 };
        Self {
            slots: vec![Slot::default(); FIRST_SLOTS.min(most_slots)],
            used: 0,
            most_slots,
            long: HashMap::with_hasher(hasher),
            long_bytes: 0,
            most_long_bytes: memory / 3,
            lookups: 0,
            spread,
        }
    }

    /// Counts `weight` more of the piece `buffer[start..end]`; `Err(Full)` if it was **not** counted for want of room.
    #[inline]
    pub fn add(&mut self, buffer: &[u8], start: usize, end: usize, weight: u64) -> Result<(), Full> {
        self.lookups += 1;
        if end - start > INLINE {
            return self.add_long(&buffer[start..end], weight);
        }
        let (low, high) = inline_key(buffer, start, end);
        let mask = self.slots.len() - 1;
        let mut index = self.hash(low, high) & mask;
        loop {
            let slot = &mut self.slots[index];
            if slot.low == low && slot.high == high && slot.count > 0 {
                slot.count += weight;
                return Ok(());
            }
            if slot.count == 0 {
                return self.insert(index, low, high, weight);
            }
            index = (index + 1) & mask;
        }
    }

    #[cold]
    fn insert(&mut self, index: usize, low: u64, high: u64, weight: u64) -> Result<(), Full> {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            if self.slots.len() >= self.most_slots {
                return Err(Full);
            }
            self.grow();
            let index = self.free_slot(low, high);
            self.slots[index] = Slot { low, high, count: weight };
        } else {
            self.slots[index] = Slot { low, high, count: weight };
        }
        self.used += 1;
        Ok(())
    }

    #[inline]
    fn hash(&self, low: u64, high: u64) -> usize {
        let product = u128::from(low ^ 0x2436_f53d_c2ab_8a31).wrapping_mul(u128::from(self.spread))
            ^ u128::from(high ^ 0x1357_9bdf_0246_8ace).wrapping_mul(u128::from(self.spread.rotate_left(29)));
        #[allow(clippy::cast_possible_truncation)] // a hash may lose bits
        let folded = (product as u64) ^ ((product >> 64) as u64);
        #[allow(clippy::cast_possible_truncation)]
        let index = folded.wrapping_mul(self.spread) >> 24;
        #[allow(clippy::cast_possible_truncation)]
        {
            index as usize
        }
    }

    fn free_slot(&self, low: u64, high: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut index = self.hash(low, high) & mask;
        while self.slots[index].count > 0 {
            index = (index + 1) & mask;
        }
        index
    }

    fn grow(&mut self) {
        let doubled = vec![Slot::default(); self.slots.len() * 2];
        let old = std::mem::replace(&mut self.slots, doubled);
        for slot in old.into_iter().filter(|slot| slot.count > 0) {
            let index = self.free_slot(slot.low, slot.high);
            self.slots[index] = slot;
        }
    }

    #[inline(never)]
    fn add_long(&mut self, key: &[u8], weight: u64) -> Result<(), Full> {
        if let Some(count) = self.long.get_mut(key) {
            *count += weight;
            return Ok(());
        }
        let cost = key.len() + LONG_OVERHEAD;
        if self.long_bytes + cost > self.most_long_bytes {
            return Err(Full);
        }
        self.long_bytes += cost;
        self.long.insert(key.into(), weight);
        Ok(())
    }

    /// Distinct pieces held.
    pub fn len(&self) -> usize {
        self.used + self.long.len()
    }

    /// Pieces counted since the table was last cleared, repetitions included.
    pub fn lookups(&self) -> u64 {
        self.lookups
    }

    /// Calls `visit` with each piece and its count, then clears the table; stops at the first error.
    pub fn drain<E>(&mut self, mut visit: impl FnMut(&[u8], u64) -> Result<(), E>) -> Result<(), E> {
        self.used = 0;
        self.lookups = 0;
        self.long_bytes = 0;
        let mut outcome = Ok(());
        for slot in &mut self.slots {
            if slot.count > 0 && outcome.is_ok() {
                let mut key = [0; 16];
                key[..8].copy_from_slice(&slot.low.to_le_bytes());
                key[8..].copy_from_slice(&slot.high.to_le_bytes());
                outcome = visit(&key[..usize::from(key[15])], slot.count);
            }
            *slot = Slot::default();
        }
        for (key, count) in self.long.drain() {
            if outcome.is_ok() {
                outcome = visit(&key, count);
            }
        }
        outcome
    }
}

/// The piece as two words: its bytes, zeros, and its length in the last byte.
#[inline]
fn inline_key(buffer: &[u8], start: usize, end: usize) -> (u64, u64) {
    let length = end - start;
    if let Some(window) = buffer.get(start..start + 16).and_then(|bytes| bytes.first_chunk::<16>()) {
        // One load and a mask instead of a copy of variable length.
        let kept = u128::from_le_bytes(*window) & ((1u128 << (8 * length)) - 1);
        let key = kept | ((length as u128) << 120);
        #[allow(clippy::cast_possible_truncation)] // the two halves
        return (key as u64, (key >> 64) as u64);
    }
    let mut key = [0u8; 16];
    key[..length].copy_from_slice(&buffer[start..end]);
    key[15] = u8::try_from(length).unwrap_or(0);
    let value = u128::from_le_bytes(key);
    #[allow(clippy::cast_possible_truncation)]
    (value as u64, (value >> 64) as u64)
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
