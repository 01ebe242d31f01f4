//! Counting: pieces in a bounded table, ids in a dense histogram.

mod front;
mod handed;
mod histogram;
mod table;

pub use handed::{Handed, PARTS};
pub use histogram::Histogram;
pub use table::{INLINE, PieceTable};
