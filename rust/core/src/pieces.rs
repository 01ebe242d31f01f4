//! The pieces that wait in a table to be tokenised, for one tokenizer or for several.

use crate::count::{Handed, Histogram, INLINE, PieceTable, Union};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::piece::Workspace;

/// Pieces longer than this are tokenised at once: they hardly repeat and would fill the table.
const LONGEST_KEY: usize = 1 << 10;
/// Pieces tokenised without the table after one that held little but single occurrences.
const BYPASS: u64 = 1 << 20;

/// Whom a distinct piece is tokenised for.
pub trait Sink {
    /// Tokenises a piece that occurred `count` times.
    ///
    /// # Errors
    /// [`Error::Piece`] with what a model says, [`Error::Panic`] if it panics.
    fn tokenize(&mut self, piece: &[u8], count: u64, work: &mut Workspace) -> Result<()>;
}

/// One tokenizer and its histogram.
#[derive(Debug)]
pub struct One<'a> {
    /// The tokenizer.
    pub engine: &'a Engine,
    /// Where its ids are counted.
    pub histogram: &'a mut Histogram,
}

impl Sink for One<'_> {
    fn tokenize(&mut self, piece: &[u8], count: u64, work: &mut Workspace) -> Result<()> {
        let Some(tokenizer) = self.engine.piece_tokenizer() else { return Ok(()) };
        tokenizer.tokenize(&self.engine.loaded, piece, work, |id| self.histogram.add(id, count))
    }
}

/// A table of pieces; what leaves it goes to the sink that every call names, which must always be the same.
#[derive(Debug)]
pub struct Pieces {
    table: PieceTable,
    union: Union,
    bypass: u64,
    work: Workspace,
    failed: Option<Error>,
}

impl Pieces {
    /// Pieces whose table stays below about `memory` bytes.
    pub fn new(memory: usize) -> Self {
        let table = PieceTable::new(memory);
        Self { table, union: Union::default(), bypass: 0, work: Workspace::default(), failed: None }
    }

    /// Counts `weight` more of the piece `buffer[start..end]`.
    #[inline(always)]
    #[allow(clippy::inline_always)] // once for each piece
    pub fn add(&mut self, sink: &mut impl Sink, buffer: &[u8], start: usize, end: usize, weight: u64) {
        if self.bypass > 0 || end - start > INLINE {
            return self.add_other(sink, &buffer[start..end], weight);
        }
        if self.table.add(buffer, start, end, weight).is_err() {
            self.settle(sink);
        }
    }

    /// The first error of a model since this was last asked.
    ///
    /// # Errors
    /// That error.
    pub fn outcome(&mut self) -> Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Tokenises what the table holds.
    #[cold]
    pub fn flush(&mut self, sink: &mut impl Sink) {
        self.settle(sink);
        self.release(sink, |table, visit| table.drain(visit));
    }

    /// Gives the table away; what is counted from now on is tokenised at once.
    pub fn hand_over(&mut self, sink: &mut impl Sink) -> Handed {
        self.settle(sink);
        Handed(std::mem::replace(&mut self.table, PieceTable::new(0)))
    }

    /// Tokenises the pieces that lie in a part of each of these tables.
    pub fn take_in(&mut self, sink: &mut impl Sink, tables: &[&Handed], part: usize) {
        let Self { union, work, .. } = self;
        if let Err(error) = union.visit(tables, part, |piece, count| sink.tokenize(piece, count, work)) {
            self.failed.get_or_insert(error);
        }
    }

    /// Counts what waits for its slot, making room until it is counted.
    #[cold]
    fn settle(&mut self, sink: &mut impl Sink) {
        while self.table.settle().is_err() {
            self.make_room(sink);
        }
    }

    #[cold]
    fn make_room(&mut self, sink: &mut impl Sink) {
        if self.table.is_useless() {
            self.bypass = BYPASS;
        }
        self.release(sink, |table, visit| table.make_room(visit));
    }

    /// A piece that does not lie inline, or any while the table is of no use.
    #[inline(never)]
    fn add_other(&mut self, sink: &mut impl Sink, piece: &[u8], weight: u64) {
        if self.bypass > 0 || piece.len() > LONGEST_KEY {
            self.bypass = self.bypass.saturating_sub(1);
            return self.tokenize(sink, piece, weight);
        }
        if self.table.add_long(piece, weight).is_err() {
            self.make_room(sink);
            if self.table.add_long(piece, weight).is_err() {
                self.tokenize(sink, piece, weight);
            }
        }
    }

    fn tokenize(&mut self, sink: &mut impl Sink, piece: &[u8], weight: u64) {
        if let Err(error) = sink.tokenize(piece, weight, &mut self.work) {
            self.failed.get_or_insert(error);
        }
    }

    /// Tokenises what the table hands out.
    fn release(
        &mut self,
        sink: &mut impl Sink,
        from: impl FnOnce(&mut PieceTable, &mut dyn FnMut(&[u8], u64) -> Result<()>) -> Result<()>,
    ) {
        let Self { table, work, .. } = self;
        let outcome = from(table, &mut |piece, count| sink.tokenize(piece, count, work));
        if let Err(error) = outcome {
            self.failed.get_or_insert(error);
        }
    }
}
