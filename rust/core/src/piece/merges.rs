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
pub const NONE: u32 = u32::MAX;
/// Words up to this many symbols are searched from end to end for each merge; longer ones use a heap.
const SHORT: usize = 48;

/// Values moved at a time.
const MOVED: usize = 8;

/// A slot that is free.
const FREE: u64 = u64::MAX;
/// Bits of the filter for each pair.
const BITS_A_PAIR: usize = 8;

/// Which pairs of ids merge, in which order, and into what.
///
/// A slot of the hash table holds both ids and the rank, so that one look tells all. Most pairs that do not merge are
/// told before, by a filter that stays in the cache.
#[derive(Debug)]
pub struct Merges {
    filter: Vec<u64>,
    slots: Vec<u64>,
    id_bits: u32,
    rank_bits: u32,
    results: Results,
}

/// What a merge gives.
#[derive(Debug)]
enum Results {
    /// Its rank and so much more: most vocabularies list tokens in the order of their merges.
    Beyond(u32),
    /// By rank.
    Listed(Vec<u32>),
}

impl Results {
    fn new(merges: &[(u32, u32, u32)]) -> Self {
        let results = || merges.iter().map(|&(_, _, result)| result);
        let beyond = results().next().unwrap_or(0);
        if results().eq((beyond..).take(merges.len())) {
            Self::Beyond(beyond)
        } else {
            Self::Listed(results().collect())
        }
    }

    #[inline]
    fn of(&self, rank: u32) -> u32 {
        match self {
            Self::Beyond(beyond) => rank + beyond,
            Self::Listed(results) => results[rank as usize],
        }
    }
}

/// Room for the work on one word, kept from word to word.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Ids of the word before and after merging.
    pub symbols: Vec<u32>,
    /// Ranks of neighbours among them.
    pub ranks: Vec<u32>,
    links: Vec<(u32, u32)>,
    heap: BinaryHeap<Reverse<u64>>,
}

impl Merges {
    /// The table of `(left, right, merged)`, in the order of their ranks; `None` if ids and ranks have too many bits.
    pub fn new(merges: &[(u32, u32, u32)]) -> Option<Self> {
        let bits = |largest: u32| u32::BITS - largest.leading_zeros();
        let id_bits = bits(merges.iter().map(|&(left, right, _)| left.max(right)).max().unwrap_or(0));
        let rank_bits = bits(u32::try_from(merges.len()).ok()?);
        if 2 * id_bits + rank_bits >= u64::BITS {
            return None;
        }
        let slots = vec![FREE; (merges.len() * 3 / 2).next_power_of_two().max(2)];
        let filter = vec![0; (merges.len() * BITS_A_PAIR / 64).next_power_of_two().max(2)];
        let mut table = Self { filter, slots, id_bits, rank_bits, results: Results::new(merges) };
        for (rank, &(left, right, _)) in (0u64..).zip(merges) {
            let (index, pair) = table.find(left, right);
            // Of two merges of one pair the later counts.
            table.slots[index] = pair << rank_bits | rank;
            let (word, bit) = table.filtered(table.hash(left, right));
            table.filter[word] |= bit;
        }
        Some(table)
    }

