//! Counting: pieces in a bounded table, ids in a dense histogram.

mod histogram;
mod table;

pub use histogram::Histogram;
pub use table::{INLINE, PieceTable};
