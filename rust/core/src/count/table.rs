//! The piece table: how often each distinct piece occurred, in bounded memory.
//!
//! Keys of up to 15 bytes lie inline beside their count in one 24-byte slot (open addressing, linear probing); the
//! sixteenth byte holds the length, so that a piece and the same piece followed by NUL differ. Longer keys go to a
//! standard map. Inline pieces wait in a small batch while their slots are fetched from memory.
//!
//! When the bound is reached the rarest pieces, at least half of them, are handed out for tokenising and leave; frequent
//! ones stay with their counts and are tokenised once, at the end. That stays exact because counts add.

use std::collections::HashMap;
use std::hash::BuildHasher;

use super::front::Front;
use super::home;

/// Longest key that lies inline.
pub const INLINE: usize = 15;
/// Slots at the start; a power of two.
const FIRST_SLOTS: usize = 1 << 12;
/// What an entry of the long map costs beside its bytes, roughly.
const LONG_OVERHEAD: usize = 64;
/// Inline pieces that wait for their slots.
const BATCH: usize = 64;
/// Odd, and with a byte that UTF-8 does not use.
const SPREAD: u64 = 0xff9e_3779_b97f_4a15;
/// Counts above this are equally frequent when room is made.
const FREQUENT: usize = 255;

/// The bound is reached: call [`PieceTable::make_room`], then go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Slot {
    pub(super) low: u64,
    pub(super) high: u64,
    pub(super) count: u64,
}

impl Slot {
    /// The key: its length is in the last byte.
    fn key(&self) -> [u8; INLINE + 1] {
        let mut key = [0; INLINE + 1];
        key[..8].copy_from_slice(&self.low.to_le_bytes());
        key[8..].copy_from_slice(&self.high.to_le_bytes());
        key
    }

    /// Calls `visit` with the piece and its count.
    pub(super) fn show<T>(&self, visit: impl FnOnce(&[u8], u64) -> T) -> T {
        let key = self.key();
        visit(&key[..usize::from(key[INLINE])], self.count)
    }
}

/// Distinct pieces with their counts.
#[derive(Debug)]
pub struct PieceTable<S = foldhash::fast::FixedState> {
    pub(super) front: Front,
    pub(super) slots: Vec<Slot>,
    used: usize,
    most_slots: usize,
    pub(super) long: HashMap<Box<[u8]>, u64, S>,
    long_bytes: usize,
    most_long_bytes: usize,
    batch: [Slot; BATCH],
    waiting: usize,
    /// Occurrences of the pieces that stayed when room was last made.
    stayed: u64,
    inserted: u64,
    spread: u64,
}

impl PieceTable {
    /// A table that never grows beyond about `memory` bytes.
    pub fn new(memory: usize) -> Self {
        Self::with_hasher(memory, foldhash::fast::FixedState::default(), SPREAD)
    }
}

impl<S: BuildHasher> PieceTable<S> {
    /// The same with a hash of the caller's choice; `spread` multiplies the inline keys (0 makes all of them collide).
    pub fn with_hasher(memory: usize, hasher: S, spread: u64) -> Self {
        let slots = (memory / 3 / size_of::<Slot>()).max(2);
        let most_slots = if slots.is_power_of_two() { slots } else { slots.next_power_of_two() / 2 };
        Self {
            front: Front::new(memory),
            slots: vec![Slot::default(); FIRST_SLOTS.min(most_slots)],
            used: 0,
            most_slots,
            long: HashMap::with_hasher(hasher),
            long_bytes: 0,
            most_long_bytes: memory / 3,
            batch: [Slot::default(); BATCH],
            waiting: 0,
            stayed: 0,
            inserted: 0,
            spread,
        }
    }

