//! Worker threads fed with columns; the result does not depend on their number or order.
//!
//! The threads are this scan's own, share nothing but the queue, and are never joined while busy: a cancelled scan
//! returns at once and its workers leave after the row they are at.

mod work;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow_array::RecordBatch;

use crate::column::{Column, InvalidUtf8, resolve};
use crate::count::PARTS;
use crate::counter::RawCounts;
use crate::counters::{Counters, Table};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::group::Engines;
use crate::queue::Queue;
use crate::tokenizer::guarded;
use work::{Values, Work};

/// Text handed to a worker at a time, about.
const CHUNK_BYTES: usize = 1 << 20;
/// Piece table of a worker unless the caller bounds memory, and for how many tokenizers it has as much.
const TABLE_BYTES: usize = 32 << 20;
const TABLES: usize = 3;

/// How to scan.
#[derive(Debug, Clone)]
pub struct ScanOptions {
    /// Paths of the columns to count.
    pub columns: Vec<String>,
    /// Exactly two columns, encoded as pairs.
    pub pair: bool,
    /// Worker threads.
    pub threads: usize,
    /// Bound, in bytes, for the piece tables of all workers and the queue together.
    pub memory: Option<usize>,
    /// What to do with texts that are not UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// Count only the rows whose hash lies below this.
    pub sample: Option<u64>,
}

/// How far a scan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows done.
    pub rows: u64,
    /// Bytes of text done.
    pub text_bytes: u64,
}

/// A batch on its way into the queue.
#[derive(Debug)]
pub struct Push {
    pending: std::collections::VecDeque<(Work, usize)>,
}

#[derive(Debug)]
struct Shared {
    engines: Arc<Engines>,
    threads: usize,
    queue: Queue<Work>,
    invalid_utf8: InvalidUtf8,
    cancelled: AtomicBool,
    rows: AtomicU64,
    text_bytes: AtomicU64,
    /// The next part of the tables handed over that no worker has taken.
    part: AtomicUsize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    running: usize,
    /// By tokenizer.
    counts: Vec<RawCounts>,
    /// Tables of each worker that has no more texts to count.
    handed: Vec<Vec<Table>>,
    /// The tables of all workers, once complete.
    tables: Option<Arc<[Table]>>,
    /// The error of the earliest work item, so that the same input gives the same error.
    error: Option<(u64, Error)>,
}

impl State {
    fn new(threads: usize, tokenizers: usize) -> Self {
        let handed = Vec::with_capacity(threads);
        Self { running: threads, counts: vec![RawCounts::default(); tokenizers], handed, tables: None, error: None }
    }
}

/// A scan under way.
#[derive(Debug)]
pub struct Scan {
    shared: Arc<Shared>,
    options: ScanOptions,
    sequence: AtomicU64,
    process: u32,
}

impl Scan {
    /// Starts the workers, which count for all of the tokenizers in one pass; those that cut alike share the work.
    ///
    /// # Errors
    /// [`Error::Usage`] for options that contradict each other, no tokenizer, or threads that the system refuses.
    pub fn start(engines: Vec<Arc<Engine>>, options: ScanOptions) -> Result<Self> {
        check(&engines, &options)?;
        let usual = TABLE_BYTES * engines.len().min(TABLES);
        let memory = options.memory.map_or(usual, |memory| memory / (options.threads + 1));
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(options.threads, engines.len())),
            engines: Arc::new(Engines::new(engines)),
            threads: options.threads,
            queue: Queue::new((2 * options.threads * CHUNK_BYTES).min(memory.max(CHUNK_BYTES))),
            invalid_utf8: options.invalid_utf8,
            cancelled: AtomicBool::new(false),
            rows: AtomicU64::new(0),
            text_bytes: AtomicU64::new(0),
            part: AtomicUsize::new(0),
            changed: Condvar::new(),
        });
        let scan = Self { shared, options, sequence: AtomicU64::new(0), process: std::process::id() };
        for index in 0..scan.options.threads {
            let shared = Arc::clone(&scan.shared);
            let spawned = std::thread::Builder::new().name(format!("prunus-{index}")).spawn(move || shared.run(memory));
            if let Err(error) = spawned {
                return Err(Error::Usage { reason: format!("cannot start {} threads: {error}", scan.options.threads) });
            }
        }
        Ok(scan)
    }

    /// Prepares a batch: finds its columns and divides it among workers.
    ///
    /// # Errors
    /// [`Error::MissingColumn`], [`Error::ColumnType`], or the first error of a worker.
    pub fn prepare(&self, batch: &RecordBatch, origin: &str, first_row: u64) -> Result<Push> {
        self.check_process()?;
        let columns: Vec<Column> =
            self.options.columns.iter().map(|path| resolve(batch, path, origin)).collect::<Result<_>>()?;
        let origin: Arc<str> = origin.into();
        let values = if self.options.pair { vec![Values::pair(columns, &origin)?] } else { Values::each(columns) };
        let mut pending = std::collections::VecDeque::new();
        for values in values {
            for (values, bytes) in values.chunks(CHUNK_BYTES) {
                let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
                let (origin, sample) = (Arc::clone(&origin), self.options.sample);
                pending.push_back((Work { sequence, values, origin, first_row, sample }, bytes));
            }
        }
        Ok(Push { pending })
    }

    /// Moves as much of a prepared batch into the queue as fits within `patience`; true when all of it is in.
    ///
    /// # Errors
    /// The first error of a worker, or [`Error::Cancelled`].
    pub fn push(&self, push: &mut Push, patience: Duration) -> Result<bool> {
        while let Some((work, bytes)) = push.pending.pop_front() {
            if let Err(work) = self.shared.queue.push(work, bytes, patience) {
                self.shared.failure()?;
                push.pending.push_front((work, bytes));
                return Ok(false);
            }
        }
        self.shared.failure().map(|()| true)
    }

    /// No more batches come.
    pub fn close(&self) {
        self.shared.queue.close();
    }

    /// Waits up to `patience` for the workers; the counts by tokenizer once all are done.
    ///
    /// # Errors
    /// The first error of a worker, or [`Error::Cancelled`].
    pub fn wait(&self, patience: Duration) -> Result<Option<Vec<RawCounts>>> {
        self.check_process()?;
        let busy = |state: &mut State| state.running > 0 && state.error.is_none();
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), patience, busy);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some((_, error)) = &state.error {
            return Err(error.clone());
        }
        if self.shared.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        Ok((state.running == 0).then(|| std::mem::take(&mut state.counts)))
    }

    /// How far the workers are.
    pub fn progress(&self) -> Progress {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Progress { rows: load(&self.shared.rows), text_bytes: load(&self.shared.text_bytes) }
    }

    /// Gives the scan up; returns at once.
    pub fn cancel(&self) {
        self.shared.stop();
    }

    fn check_process(&self) -> Result<()> {
        if self.process == std::process::id() {
            return Ok(());
        }
        let reason = "a scan cannot go on in a forked process: its threads stayed in the parent".to_owned();
        Err(Error::Usage { reason })
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            self.shared.stop();
        }
    }
}

