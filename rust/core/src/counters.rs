//! The state of one worker for all tokenizers of a scan.
//!
//! Texts that are whole to several tokenizers of a group ([`Group`]) are counted in one table for them. Which of them
//! these are depends on the text, so there is a table for each set that occurs, up to [`SETS`]; texts of further sets are
//! counted by each tokenizer on its own, as are all others.
//!
//! At the end the tables are read part by part, and each tokenizer takes in its pieces from all tables that it has a
//! share in, so that it tokenises a piece once, whichever tables hold it. What leaves a table before the end is tokenised
//! for all that share it. Counts add, so that neither the sets nor the order of rows can be seen in the result.

use std::sync::Arc;

use crate::count::{Handed, PARTS};
use crate::counter::{Counter, RawCounts};
use crate::error::Result;
use crate::group::{Engines, Group};
use crate::piece::Workspace;
use crate::pieces::{Pieces, Sink};

/// Sets of tokenizers of a group that have a table.
const SETS: usize = 4;

/// Counts texts for several tokenizers.
#[derive(Debug)]
pub struct Counters {
    engines: Arc<Engines>,
    each: Vec<Counter>,
    /// The tables of each group.
    shared: Vec<Vec<Shared>>,
    memory: usize,
}

/// Pieces of texts that are whole to a set of tokenizers.
#[derive(Debug)]
struct Shared {
    set: Vec<usize>,
    pieces: Pieces,
}

/// A table that takes no more pieces, and the places of the tokenizers that these count for.
#[derive(Debug)]
pub struct Table {
    set: Vec<usize>,
    pieces: Handed,
}

/// The tokenizers of a set.
struct Several<'a> {
    each: &'a mut [Counter],
    set: &'a [usize],
}

impl Sink for Several<'_> {
    fn tokenize(&mut self, piece: &[u8], count: u64, work: &mut Workspace) -> Result<()> {
        let mut outcome = Ok(());
        for &index in self.set {
            outcome = outcome.and(self.each[index].sink().tokenize(piece, count, work));
        }
        outcome
    }
}

impl Counters {
    /// Counters whose tables stay below about `memory` bytes together.
    pub fn new(engines: Arc<Engines>, memory: usize) -> Self {
        let share = memory / engines.all.len().max(1);
        let sharing = |index: usize| engines.groups.iter().any(|group| group.members.contains(&index));
        // The rest of a group's memory is for its shared tables, which take most of the text.
        let own = |index: usize| if sharing(index) { share / 4 } else { share };
        let each = engines.all.iter().enumerate();
        let each = each.map(|(index, engine)| Counter::new(Arc::clone(engine), own(index))).collect();
        let shared = engines.groups.iter().map(|_| Vec::new()).collect();
        Self { engines, each, shared, memory }
    }

    /// Counts a text, or a pair of them, that occurs `weight` times as a row.
    ///
    /// # Errors
    /// As [`Counter::row`].
    pub fn row(&mut self, text: &str, pair: Option<&str>, weight: u64) -> Result<()> {
        let engines = Arc::clone(&self.engines);
        for &index in &engines.alone {
            self.each[index].row(text, pair, weight)?;
        }
        for number in 0..engines.groups.len() {
            let group = &engines.groups[number];
            let mut open = Vec::with_capacity(group.members.len());
            for (member, &index) in group.members.iter().enumerate() {
                if self.each[index].begin(text, pair, weight)? {
                    open.push(member);
                }
            }
            for text in [Some(text), pair].into_iter().flatten() {
                self.sequence(number, &open, text, weight)?;
            }
        }
        Ok(())
    }

    /// One text for those members of a group that have not counted its row as a whole.
    fn sequence(&mut self, number: usize, open: &[usize], text: &str, weight: u64) -> Result<()> {
        let engines = Arc::clone(&self.engines);
        let group = &engines.groups[number];
        let (whole, other): (Vec<usize>, Vec<usize>) =
            open.iter().partition(|&&member| group.is_whole_to(member, text));
        let places = |members: Vec<usize>| members.into_iter().map(|member| group.members[member]).collect::<Vec<_>>();
        let (set, other) = (places(whole), places(other));
        let Self { each, shared, memory, .. } = self;
        for index in other {
            each[index].sequence(text, weight)?;
        }
        let budget = *memory / each.len() * group.members.len();
        let Some(Shared { set, pieces }) = table(&mut shared[number], &set, group, budget) else {
            return set.into_iter().try_for_each(|index| each[index].sequence(text, weight));
        };
        let mut sink = Several { each, set };
        group.cut(text, |buffer, start, end| pieces.add(&mut sink, buffer, start, end, weight));
        pieces.outcome()
    }

    /// Changes the tallies of every tokenizer.
    pub fn tally(&mut self, change: impl Fn(&mut RawCounts)) {
        self.each.iter_mut().for_each(|counter| change(&mut counter.counts));
    }

    /// Rows and bytes of text so far.
    pub fn done(&self) -> (u64, u64) {
        self.each.first().map_or((0, 0), |counter| (counter.counts.rows, counter.counts.text_bytes))
    }

    /// The counter, if there is but one.
    pub fn only(&mut self) -> Option<&mut Counter> {
        if let [counter] = self.each.as_mut_slice() { Some(counter) } else { None }
    }

    /// Gives all tables away, so that what several of them hold is tokenised once.
    ///
    /// # Errors
    /// What a model says of a piece that had to leave its table.
    pub fn hand_over(&mut self) -> Result<Vec<Table>> {
        let mut tables = Vec::new();
        for Shared { set, mut pieces } in self.shared.iter_mut().flat_map(std::mem::take) {
            let handed = pieces.hand_over(&mut Several { each: &mut self.each, set: &set });
            pieces.outcome()?;
            tables.push(Table { set, pieces: handed });
        }
        for (index, counter) in self.each.iter_mut().enumerate() {
            tables.push(Table { set: vec![index], pieces: counter.hand_over() });
        }
        Ok(tables)
    }

    /// Counts the pieces that lie in a part of each of these tables.
    pub fn take_in(&mut self, tables: &[Table], part: usize) {
        for (index, counter) in self.each.iter_mut().enumerate() {
            let its = tables.iter().filter(|table| table.set.contains(&index)).map(|table| &table.pieces);
            counter.take_in(&its.collect::<Vec<_>>(), part);
        }
    }

    /// Tokenises what the tables hold and gives everything counted, by tokenizer.
    ///
    /// # Errors
    /// What a model says of a piece.
    pub fn finish(mut self) -> Result<Vec<RawCounts>> {
        if self.shared.iter().any(|tables| !tables.is_empty()) {
            let tables = self.hand_over()?;
            (0..PARTS).for_each(|part| self.take_in(&tables, part));
        }
        self.each.into_iter().map(Counter::finish).collect()
    }
}

/// The table of a set of a group that has `budget` bytes of memory; `None` if each is to count on its own.
fn table<'a>(tables: &'a mut Vec<Shared>, set: &[usize], group: &Group, budget: usize) -> Option<&'a mut Shared> {
    if set.len() < 2 {
        return None;
    }
    let found = tables.iter().position(|table| table.set == set);
    if found.is_none() && tables.len() == SETS {
        return None;
    }
    let found = found.unwrap_or_else(|| {
        // Half for the texts that are whole to all, which are most, a quarter for all other sets.
        let memory = if set.len() == group.members.len() { budget / 2 } else { budget / 4 / (SETS - 1) };
        tables.push(Shared { set: set.to_vec(), pieces: Pieces::new(memory) });
        tables.len() - 1
    });
    tables.get_mut(found)
}
