//! Tables of several workers, read part by part: a part holds the same pieces of every table.
//!
//! Inline pieces lie in a table in the order of their hashes, but for those that found their slot taken and went on to
//! the next free one. So a part is a stretch of slots, from the first home to the free slot behind the last, and
//! whoever takes the same part of each table meets all occurrences of its pieces.

use std::collections::HashMap;
use std::hash::BuildHasher;

use super::table::PieceTable;

/// Parts that the pieces are divided into.
pub const PARTS: usize = 1 << PART_BITS;
const PART_BITS: u32 = 6;

/// A table that takes no more pieces.
#[derive(Debug)]
pub struct Handed<S = foldhash::fast::FixedState> {
    table: PieceTable<S>,
    /// Long pieces with their parts, by part.
    long: Vec<(usize, Box<[u8]>, u64)>,
}

impl<S: BuildHasher + Clone> Handed<S> {
    /// Closes a table, of which nothing waits for its slot any more.
    pub fn new(mut table: PieceTable<S>) -> Self {
        let hasher = table.long.hasher().clone();
        let long = std::mem::replace(&mut table.long, HashMap::with_hasher(hasher.clone()));
        let mut long: Vec<_> = long.into_iter().map(|(key, count)| (part(hasher.hash_one(&key)), key, count)).collect();
        long.sort_unstable_by_key(|&(part, ..)| part);
        Self { table, long }
    }

    /// Calls `visit` with each piece of a part, of [`PARTS`], and its count.
    pub fn visit(&self, wanted: usize, mut visit: impl FnMut(&[u8], u64)) {
        let Self { table, long } = self;
        let lowest = (wanted as u64) << (u64::BITS - PART_BITS);
        let highest = lowest | (u64::MAX >> PART_BITS);
        for slot in table.front.between(lowest, highest).filter(|slot| part(table.hash_of(slot)) == wanted) {
            slot.show(&mut visit);
        }
        let last = table.home(highest);
        let slots = &table.slots;
        for at in (table.home(lowest)..).take(slots.len()) {
            let slot = &slots[at & (slots.len() - 1)];
            if slot.count > 0 && part(table.hash_of(slot)) == wanted {
                slot.show(&mut visit);
            } else if slot.count == 0 && at >= last {
                break;
            }
        }
        let first = long.partition_point(|&(part, ..)| part < wanted);
        for (_, key, count) in long[first..].iter().take_while(|&&(part, ..)| part == wanted) {
            visit(key, *count);
        }
    }
}

fn part(hash: u64) -> usize {
    #[allow(clippy::cast_possible_truncation)] // below PARTS
    let part = (hash >> (u64::BITS - PART_BITS)) as usize;
    part
}