    /// Takes `weight` more of the piece `buffer[start..end]`, of at most [`INLINE`] bytes.
    ///
    /// `Err(Full)` means that it is taken but not yet counted: make room and call [`PieceTable::settle`].
    #[inline(always)]
    #[allow(clippy::inline_always)] // once for each piece of a text
    pub fn add(&mut self, buffer: &[u8], start: usize, end: usize, weight: u64) -> Result<(), Full> {
        let (low, high) = inline_key(buffer, start, end);
        let piece = Slot { low, high, count: weight };
        let found = self.front.add(piece, self.hash(low, high));
        self.batch[self.waiting] = piece;
        self.waiting += usize::from(!found);
        if self.waiting == BATCH { self.settle() } else { Ok(()) }
    }

    /// Counts the pieces that wait; after `Err(Full)` those that are left still wait.
    #[inline(never)]
    pub fn settle(&mut self) -> Result<(), Full> {
        let mut hashes = [0; BATCH];
        let mut left = 0;
        for index in 0..self.waiting {
            let piece = self.batch[index];
            let slot = self.front.visit(piece, self.hash_of(&piece));
            let hash = self.hash_of(&slot);
            prefetch(&self.slots, self.home(hash));
            self.batch[left] = slot;
            hashes[left] = hash;
            left += usize::from(slot.count > 0);
        }
        self.waiting = left;
        while self.waiting > 0 {
            let last = self.waiting - 1;
            self.count(self.batch[last], hashes[last])?;
            self.waiting = last;
        }
        Ok(())
    }

    #[inline]
    fn count(&mut self, piece: Slot, hash: u64) -> Result<(), Full> {
        let mask = self.slots.len() - 1;
        let mut index = self.home(hash);
        loop {
            let slot = &mut self.slots[index];
            if slot.low == piece.low && slot.high == piece.high && slot.count > 0 {
                slot.count += piece.count;
                return Ok(());
            }
            if slot.count == 0 {
                return self.insert(index, piece);
            }
            index = (index + 1) & mask;
        }
    }

    #[cold]
    fn insert(&mut self, index: usize, piece: Slot) -> Result<(), Full> {
        if (self.used + 1) * 4 <= self.slots.len() * 3 {
            self.slots[index] = piece;
        } else if self.slots.len() < self.most_slots {
            self.grow();
            self.place(piece);
        } else {
            return Err(Full);
        }
        self.used += 1;
        self.inserted += 1;
        Ok(())
    }

    /// One multiplication to 128 bits, folded. The constants hold bytes that no text and no length has where it matters:
    /// neither factor is ever 0.
    #[inline]
    fn hash(&self, low: u64, high: u64) -> u64 {
        let product = u128::from(low ^ self.spread) * u128::from(high ^ 0xff51_afd7_ed55_8ccd);
        #[allow(clippy::cast_possible_truncation)] // the two halves
        let folded = (product as u64) ^ ((product >> 64) as u64);
        folded.wrapping_mul(self.spread)
    }

    /// Hash of a piece in its slot.
    pub(super) fn hash_of(&self, slot: &Slot) -> u64 {
        self.hash(slot.low, slot.high)
    }

    /// Where a piece is looked for first.
    #[inline]
    pub(super) fn home(&self, hash: u64) -> usize {
        home(hash, self.slots.len())
    }

    /// Puts a piece that is not in the table into a free slot.
    fn place(&mut self, piece: Slot) {
        let mask = self.slots.len() - 1;
        let mut index = self.home(self.hash_of(&piece));
        while self.slots[index].count > 0 {
            index = (index + 1) & mask;
        }
        self.slots[index] = piece;
    }

    fn grow(&mut self) {
        let doubled = vec![Slot::default(); self.slots.len() * 2];
        let old = std::mem::replace(&mut self.slots, doubled);
        old.into_iter().filter(|slot| slot.count > 0).for_each(|slot| self.place(slot));
    }

