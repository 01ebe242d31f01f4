//! Entries of a vocabulary by their bytes: a double-array trie.
//!
//! A node's child for a byte lies at `base ^ byte` and names its parent, so that one step reads one place in memory.

use std::collections::BTreeMap;

/// No node, no id.
pub const NONE: u32 = u32::MAX;
/// Parent of the root.
const ABOVE: u32 = NONE - 1;
/// `base ^ byte` stays among the nodes of one block.
const BLOCK: usize = 256;
/// Free places tried for a node with several children before a new block is begun.
const PATIENCE: usize = 512;

#[derive(Debug, Clone, Copy)]
struct Node {
    base: u32,
    /// `NONE` if the place is free.
    parent: u32,
    id: u32,
}

const FREE: Node = Node { base: 0, parent: NONE, id: NONE };

/// The entries.
#[derive(Debug)]
pub struct Trie {
    nodes: Vec<Node>,
    /// No place before this one is free.
    full: usize,
}

impl Trie {
    /// The empty prefix.
    pub const ROOT: u32 = 0;

    /// A trie of entries with their ids; the empty one is left out, and of equal ones the last counts.
    ///
    /// `None` if there are too many.
    pub fn new<T: AsRef<[u8]> + Ord>(entries: impl IntoIterator<Item = (T, u32)>) -> Option<Self> {
        let sorted: BTreeMap<T, u32> = entries.into_iter().filter(|(entry, _)| !entry.as_ref().is_empty()).collect();
        let entries: Vec<(&[u8], u32)> = sorted.iter().map(|(entry, &id)| (entry.as_ref(), id)).collect();
        let mut trie = Self { nodes: vec![FREE; BLOCK], full: 1 };
        trie.nodes[0].parent = ABOVE;
        let mut pending = vec![(Self::ROOT, entries.as_slice(), 0)];
        while let Some((node, mut below, depth)) = pending.pop() {
            if let Some(&(entry, id)) = below.first()
                && entry.len() == depth
            {
                trie.nodes[node as usize].id = id;
                below = &below[1..];
            }
            let groups: Vec<_> = below.chunk_by(|(a, _), (b, _)| a[depth] == b[depth]).collect();
            let bytes: Vec<u8> = groups.iter().map(|group| group[0].0[depth]).collect();
            let base = trie.settle(node, &bytes)?;
            pending.extend(groups.into_iter().map(|group| (base ^ u32::from(group[0].0[depth]), group, depth + 1)));
        }
        Some(trie)
    }

    /// Finds places for a node's children and takes them.
    fn settle(&mut self, node: u32, bytes: &[u8]) -> Option<u32> {
        let Some(&first) = bytes.first() else { return Some(0) };
        while self.full < self.nodes.len() && self.nodes[self.full].parent != NONE {
            self.full += 1;
        }
        let free = (self.full..self.nodes.len()).filter(|&place| self.nodes[place].parent == NONE).take(PATIENCE);
        let mut bases = free.map(|place| place ^ usize::from(first));
        let fits = |base: &usize| bytes.iter().all(|&byte| self.nodes[base ^ usize::from(byte)].parent == NONE);
        let base = bases.find(fits).unwrap_or(self.nodes.len());
        if base == self.nodes.len() {
            self.nodes.resize(base + BLOCK, FREE);
        }
        for &byte in bytes {
            self.nodes[base ^ usize::from(byte)].parent = node;
        }
        let base = u32::try_from(base).ok().filter(|&base| base < ABOVE - 256)?;
        self.nodes[node as usize].base = base;
        Some(base)
    }

    /// The node of a prefix that is one byte longer; `NONE` if no entry begins so.
    #[inline]
    pub fn child(&self, node: u32, byte: u8) -> u32 {
        let place = self.nodes[node as usize].base ^ u32::from(byte);
        if self.nodes[place as usize].parent == node { place } else { NONE }
    }

    /// Id of the entry that ends at a node, or `NONE`.
    #[inline]
    pub fn id(&self, node: u32) -> u32 {
        self.nodes[node as usize].id
    }

    /// Id of an entry.
    pub fn get(&self, token: &[u8]) -> Option<u32> {
        let mut node = Self::ROOT;
        for &byte in token {
            node = self.child(node, byte);
            if node == NONE {
                return None;
            }
        }
        Some(self.id(node)).filter(|&id| id != NONE)
    }
}
