//! The pieces that occur all the time, in few places: a small table before the large one.
//!
//! Nine pieces in ten are among some thousand that come back again and again. In the large table these lie far apart,
//! each in a cache line and a page of its own. Here they lie together. A piece has one place, by the highest bits of its
//! hash; whoever finds it taken goes to the large table, and the one that has it leaves only after several such visits
//! without an occurrence of its own.

use super::slot::Slot;

/// Places at most, a power of two: 256 KB.
const MOST: usize = 1 << 13;
/// Visits of others that a piece outlasts after an occurrence, and the bits that hold them.
const PATIENCE: u64 = (1 << PATIENCE_BITS) - 1;
const PATIENCE_BITS: u32 = 3;

#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
struct Place {
    low: u64,
    high: u64,
    /// Count and patience in one word, so that an occurrence writes but one.
    packed: u64,
}

impl Place {
    fn slot(&self) -> Slot {
        Slot { low: self.low, high: self.high, count: self.packed >> PATIENCE_BITS }
    }
}

/// No key ends like this: the last byte is its length.
const FREE: Place = Place { low: 0, high: u64::MAX, packed: 0 };

/// The small table.
#[derive(Debug)]
pub struct Front {
    places: Box<[Place]>,
    /// Bits of a hash that do not tell the place.
    shift: u32,
}

impl Front {
    /// A table of a small part of `memory` bytes.
    pub fn new(memory: usize) -> Self {
        let most = (memory / 64 / size_of::<Place>()).clamp(2, MOST);
        Self { places: vec![FREE; 1 << most.ilog2()].into(), shift: u64::BITS - most.ilog2() }
    }

    /// Takes one occurrence of a piece; false if it has no place here.
    ///
    /// One piece in five has none, which no processor foresees: hence no branch.
    #[inline(always)]
    #[allow(clippy::inline_always)] // once for each piece of a text
    pub fn add(&mut self, piece: Slot, hash: u64) -> bool {
        let index = self.index(hash);
        let place = &mut self.places[index];
        let found = (place.low ^ piece.low) | (place.high ^ piece.high) == 0;
        let all = u64::from(found).wrapping_neg();
        place.packed = (place.packed + ((piece.count << PATIENCE_BITS) & all)) | (PATIENCE & all);
        found
    }

    /// Takes a piece that had no place; gives back what is for the large table: the piece, or whom it replaces.
    #[inline]
    pub fn visit(&mut self, piece: Slot, hash: u64) -> Slot {
        let index = self.index(hash);
        let place = &mut self.places[index];
        if place.packed & PATIENCE != 0 {
            place.packed -= 1;
            return piece;
        }
        let new = Place { low: piece.low, high: piece.high, packed: piece.count << PATIENCE_BITS | 1 };
        std::mem::replace(place, new).slot()
    }

    /// The pieces whose hashes may lie between these two.
    pub fn between(&self, lowest: u64, highest: u64) -> impl Iterator<Item = Slot> {
        self.places[self.index(lowest)..=self.index(highest)].iter().map(Place::slot).filter(|slot| slot.count > 0)
    }

    /// All pieces.
    pub fn all(&self) -> impl Iterator<Item = Slot> {
        self.places.iter().map(Place::slot).filter(|slot| slot.count > 0)
    }

    /// Takes all pieces out.
    pub fn drain(&mut self) -> impl Iterator<Item = Slot> {
        self.places.iter_mut().map(|place| std::mem::replace(place, FREE).slot()).filter(|slot| slot.count > 0)
    }

    #[inline]
    fn index(&self, hash: u64) -> usize {
        #[allow(clippy::cast_possible_truncation)] // below the number of places
        let index = (hash >> self.shift) as usize;
        index
    }
}