    /// Counts `weight` more of a piece of any length in the map; `Err(Full)` if it was **not** counted.
    #[inline(never)]
    pub fn add_long(&mut self, key: &[u8], weight: u64) -> Result<(), Full> {
        if let Some(count) = self.long.get_mut(key) {
            *count += weight;
            return Ok(());
        }
        let cost = key.len() + LONG_OVERHEAD;
        if self.long_bytes + cost > self.most_long_bytes {
            return Err(Full);
        }
        self.long_bytes += cost;
        self.inserted += 1;
        self.long.insert(key.into(), weight);
        Ok(())
    }

    /// Distinct pieces held behind the front.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.used + self.long.len()
    }

    /// Less than half of the occurrences since room was last made were of pieces in the table already.
    pub fn is_useless(&self) -> bool {
        self.occurrences() - self.stayed < 2 * self.inserted
    }

    /// Occurrences of the pieces held, but for those that wait.
    fn occurrences(&self) -> u64 {
        let inline = self.slots.iter().map(|slot| slot.count).sum::<u64>();
        self.front.all().map(|slot| slot.count).sum::<u64>() + inline + self.long.values().sum::<u64>()
    }

    /// Calls `visit` with at least half of the pieces, the rarest, and forgets them; stops at the first error.
    pub fn make_room<E>(&mut self, visit: impl FnMut(&[u8], u64) -> Result<(), E>) -> Result<(), E> {
        let highest = self.median_count();
        self.release(highest, visit)
    }

    /// Calls `visit` with each piece and its count, then clears the table; stops at the first error.
    pub fn drain<E>(&mut self, visit: impl FnMut(&[u8], u64) -> Result<(), E>) -> Result<(), E> {
        self.release(u64::MAX, visit)
    }

    /// The lowest count such that at least half of the inline pieces have it or a lower one.
    fn median_count(&self) -> u64 {
        let mut having = [0usize; FREQUENT + 1];
        for slot in self.slots.iter().filter(|slot| slot.count > 0) {
            having[usize::try_from(slot.count).map_or(FREQUENT, |count| count.min(FREQUENT))] += 1;
        }
        let mut below = 0;
        let lowest = having.iter().position(|&pieces| {
            below += pieces;
            below * 2 >= self.used
        });
        lowest.filter(|&count| count < FREQUENT).map_or(u64::MAX, |count| count as u64)
    }

    /// Hands out what occurred at most `highest` times; of the long pieces all, if too much would stay.
    fn release<E>(&mut self, highest: u64, mut visit: impl FnMut(&[u8], u64) -> Result<(), E>) -> Result<(), E> {
        self.inserted = 0;
        let mut outcome = Ok(());
        if highest == u64::MAX {
            outcome = self.front.drain().try_for_each(|slot| slot.show(&mut visit));
        }
        let mut staying = Vec::new();
        for slot in &mut self.slots {
            let slot = std::mem::take(slot);
            if slot.count > highest {
                staying.push(slot);
            } else if slot.count > 0 && outcome.is_ok() {
                outcome = slot.show(&mut visit);
            }
        }
        self.used = staying.len();
        staying.into_iter().for_each(|slot| self.place(slot));
        let staying: usize =
            self.long.iter().filter(|(_, count)| **count > highest).map(|(key, _)| key.len() + LONG_OVERHEAD).sum();
        let highest = if staying * 2 > self.most_long_bytes { u64::MAX } else { highest };
        for (key, count) in self.long.extract_if(|_, count| *count <= highest) {
            if outcome.is_ok() {
                outcome = visit(&key, count);
            }
        }
        self.long_bytes = self.long.keys().map(|key| key.len() + LONG_OVERHEAD).sum();
        self.stayed = self.occurrences();
        outcome
    }
}

/// Asks for a slot's memory before it is needed.
#[inline]
fn prefetch(slots: &[Slot], index: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(slot) = slots.get(index) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads and writes nothing, and the address is that of a slot.
        #[allow(unsafe_code)]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(slot).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slots, index);
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

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
