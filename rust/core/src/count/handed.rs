//! Tables of several workers, taken in part by part: a part holds the same pieces of every table.
//!
//! Pieces lie in a table in the order of their hashes, but for those that found their slot taken and went on to the next
//! free one. So a part is a stretch of slots, from the first home to the free slot behind the last, and whoever takes the
//! same part of each table meets all occurrences of its pieces.

use std::hash::BuildHasher;

use super::home;
use super::slot::Slot;
use super::table::PieceTable;

/// Parts that the pieces are divided into: many enough for the workers to share, and for one of them to fit the cache.
pub const PARTS: usize = 1 << PART_BITS;
const PART_BITS: u32 = 8;

/// A table that takes no more pieces, and of which nothing waits for its slot any more.
#[derive(Debug)]
pub struct Handed<S = foldhash::fast::FixedState>(pub PieceTable<S>);

impl<S: BuildHasher> Handed<S> {
    /// The pieces of a part, of [`PARTS`], with their hashes; one that is before the table and in it comes twice.
    fn part(&self, wanted: usize) -> impl Iterator<Item = (u64, Slot)> {
        let Self(table) = self;
        let lowest = (wanted as u64) << (u64::BITS - PART_BITS);
        let highest = lowest | (u64::MAX >> PART_BITS);
        let last = table.home(highest);
        let slots = (table.home(lowest)..).take(table.slots.len());
        let slots = slots.map(|at| (at, table.slots[at & (table.slots.len() - 1)]));
        let slots = slots.take_while(move |&(at, slot)| slot.count > 0 || at < last).map(|(_, slot)| slot);
        let pieces = table.front.between(lowest, highest).chain(slots).filter(|slot| slot.count > 0);
        pieces.map(|slot| (table.hash_of(&slot), slot)).filter(move |&(hash, _)| part(hash) == wanted)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    slot: Slot,
    /// The table that has the bytes of a long piece.
    table: usize,
}

/// The pieces of a part of several tables, each but once. Its memory is kept from part to part.
#[derive(Debug, Default)]
pub struct Union(Vec<Place>);

impl Union {
    /// Calls `visit` with each piece of a part and its count in all tables; stops at the first error.
    pub fn visit<S: BuildHasher, E>(
        &mut self,
        tables: &[&Handed<S>],
        part: usize,
        mut visit: impl FnMut(&[u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self(places) = self;
        let pieces: usize = tables.iter().map(|table| table.part(part).count()).sum();
        places.clear();
        places.resize((pieces * 3 / 2).next_power_of_two().max(2), Place::default());
        for (number, table) in tables.iter().enumerate() {
            for (hash, slot) in table.part(part) {
                // In the order of the hashes, as they come: one goes beside the one before.
                let mut at = home(hash << PART_BITS, places.len());
                while places[at].slot.count > 0 && !is_same(tables, &places[at], &slot, number) {
                    at = (at + 1) & (places.len() - 1);
                }
                let count = places[at].slot.count + slot.count;
                places[at] = Place { slot: Slot { count, ..slot }, table: number };
            }
        }
        let mut taken = places.iter().filter(|place| place.slot.count > 0);
        taken.try_for_each(|place| place.slot.show(&tables[place.table].0.keys, &mut visit))
    }
}

/// Whether a piece is one of a table.
#[inline]
fn is_same<S>(tables: &[&Handed<S>], place: &Place, slot: &Slot, table: usize) -> bool {
    let other = &place.slot;
    other.low == slot.low
        && if slot.is_long() {
            other.is_long() && other.among(&tables[place.table].0.keys) == slot.among(&tables[table].0.keys)
        } else {
            other.high == slot.high
        }
}

fn part(hash: u64) -> usize {
    #[allow(clippy::cast_possible_truncation)] // below PARTS
    let part = (hash >> (u64::BITS - PART_BITS)) as usize;
    part
}
