//! Exact token counts of text columns, much faster than encoding every row.
//!
//! A row is **cut** where its tokenizer provably treats both sides apart, equal pieces are **counted** in a bounded
//! table, and each distinct piece is **tokenised** once by the `tokenizers` crate. What has not been proved for a
//! pipeline goes through the crate's own code, row by row if need be, so the histogram always equals the crate's.
//!
//! Start reading at [`Engine`] (a loaded tokenizer and the path chosen for it) and [`Scan`] (worker threads fed with
//! Arrow arrays).

mod added;
mod block;
mod column;
mod count;
mod counter;
mod counters;
mod cut;
mod engine;
mod error;
mod group;
mod lines;
mod normal;
mod piece;
mod pieces;
mod queue;
mod sample;
mod scan;
mod tokenizer;
mod unicode;

pub use column::{Column, InvalidUtf8, Leaf, resolve};
pub use counter::{Counter, RawCounts};
pub use engine::{Engine, EngineOptions, Path};
pub use error::{Error, Result};
pub use lines::lines;
pub use scan::{Progress, Push, Scan, ScanOptions};
pub use tokenizer::{Loaded, fingerprint, has_model};

/// The library whose ids are the truth, with its version.
pub const ORACLE: &str = "tokenizers 0.23.2";
