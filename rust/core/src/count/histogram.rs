//! How often each id occurred.

/// Dense counts by id; merging is addition, so order and number of threads do not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
}

impl Histogram {
    /// A histogram with room for ids below `size`.
    pub fn new(size: u32) -> Self {
        Self { counts: vec![0; size as usize] }
    }

    /// Adds `weight` occurrences of `id`.
    pub fn add(&mut self, id: u32, weight: u64) {
        let index = id as usize;
        if index >= self.counts.len() {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += weight;
    }

    /// Adds all counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    /// Ids with a count above zero, ascending, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        (0u32..).zip(&self.counts).filter(|&(_, &count)| count > 0).map(|(id, &count)| (id, count))
    }
}
