//! The state of one worker: counts rows into a piece table and a histogram.

use std::sync::Arc;

use crate::added::Part;
use crate::count::{Handed, Histogram};
use crate::engine::{Cutter, Engine};
use crate::error::Result;
use crate::piece;
use crate::pieces::{One, Pieces};
use crate::tokenizer::guarded;

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
    /// Tallies so far; the histogram lacks what the table still holds.
    pub counts: RawCounts,
    pieces: Pieces,
    parts: Vec<Part>,
}

impl Counter {
    /// A counter whose table stays below about `memory` bytes.
    pub fn new(engine: Arc<Engine>, memory: usize) -> Self {
        let counts = RawCounts { histogram: Histogram::new(engine.loaded.size), ..RawCounts::default() };
        Self { engine, counts, pieces: Pieces::new(memory), parts: Vec::new() }
    }

    /// Counts a text, or a pair of them, that occurs `weight` times as a row.
    ///
    /// # Errors
    /// [`Error::Text`] or [`Error::Piece`] with what the crate says, [`Error::Panic`] if it panics.
    ///
    /// [`Error::Text`]: crate::Error::Text
    /// [`Error::Piece`]: crate::Error::Piece
    /// [`Error::Panic`]: crate::Error::Panic
    pub fn row(&mut self, text: &str, pair: Option<&str>, weight: u64) -> Result<()> {
        if self.begin(text, pair, weight)? {
            self.sequence(text, weight)?;
            pair.map_or(Ok(()), |pair| self.sequence(pair, weight))?;
        }
        Ok(())
    }

    /// Counts what there is of a row beside its texts; false if it was counted whole.
    ///
    /// # Errors
    /// As [`Counter::row`].
    pub fn begin(&mut self, text: &str, pair: Option<&str>, weight: u64) -> Result<bool> {
        self.counts.rows += weight;
        self.counts.text_bytes += (text.len() + pair.map_or(0, str::len)) as u64 * weight;
        let engine = Arc::clone(&self.engine);
        match engine.row_specials(pair.is_some()) {
            Some(specials) if !matches!(engine.cutter, Cutter::Row) => {
                specials.iter().for_each(|&id| self.counts.histogram.add(id, weight));
                Ok(true)
            }
            _ => self.whole(&engine, text, pair, engine.add_special_tokens, weight).map(|()| false),
        }
    }

    /// The tokenizer.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The tokenizer, and where its ids are counted.
    pub fn sink(&mut self) -> One<'_> {
        One { engine: &self.engine, histogram: &mut self.counts.histogram }
    }

    /// Counts one ready id.
    pub fn id(&mut self, id: u32) {
        self.counts.histogram.add(id, 1);
    }

    /// Gives the table away, so that what several workers met is tokenised once.
    pub fn hand_over(&mut self) -> Handed {
        self.pieces.hand_over(&mut One { engine: &self.engine, histogram: &mut self.counts.histogram })
    }

    /// Tokenises the pieces that lie in a part of each of these tables.
    pub fn take_in(&mut self, tables: &[&Handed], part: usize) {
        self.pieces.take_in(&mut One { engine: &self.engine, histogram: &mut self.counts.histogram }, tables, part);
    }

    /// Tokenises what the table holds and gives everything counted.
    ///
    /// # Errors
    /// [`Error::Piece`](crate::Error::Piece) with what the crate's model says.
    pub fn finish(mut self) -> Result<RawCounts> {
        self.pieces.flush(&mut One { engine: &self.engine, histogram: &mut self.counts.histogram });
        self.pieces.outcome().map(|()| self.counts)
    }

    /// One sequence without the tokens that the post-processor adds.
    ///
    /// # Errors
    /// As [`Counter::row`].
    pub fn sequence(&mut self, text: &str, weight: u64) -> Result<()> {
        let engine = Arc::clone(&self.engine);
        let Self { counts, pieces, parts, .. } = self;
        let mut sink = One { engine: &engine, histogram: &mut counts.histogram };
        match &engine.cutter {
            Cutter::Row => return self.whole(&engine, text, None, false, weight),
            Cutter::Generic(_) => guarded(|| {
                let splits = piece::generic(&engine.loaded, text)?;
                for (split, ids) in piece::parts(&splits) {
                    match ids {
                        Some(ids) => ids.iter().for_each(|token| sink.histogram.add(token.id, weight)),
                        None => pieces.add(&mut sink, split.as_bytes(), 0, split.len(), weight),
                    }
                }
                Ok(())
            })?,
            Cutter::Native(native) => {
                if !native.added.split(text, parts) {
                    counts.fallback_rows += weight;
                    return self.whole(&engine, text, None, false, weight);
                }
                for part in parts.iter() {
                    let (segment, begins) = match part {
                        Part::Token(id) => {
                            sink.histogram.add(*id, weight);
                            continue;
                        }
                        Part::Text(range) => (&text[range.clone()], range.start == 0),
                        Part::Owned(text, begins) => (text.as_str(), *begins),
                    };
                    native.cut(segment, begins, |buffer, start, end| {
                        pieces.add(&mut sink, buffer, start, end, weight);
                    });
                }
            }
        }
        self.pieces.outcome()
    }

    fn whole(&mut self, engine: &Engine, text: &str, pair: Option<&str>, special: bool, weight: u64) -> Result<()> {
        let encoding = guarded(|| engine.loaded.encode(text, pair, special))?;
        encoding.get_ids().iter().for_each(|&id| self.counts.histogram.add(id, weight));
        Ok(())
    }
}
