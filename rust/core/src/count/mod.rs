//! Counting: pieces in a bounded table, ids in a dense histogram.

mod front;
mod handed;
mod histogram;
mod slot;
mod table;

pub use handed::{Handed, PARTS, Union};
pub use histogram::Histogram;
pub use slot::INLINE;
pub use table::PieceTable;

/// Where a hash belongs among so many places, a power of two: by its highest bits, so that tables of any size agree on
/// the order.
#[inline]
pub fn home(hash: u64, places: usize) -> usize {
    #[allow(clippy::cast_possible_truncation)] // below the number of places
    let home = (hash >> (places.leading_zeros() + 1)) as usize;
    home
}
