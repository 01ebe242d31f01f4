//! `prunus._scanner`: the thin binding of prunus-core. Everything here converts; nothing counts.

mod engine;
mod errors;
mod scan;

use pyo3::prelude::*;

/// The compiled scanner; import it through `prunus._engine`.
#[pymodule(gil_used = false)]
mod _scanner {
    #[pymodule_export]
    use crate::engine::{Engine, build_info, fingerprint, has_model, lines};
    #[pymodule_export]
    use crate::scan::{RawCounts, Scan};
}
