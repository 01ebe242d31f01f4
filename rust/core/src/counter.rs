//! The state of one worker: counts rows into a piece table and a histogram.

use std::sync::Arc;

use crate::added::Part;
use crate::count::{Handed, Histogram, INLINE, PieceTable};
use crate::engine::{Cutter, Engine};
use crate::error::{Error, Result};
use crate::piece::{self, Workspace};
use crate::tokenizer::guarded;

/// Pieces longer than this are tokenised at once: they hardly repeat and would fill the table.
const LONGEST_KEY: usize = 1 << 10;
/// Pieces tokenised without the table after one that held little but single occurrences.
const BYPASS: u64 = 1 << 20;

/// Part of the memory bound for the pieces taken in from other tables, a few at a time.
const TAKEN_IN: usize = 8;

/// What a scan counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawCounts {
    /// Occurrences of each id.
    pub histogram: Histogram,
    /// Texts encoded.
    pub rows: u64,
    /// Null values met.
    pub nulls: u64,
    /// Bytes of the texts.
    pub text_bytes: u64,
    /// Rows that took the whole-row path by themselves.
    pub fallback_rows: u64,
    /// Rows left out because they are not UTF-8.
    pub invalid_rows: u64,
}

impl RawCounts {
    /// Adds what another worker counted.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.merge(&other.histogram);
        self.rows += other.rows;
        self.nulls += other.nulls;
        self.text_bytes += other.text_bytes;
        self.fallback_rows += other.fallback_rows;
        self.invalid_rows += other.invalid_rows;
    }
}

/// Counts texts for one tokenizer.
#[derive(Debug)]
pub struct Counter {
    engine: Arc<Engine>,
    memory: usize,
    /// Tallies so far; the histogram lacks what the table still holds.
    pub counts: RawCounts,
    pieces: Pieces,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Pieces {
    table: PieceTable,
    bypass: u64,
    work: Workspace,
    failed: Option<Error>,
}

impl Counter {
    /// A counter whose table stays below about `memory` bytes.
    pub fn new(engine: Arc<Engine>, memory: usize) -> Self {
        let counts = RawCounts { histogram: Histogram::new(engine.loaded.size), ..RawCounts::default() };
        let pieces = Pieces { table: PieceTable::new(memory), bypass: 0, work: Workspace::default(), failed: None };
        Self { engine, memory, counts, pieces, parts: Vec::new() }
    }

    /// Counts a text that occurs `weight` times as a row.
    ///
    /// # Errors
    /// [`Error::Text`] or [`Error::Piece`] with what the crate says, [`Error::Panic`] if it panics.
    pub fn text(&mut self, text: &str, weight: u64) -> Result<()> {
        self.counts.rows += weight;
        self.counts.text_bytes += text.len() as u64 * weight;
        let engine = Arc::clone(&self.engine);
        match engine.row_specials(false) {
            Some(specials) if !matches!(engine.cutter, Cutter::Row) => {
                specials.iter().for_each(|&id| self.counts.histogram.add(id, weight));
                self.sequence(&engine, text, weight)
            }
            _ => self.whole(&engine, text, None, engine.add_special_tokens, weight),
        }
    }

    /// Counts a pair of texts encoded as one row.
    ///
    /// # Errors
    /// As [`Counter::text`].
    pub fn pair(&mut self, first: &str, second: &str) -> Result<()> {
        self.counts.rows += 1;
        self.counts.text_bytes += (first.len() + second.len()) as u64;
        let engine = Arc::clone(&self.engine);
        match engine.row_specials(true) {
            Some(specials) if !matches!(engine.cutter, Cutter::Row) => {
                specials.iter().for_each(|&id| self.counts.histogram.add(id, 1));
                self.sequence(&engine, first, 1)?;
                self.sequence(&engine, second, 1)
            }
            _ => self.whole(&engine, first, Some(second), engine.add_special_tokens, 1),
        }
    }

    /// Ids of the tokenizer run from 0 to this, exclusive.
    pub fn size(&self) -> u32 {
        self.engine.loaded.size
    }

    /// Counts one ready id.
    pub fn id(&mut self, id: u32) {
        self.counts.histogram.add(id, 1);
    }

    /// Gives the table away, so that what several workers met is tokenised once; a small one takes its place.
    pub fn hand_over(&mut self) -> Handed {
        let engine = Arc::clone(&self.engine);
        self.pieces.settle(&engine, &mut self.counts.histogram);
        self.pieces.bypass = 0;
        Handed::new(std::mem::replace(&mut self.pieces.table, PieceTable::new(self.memory / TAKEN_IN)))
    }

    /// Counts the pieces that lie in a part of each of these tables.
    pub fn take_in(&mut self, tables: &[Handed], part: usize) {
        let engine = Arc::clone(&self.engine);
        let Self { pieces, counts, .. } = self;
        let histogram = &mut counts.histogram;
        for table in tables {
            table.visit(part, |piece, count| pieces.add(&engine, histogram, piece, 0, piece.len(), count));
        }
        pieces.flush(&engine, histogram);
    }

