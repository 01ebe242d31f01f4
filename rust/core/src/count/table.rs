//! The piece table: how often each distinct piece occurred, in bounded memory.
//!
//! Open addressing, linear probing. The bytes of pieces that do not lie in their slot are kept end to end beside it.
//! Inline pieces wait in a small batch while their slots are fetched from memory.
//!
//! When the bound is reached the rarest pieces, at least half of them, are handed out for tokenising and leave; frequent
//! ones stay with their counts and are tokenised once, at the end. That stays exact because counts add.

use std::hash::BuildHasher;

use super::front::Front;
use super::home;
use super::slot::{LONGEST, Slot};

/// Slots at the start; a power of two.
const FIRST_SLOTS: usize = 1 << 12;
/// A table that outgrows these takes all its memory at once: a long text then needs what an endless one does.
const SOME_SLOTS: usize = 1 << 16;
/// Inline pieces that wait for their slots.
const BATCH: usize = 64;
/// Odd, and with a byte that UTF-8 does not use.
const SPREAD: u64 = 0xff9e_3779_b97f_4a15;
/// Counts above this are equally frequent when room is made.
const FREQUENT: usize = 255;

/// The bound is reached: call [`PieceTable::make_room`], then go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// Distinct pieces with their counts.
#[derive(Debug)]
pub struct PieceTable<S = foldhash::fast::FixedState> {
    pub(super) front: Front,
    pub(super) slots: Vec<Slot>,
    used: usize,
    most_slots: usize,
    /// Bytes of the long pieces.
    pub(super) keys: Vec<u8>,
    most_keys: usize,
    hasher: S,
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
        let slots = (memory / 2 / size_of::<Slot>()).max(2);
        let most_slots = if slots.is_power_of_two() { slots } else { slots.next_power_of_two() / 2 };
        Self {
            front: Front::new(memory),
            slots: vec![Slot::default(); FIRST_SLOTS.min(most_slots)],
            used: 0,
            most_slots,
            keys: Vec::new(),
            most_keys: (memory / 8).min(u32::MAX as usize),
            hasher,
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
        let piece = Slot::inline(buffer, start, end, weight);
        let found = self.front.add(piece, self.hash(&piece));
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
            let slot = self.front.visit(piece, self.hash(&piece));
            let hash = self.hash(&slot);
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

    /// Counts `weight` more of a piece that does not lie inline; `Err(Full)` if it was **not** counted.
    #[inline(never)]
    pub fn add_long(&mut self, key: &[u8], weight: u64) -> Result<(), Full> {
        let hash = self.hasher.hash_one(key);
        let mask = self.slots.len() - 1;
        let mut index = self.home(hash);
        while self.slots[index].count > 0 {
            let slot = &mut self.slots[index];
            if slot.low == hash && slot.is_long() && slot.among(&self.keys) == key {
                slot.count += weight;
                return Ok(());
            }
            index = (index + 1) & mask;
        }
        let start = self.keys.len();
        if key.len() > LONGEST.min(self.most_keys - start) {
            return Err(Full);
        }
        #[allow(clippy::cast_possible_truncation)] // at most `most_keys`
        self.insert(index, Slot::long(hash, &(start as u32..(start + key.len()) as u32), weight))?;
        // No more is ever taken: what is not used yet lies in no memory.
        self.keys.reserve_exact(self.most_keys - start);
        self.keys.extend_from_slice(key);
        Ok(())
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

    /// Hash of an inline piece: one multiplication to 128 bits, folded. The constants hold bytes that no text and no length
    /// has where it matters: neither factor is ever 0.
    #[inline]
    fn hash(&self, piece: &Slot) -> u64 {
        let product = u128::from(piece.low ^ self.spread) * u128::from(piece.high ^ 0xff51_afd7_ed55_8ccd);
        #[allow(clippy::cast_possible_truncation)] // the two halves
        let folded = (product as u64) ^ ((product >> 64) as u64);
        folded.wrapping_mul(self.spread)
    }

    /// Hash of any piece in its slot.
    pub(super) fn hash_of(&self, slot: &Slot) -> u64 {
        if slot.is_long() { slot.low } else { self.hash(slot) }
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
        let mut slots = self.slots.len() * 2;
        if slots > SOME_SLOTS {
            slots = self.most_slots;
            let used = self.keys.len();
            self.keys.reserve_exact(self.most_keys - used);
            self.keys.resize(self.most_keys, 0);
            self.keys.truncate(used);
        }
        let old = std::mem::replace(&mut self.slots, vec![Slot::default(); slots]);
        old.into_iter().filter(|slot| slot.count > 0).for_each(|slot| self.place(slot));
    }

    /// Distinct pieces held behind the front.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.used
    }

    /// Less than half of the occurrences since room was last made were of pieces in the table already.
    pub fn is_useless(&self) -> bool {
        self.occurrences() - self.stayed < 2 * self.inserted
    }

    /// Occurrences of the pieces held.
    fn occurrences(&self) -> u64 {
        let waiting = &self.batch[..self.waiting];
        self.front.all().chain(self.slots.iter().chain(waiting).copied()).map(|slot| slot.count).sum()
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

    /// The lowest count such that at least half of the pieces have it or a lower one.
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
        let Self { front, slots, keys, .. } = self;
        let mut outcome = Ok(());
        if highest == u64::MAX {
            outcome = front.drain().try_for_each(|slot| slot.show(&[], &mut visit));
        }
        let staying = slots.iter().filter(|slot| slot.is_long() && slot.count > highest).map(|slot| slot.place().len());
        let highest_long = if staying.sum::<usize>() * 2 > self.most_keys { u64::MAX } else { highest };
        // Nothing lies behind a free slot whose home is before it.
        let border = slots.iter().position(|slot| slot.count == 0).unwrap_or(0);
        for slot in slots.iter_mut().filter(|slot| slot.count > 0) {
            if slot.count <= if slot.is_long() { highest_long } else { highest } {
                let slot = std::mem::take(slot);
                self.used -= 1;
                if outcome.is_ok() {
                    outcome = slot.show(keys, &mut visit);
                }
            }
        }
        if self.used > 0 {
            self.close_gaps(border);
        } else {
            self.keys.clear();
        }
        self.stayed = self.occurrences();
        outcome
    }

    /// Moves what is left to where it is found, and its bytes together. Nothing lay across the `border` when all was there.
    fn close_gaps(&mut self, border: usize) {
        let mut long: Vec<&mut Slot> = self.slots.iter_mut().filter(|slot| slot.is_long()).collect();
        long.sort_unstable_by_key(|slot| slot.place().start);
        let mut end = 0;
        for slot in long {
            let place = slot.place();
            self.keys.copy_within(place.start as usize..place.end as usize, end as usize);
            *slot = Slot::long(slot.low, &(end..end + (place.end - place.start)), slot.count);
            end = slot.place().end;
        }
        self.keys.truncate(end as usize);
        for at in border..border + self.slots.len() {
            let at = at & (self.slots.len() - 1);
            let slot = std::mem::take(&mut self.slots[at]);
            if slot.count > 0 {
                self.place(slot);
            }
        }
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

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
