//! The pieces that occur all the time, in few places: a small table before the large one.
//!
//! Nine pieces in ten are among some thousand that come back again and again. In the large table these lie far apart,
//! each in a cache line and a page of its own. Here they lie together. A piece has one place, by the highest bits of its
//! hash; whoever finds it taken goes to the large table, and the one that has it leaves only after several such visits
//! without an occurrence of its own.

use super::home;
use super::table::Slot;

/// Places at most, a power of two: 256 KB.
const MOST: usize = 1 << 13;
/// Visits of others that a piece outlasts after an occurrence.
const PATIENCE: u64 = 8;

#[derive(Debug, Clone, Copy)]
struct Place {
    slot: Slot,
    patience: u64,
}

/// No key ends like this: the last byte is its length.
const FREE: Place = Place { slot: Slot { low: 0, high: u64::MAX, count: 0 }, patience: 0 };

/// The small table.
#[derive(Debug)]
pub struct Front {
    places: Box<[Place]>,
}

impl Front {
    /// A table of a small part of `memory` bytes.
    pub fn new(memory: usize) -> Self {
        let most = (memory / 64 / size_of::<Place>()).clamp(2, MOST);
        Self { places: vec![FREE; 1 << most.ilog2()].into() }
    }

    /// Takes one occurrence of a piece, or gives back what is for the large table: the piece, or whom it replaces.
    #[inline]
    pub fn add(&mut self, piece: Slot, hash: u64) -> Option<Slot> {
        let index = self.index(hash);
        let place = &mut self.places[index];
        if place.slot.low == piece.low && place.slot.high == piece.high {
            place.slot.count += piece.count;
            place.patience = PATIENCE;
            return None;
        }
        if place.patience > 0 {
            place.patience -= 1;
            return Some(piece);
        }
        let replaced = std::mem::replace(place, Place { slot: piece, patience: 1 }).slot;
        (replaced.count > 0).then_some(replaced)
    }

    /// The pieces whose hashes may lie between these two.
    pub fn between(&self, lowest: u64, highest: u64) -> impl Iterator<Item = &Slot> {
        self.places[self.index(lowest)..=self.index(highest)]
            .iter()
            .map(|place| &place.slot)
            .filter(|slot| slot.count > 0)
    }

    /// Takes all pieces out.
    pub fn drain(&mut self) -> impl Iterator<Item = Slot> {
        self.places.iter_mut().map(|place| std::mem::replace(place, FREE).slot).filter(|slot| slot.count > 0)
    }

    #[inline]
    fn index(&self, hash: u64) -> usize {
        home(hash, self.places.len())
    }
}