    /// Tokenises what the table holds and gives everything counted.
    ///
    /// # Errors
    /// [`Error::Piece`] with what the crate's model says.
    pub fn finish(mut self) -> Result<RawCounts> {
        let engine = Arc::clone(&self.engine);
        self.pieces.flush(&engine, &mut self.counts.histogram);
        self.pieces.failed.map_or(Ok(self.counts), Err)
    }

    /// One sequence without the tokens that the post-processor adds.
    fn sequence(&mut self, engine: &Engine, text: &str, weight: u64) -> Result<()> {
        let Self { counts, pieces, parts, .. } = self;
        let histogram = &mut counts.histogram;
        match &engine.cutter {
            Cutter::Row => return self.whole(engine, text, None, false, weight),
            Cutter::Generic(_) => guarded(|| {
                let splits = piece::generic(&engine.loaded, text)?;
                for (split, ids) in piece::parts(&splits) {
                    match ids {
                        Some(ids) => ids.iter().for_each(|token| histogram.add(token.id, weight)),
                        None => pieces.add(engine, histogram, split.as_bytes(), 0, split.len(), weight),
                    }
                }
                Ok(())
            })?,
            Cutter::Native(native) => {
                if !native.added.split(text, parts) {
                    counts.fallback_rows += weight;
                    return self.whole(engine, text, None, false, weight);
                }
                for part in parts.iter() {
                    let (segment, begins) = match part {
                        Part::Token(id) => {
                            histogram.add(*id, weight);
                            continue;
                        }
                        Part::Text(range) => (&text[range.clone()], range.start == 0),
                        Part::Owned(text, begins) => (text.as_str(), *begins),
                    };
                    native.cut(segment, begins, |buffer, start, end| {
                        pieces.add(engine, histogram, buffer, start, end, weight);
                    });
                }
            }
        }
        self.pieces.failed.take().map_or(Ok(()), Err)
    }

    fn whole(&mut self, engine: &Engine, text: &str, pair: Option<&str>, special: bool, weight: u64) -> Result<()> {
        let encoding = guarded(|| engine.loaded.encode(text, pair, special))?;
        encoding.get_ids().iter().for_each(|&id| self.counts.histogram.add(id, weight));
        Ok(())
    }
}

impl Pieces {
    #[inline]
    fn add(
        &mut self,
        engine: &Engine,
        histogram: &mut Histogram,
        buffer: &[u8],
        start: usize,
        end: usize,
        weight: u64,
    ) {
        if self.bypass > 0 || end - start > INLINE {
            return self.add_other(engine, histogram, &buffer[start..end], weight);
        }
        if self.table.add(buffer, start, end, weight).is_err() {
            self.settle(engine, histogram);
        }
    }

    /// Counts what waits for its slot, making room until it is counted.
    #[cold]
    fn settle(&mut self, engine: &Engine, histogram: &mut Histogram) {
        while self.table.settle().is_err() {
            self.make_room(engine, histogram);
        }
    }

    #[cold]
    fn make_room(&mut self, engine: &Engine, histogram: &mut Histogram) {
        if self.table.is_useless() {
            self.bypass = BYPASS;
        }
        self.release(engine, histogram, |table, visit| table.make_room(visit));
    }

    /// A piece that does not lie inline, or any while the table is of no use.
    #[inline(never)]
    fn add_other(&mut self, engine: &Engine, histogram: &mut Histogram, piece: &[u8], weight: u64) {
        if self.bypass > 0 || piece.len() > LONGEST_KEY {
            self.bypass = self.bypass.saturating_sub(1);
            return self.tokenize(engine, histogram, piece, weight);
        }
        if self.table.add_long(piece, weight).is_err() {
            self.make_room(engine, histogram);
            if self.table.add_long(piece, weight).is_err() {
                self.tokenize(engine, histogram, piece, weight);
            }
        }
    }

    fn tokenize(&mut self, engine: &Engine, histogram: &mut Histogram, piece: &[u8], weight: u64) {
        let Some(tokenizer) = engine.piece_tokenizer() else { return };
        let add = |id| histogram.add(id, weight);
        if let Err(error) = tokenizer.tokenize(&engine.loaded, piece, &mut self.work, add) {
            self.failed.get_or_insert(error);
        }
    }

    #[cold]
    fn flush(&mut self, engine: &Engine, histogram: &mut Histogram) {
        self.settle(engine, histogram);
        self.release(engine, histogram, |table, visit| table.drain(visit));
    }

    /// Tokenises what the table hands out.
    fn release(
        &mut self,
        engine: &Engine,
        histogram: &mut Histogram,
        from: impl FnOnce(&mut PieceTable, &mut dyn FnMut(&[u8], u64) -> Result<()>) -> Result<()>,
    ) {
        let Some(tokenizer) = engine.piece_tokenizer() else { return };
        let Self { table, work, .. } = self;
        let outcome = from(table, &mut |piece, count| {
            tokenizer.tokenize(&engine.loaded, piece, work, |id| histogram.add(id, count))
        });
        if let Err(error) = outcome {
            self.failed.get_or_insert(error);
        }
    }
}