    #[inline]
    fn hash(&self, left: u32, right: u32) -> u64 {
        (u64::from(left) << self.id_bits | u64::from(right)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    /// Word and bit of the filter.
    #[inline]
    fn filtered(&self, hash: u64) -> (usize, u64) {
        (home(hash, self.filter.len()), 1 << (hash >> 24 & 63))
    }

    /// Slot of a pair, or the free one where it would lie, and what is above the rank there.
    #[inline]
    fn find(&self, left: u32, right: u32) -> (usize, u64) {
        let pair = u64::from(left) << self.id_bits | u64::from(right);
        let mut index = home(self.hash(left, right), self.slots.len());
        while self.slots[index] != FREE && self.slots[index] >> self.rank_bits != pair {
            index = (index + 1) & (self.slots.len() - 1);
        }
        (index, pair)
    }

    /// Rank of a pair; `NONE` if it does not merge.
    #[inline]
    pub fn rank(&self, left: u32, right: u32) -> u32 {
        let (word, bit) = self.filtered(self.hash(left, right));
        if self.filter[word] & bit == 0 || (left | right) >> self.id_bits != 0 {
            return NONE;
        }
        let (index, pair) = self.find(left, right);
        match self.slots[index] {
            FREE => NONE,
            #[allow(clippy::cast_possible_truncation)] // a rank
            slot => (slot ^ pair << self.rank_bits) as u32,
        }
    }

    /// Merges `work.symbols` until nothing merges any more.
    pub fn apply(&self, work: &mut Workspace) {
        let Workspace { symbols, ranks, .. } = work;
        ranks.clear();
        ranks.extend(symbols.windows(2).map(|two| self.rank(two[0], two[1])));
        self.apply_ranked(work);
    }

    /// The same where `work.ranks` has been filled.
    pub fn apply_ranked(&self, work: &mut Workspace) {
        if work.symbols.len() <= SHORT { self.apply_short(work) } else { self.apply_long(work) }
    }

    fn apply_short(&self, work: &mut Workspace) {
        let Workspace { symbols, ranks, .. } = work;
        let mut length = symbols.len();
        symbols.resize(length + 1 + MOVED, NONE);
        ranks.resize(length + 1 + MOVED, NONE);
        while let Some((at, &rank)) = ranks[..length].iter().enumerate().min_by_key(|(_, rank)| **rank) {
            if rank == NONE {
                break;
            }
            let merged = self.results.of(rank);
            symbols[at] = merged;
            remove(symbols, at + 1, length);
            remove(ranks, at, length);
            length -= 1;
            if at + 1 < length {
                ranks[at] = self.rank(merged, symbols[at + 1]);
            }
            if at > 0 {
                ranks[at - 1] = self.rank(symbols[at - 1], merged);
            }
        }
        symbols.truncate(length);
    }

    /// The same with a heap of (rank, position) and links between the symbols that are left.
    fn apply_long(&self, work: &mut Workspace) {
        let Workspace { symbols, ranks, links, heap } = work;
        let length = u32::try_from(symbols.len()).unwrap_or(NONE);
        links.clear();
        links.extend((0..length).map(|at| (at.wrapping_sub(1), if at + 1 < length { at + 1 } else { NONE })));
        let entry = |rank: u32, at: u32| (rank != NONE).then_some(Reverse((u64::from(rank) << 32) | u64::from(at)));
        let enter =
            |at: u32, symbols: &[u32], next: u32| entry(self.rank(symbols[at as usize], symbols[next as usize]), at);
        let mut entries = std::mem::take(heap).into_vec();
        entries.clear();
        entries.extend((0..).zip(&*ranks).filter_map(|(at, &rank)| entry(rank, at)));
        *heap = BinaryHeap::from(entries);
        while let Some(Reverse(entry)) = heap.pop() {
            #[allow(clippy::cast_possible_truncation)] // the two halves
            let (wanted, at) = ((entry >> 32) as u32, entry as u32);
            let (before, next) = links[at as usize];
            if symbols[at as usize] == NONE || next == NONE {
                continue;
            }
            if self.rank(symbols[at as usize], symbols[next as usize]) != wanted {
                continue;
            }
            symbols[at as usize] = self.results.of(wanted);
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

/// Removes one of the first `length` values. There is room behind them: a few are moved at a time, without a call.
#[inline]
fn remove(values: &mut [u32], at: usize, length: usize) {
    for from in (at..length).step_by(MOVED) {
        if let Some(moved) = values[from..].first_chunk_mut::<{ MOVED + 1 }>() {
            moved.copy_within(1.., 0);
        }
    }
}

impl Workspace {
    /// Gives the memory of an unusually long word back.
    fn shrink(&mut self) {
        const KEPT: usize = 1 << 14;
        if self.links.capacity() > KEPT {
            self.ranks = Vec::new();
            self.links = Vec::new();
            self.heap = BinaryHeap::new();
        }
    }
}