fn check(engines: &[Arc<Engine>], options: &ScanOptions) -> Result<()> {
    let reason = if engines.is_empty() {
        "a scan needs at least one tokenizer"
    } else if options.threads == 0 {
        "a scan needs at least one thread"
    } else if options.columns.is_empty() {
        "a scan needs at least one column"
    } else if options.pair && options.columns.len() != 2 {
        "a pair needs exactly two columns"
    } else {
        return Ok(());
    };
    Err(Error::Usage { reason: reason.to_owned() })
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        self.queue.abandon();
        // Under the lock, so that nobody who has just looked goes to sleep.
        drop(self.lock());
        self.changed.notify_all();
    }

    fn failure(&self) -> Result<()> {
        if let Some((_, error)) = &self.lock().error {
            return Err(error.clone());
        }
        if self.cancelled.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// The life of a worker.
    fn run(&self, memory: usize) {
        let mut counters = Counters::new(Arc::clone(&self.engines), memory);
        let mut outcome = Ok(());
        let mut sequence = u64::MAX;
        while let Some(work) = self.queue.pop() {
            sequence = work.sequence;
            let before = counters.done();
            outcome = guarded(|| work.count(&mut counters, self.invalid_utf8, &self.cancelled));
            let done = counters.done();
            self.rows.fetch_add(done.0 - before.0, Ordering::Relaxed);
            self.text_bytes.fetch_add(done.1 - before.1, Ordering::Relaxed);
            if outcome.is_err() || self.cancelled.load(Ordering::Relaxed) {
                break;
            }
        }
        let counts = outcome.and_then(|()| guarded(|| self.finish(counters)));
        self.deliver(counts, sequence);
    }

    /// What a worker counted, with its share of the pieces in the tables of all.
    fn finish(&self, mut counters: Counters) -> Result<Vec<RawCounts>> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        if self.threads == 1 {
            return counters.finish();
        }
        let tables = self.hand_over(counters.hand_over()?)?;
        loop {
            let part = self.part.fetch_add(1, Ordering::Relaxed);
            if part >= PARTS {
                return counters.finish();
            }
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            counters.take_in(&tables, part);
        }
    }

    /// Waits for the tables of all workers.
    fn hand_over(&self, own: Vec<Table>) -> Result<Arc<[Table]>> {
        let mut state = self.lock();
        let State { handed, tables, running, .. } = &mut *state;
        handed.push(own);
        if handed.len() == *running {
            *tables = Some(std::mem::take(handed).into_iter().flatten().collect());
            self.changed.notify_all();
        }
        let incomplete = |state: &mut State| {
            state.tables.is_none() && state.error.is_none() && !self.cancelled.load(Ordering::Relaxed)
        };
        let state = self.changed.wait_while(state, incomplete).unwrap_or_else(PoisonError::into_inner);
        state.tables.clone().ok_or(Error::Cancelled)
    }

    fn deliver(&self, counts: Result<Vec<RawCounts>>, sequence: u64) {
        let failed = counts.is_err();
        let mut state = self.lock();
        state.running -= 1;
        match counts {
            Ok(counts) => state.counts.iter_mut().zip(&counts).for_each(|(all, own)| all.merge(own)),
            Err(Error::Cancelled) => {}
            Err(error) => {
                if state.error.as_ref().is_none_or(|(earlier, _)| sequence < *earlier) {
                    state.error = Some((sequence, error));
                }
            }
        }
        drop(state);
        if failed {
            self.queue.abandon();
        }
        self.changed.notify_all();
    }
}
