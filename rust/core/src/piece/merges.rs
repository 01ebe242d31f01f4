//! The merges of a byte-pair model, carried out on a word.
//!
//! Always the pair of the lowest rank is merged next, of equal pairs the leftmost. The crate keeps the pairs in a heap
//! and drops an entry whose pair no longer gives the token it was entered for. Pairs that give one token spell the
//! same string, and a pair that starts at one place can only be replaced by one that reaches further; so a dropped
//! entry is exactly one whose pair is gone, and "the lowest rank among the pairs that stand there" is the same rule.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::count::home;

/// No token, no merge.
const NONE: u32 = u32::MAX;
/// Words up to this many symbols are searched from end to end for each merge; longer ones use a heap.
const SHORT: usize = 48;

/// A slot that is free.
const FREE: u32 = u32::MAX;

/// Which pairs of ids merge, in which order, and into what.
///
/// A slot of the hash table is a rank, and above it as many bits of the pair's hash as have room: nearly all pairs that
/// do not merge are told by one look into a small table.
#[derive(Debug)]
pub struct Merges {
    slots: Vec<u32>,
    rank_bits: u32,
    /// Left, right, merged, by rank.
    by_rank: Vec<(u32, u32, u32)>,
}

/// Room for the work on one word, kept from word to word.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Ids of the word before and after merging.
    pub symbols: Vec<u32>,
    pairs: Vec<(u32, u32)>,
    links: Vec<(u32, u32)>,
    heap: BinaryHeap<Reverse<u64>>,
}

impl Merges {
    /// The table of `(left, right, merged)`, in the order of their ranks.
    pub fn new(merges: Vec<(u32, u32, u32)>) -> Self {
        let slots = vec![FREE; (merges.len() * 2).next_power_of_two().max(2)];
        let rank_bits = u32::BITS - u32::try_from(merges.len()).map_or(0, u32::leading_zeros);
        let mut table = Self { slots, rank_bits, by_rank: merges };
        for rank in 0..table.by_rank.len() {
            let (left, right, _) = table.by_rank[rank];
            // Of two merges of one pair the later counts.
            let (index, tag) = table.find(left, right);
            #[allow(clippy::cast_possible_truncation)] // an id is a u32, and there are no more ranks than ids
            let rank = rank as u32;
            table.slots[index] = tag | rank;
        }
        table
    }

    /// Slot of a pair, or the free one where it would lie, and what is above the rank there.
    #[inline]
    fn find(&self, left: u32, right: u32) -> (usize, u32) {
        let hash = ((u64::from(left) << 32) | u64::from(right)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        #[allow(clippy::cast_possible_truncation)] // a hash may lose bits
        let (mut index, tag) = (home(hash, self.slots.len()), (hash >> 8) as u32);
        let tag = tag << self.rank_bits;
        loop {
            let slot = self.slots[index];
            if slot == FREE {
                return (index, tag);
            }
            if slot ^ tag < 1 << self.rank_bits {
                let (its_left, its_right, _) = self.by_rank[(slot ^ tag) as usize];
                if (its_left, its_right) == (left, right) {
                    return (index, tag);
                }
            }
            index = (index + 1) & (self.slots.len() - 1);
        }
    }

    /// Rank and result of a pair; `NONE` if it does not merge.
    #[inline]
    fn get(&self, left: u32, right: u32) -> (u32, u32) {
        let (index, tag) = self.find(left, right);
        match self.slots[index] {
            FREE => (NONE, NONE),
            slot => (slot ^ tag, self.by_rank[(slot ^ tag) as usize].2),
        }
    }

    /// Merges `work.symbols` until nothing merges any more.
    pub fn apply(&self, work: &mut Workspace) {
        if work.symbols.len() <= SHORT { self.apply_short(work) } else { self.apply_long(work) }
    }

    fn apply_short(&self, work: &mut Workspace) {
        let Workspace { symbols, pairs, .. } = work;
        pairs.clear();
        pairs.extend(symbols.windows(2).map(|two| self.get(two[0], two[1])));
        while let Some((at, &(rank, merged))) = pairs.iter().enumerate().min_by_key(|(_, (rank, _))| *rank) {
            if rank == NONE {
                break;
            }
            symbols[at] = merged;
            symbols.remove(at + 1);
            pairs.remove(at);
            if let Some(&next) = symbols.get(at + 1) {
                pairs[at] = self.get(merged, next);
            }
            if at > 0 {
                pairs[at - 1] = self.get(symbols[at - 1], merged);
            }
        }
    }

    /// The same with a heap of (rank, position) and links between the symbols that are left.
    fn apply_long(&self, work: &mut Workspace) {
        let Workspace { symbols, links, heap, .. } = work;
        let length = u32::try_from(symbols.len()).unwrap_or(NONE);
        links.clear();
        links.extend((0..length).map(|at| (at.wrapping_sub(1), if at + 1 < length { at + 1 } else { NONE })));
        let enter = |at: u32, symbols: &[u32], next: u32| {
            let (rank, _) = self.get(symbols[at as usize], symbols[next as usize]);
            (rank != NONE).then_some(Reverse((u64::from(rank) << 32) | u64::from(at)))
        };
        let mut entries = std::mem::take(heap).into_vec();
        entries.clear();
        entries.extend((1..length).filter_map(|next| enter(next - 1, symbols, next)));
        *heap = BinaryHeap::from(entries);
        while let Some(Reverse(entry)) = heap.pop() {
            #[allow(clippy::cast_possible_truncation)] // the two halves
            let (wanted, at) = ((entry >> 32) as u32, entry as u32);
            let (before, next) = links[at as usize];
            if symbols[at as usize] == NONE || next == NONE {
                continue;
            }
            let (rank, merged) = self.get(symbols[at as usize], symbols[next as usize]);
            if rank != wanted {
                continue;
            }
            symbols[at as usize] = merged;
            symbols[next as usize] = NONE;
            let after = links[next as usize].1;
            links[at as usize].1 = after;
            if after != NONE {
                links[after as usize].0 = at;
                heap.extend(enter(at, symbols, after));
            }
            if before != NONE {
                heap.extend(enter(before, symbols, at));
            }
        }
        symbols.retain(|&id| id != NONE);
        work.shrink();
    }
}

impl Workspace {
    /// Gives the memory of an unusually long word back.
    fn shrink(&mut self) {
        const KEPT: usize = 1 << 14;
        if self.links.capacity() > KEPT {
            self.links = Vec::new();
            self.heap = BinaryHeap::new();
        }
    }
}
