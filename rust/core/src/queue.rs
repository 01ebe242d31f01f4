//! A queue bounded by bytes that can be closed and cancelled.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The queue between the one that reads and the workers.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    emptied: Condvar,
    most_bytes: usize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    closed: bool,
}

impl<T> Queue<T> {
    /// A queue that takes items while it holds fewer than `most_bytes`.
    pub fn new(most_bytes: usize) -> Self {
        let state = State { items: VecDeque::new(), bytes: 0, closed: false };
        Self { state: Mutex::new(state), filled: Condvar::new(), emptied: Condvar::new(), most_bytes }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item in; gives it back if there was no room for `patience`, or if the queue is closed.
    ///
    /// # Errors
    /// The item.
    pub fn push(&self, item: T, bytes: usize, patience: Duration) -> Result<(), T> {
        let full = |state: &mut State<T>| state.bytes >= self.most_bytes && !state.closed;
        let waited = self.emptied.wait_timeout_while(self.lock(), patience, full);
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.closed || timeout.timed_out() {
            return Err(item);
        }
        state.bytes += bytes;
        state.items.push_back((item, bytes));
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Takes the next item; `None` once the queue is closed and empty.
    pub fn pop(&self) -> Option<T> {
        let empty = |state: &mut State<T>| state.items.is_empty() && !state.closed;
        let mut state = self.filled.wait_while(self.lock(), empty).unwrap_or_else(PoisonError::into_inner);
        let (item, bytes) = state.items.pop_front()?;
        state.bytes -= bytes;
        drop(state);
        self.emptied.notify_one();
        Some(item)
    }

    /// No more items come; what is queued is still worked off.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.emptied.notify_all();
    }

    /// Closes the queue and drops what it holds.
    pub fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.bytes = 0;
        let dropped = std::mem::take(&mut state.items);
        drop(state);
        self.filled.notify_all();
        self.emptied.notify_all();
        drop(dropped); // foreign buffers may run foreign code when released: not under the lock
    }
}
