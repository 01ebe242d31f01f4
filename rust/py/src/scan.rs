//! `Scan` and `RawCounts`: the doorway between Python's batches and the workers.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::PyRecordBatch;

use crate::errors::to_python;

/// How long a call waits before it looks for Ctrl-C.
const PATIENCE: Duration = Duration::from_millis(50);

/// A scan under way.
#[pyclass(frozen, module = "prunus._scanner")]
pub struct Scan {
    inner: prunus_core::Scan,
}

impl Scan {
    /// Wraps a started scan.
    pub fn new(inner: prunus_core::Scan) -> Self {
        Self { inner }
    }

    /// Repeats `step` without the GIL until it has an answer, looking for Ctrl-C in between.
    fn until<T: Send>(
        &self,
        py: Python<'_>,
        mut step: impl FnMut(&prunus_core::Scan) -> prunus_core::Result<Option<T>> + Send,
    ) -> PyResult<T> {
        loop {
            match py.detach(|| step(&self.inner)) {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => {}
                Err(error) => return Err(to_python(py, &error)),
            }
            py.check_signals().inspect_err(|_| self.inner.cancel())?;
        }
    }
}

#[pymethods]
impl Scan {
    #[pyo3(signature = (batch, source="", first_row=0))]
    fn push(&self, py: Python<'_>, batch: PyRecordBatch, source: &str, first_row: u64) -> PyResult<()> {
        let batch = batch.into_inner();
        let prepared = py.detach(|| self.inner.prepare(&batch, source, first_row));
        let mut prepared = prepared.map_err(|error| to_python(py, &error))?;
        self.until(py, |scan| scan.push(&mut prepared, PATIENCE).map(|done| done.then_some(())))
    }

    fn progress(&self) -> (u64, u64) {
        let progress = self.inner.progress();
        (progress.rows, progress.text_bytes)
    }

    fn finish(&self, py: Python<'_>) -> PyResult<RawCounts> {
        self.finish_each(py).map(|mut counts| counts.swap_remove(0))
    }

    fn finish_each(&self, py: Python<'_>) -> PyResult<Vec<RawCounts>> {
        self.inner.close();
        let counts = self.until(py, |scan| scan.wait(PATIENCE))?;
        Ok(counts.into_iter().map(|inner| RawCounts { inner }).collect())
    }

    fn cancel(&self) {
        self.inner.cancel();
    }
}

/// What a scan counted.
#[pyclass(frozen, module = "prunus._scanner")]
pub struct RawCounts {
    inner: prunus_core::RawCounts,
}

#[pymethods]
impl RawCounts {
    #[getter]
    fn ids<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes: Vec<u8> = self.inner.histogram.iter().flat_map(|(id, _)| id.to_le_bytes()).collect();
        PyBytes::new(py, &bytes)
    }

    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes: Vec<u8> = self.inner.histogram.iter().flat_map(|(_, count)| count.to_le_bytes()).collect();
        PyBytes::new(py, &bytes)
    }

    #[getter]
    fn rows(&self) -> u64 {
        self.inner.rows
    }

    #[getter]
    fn nulls(&self) -> u64 {
        self.inner.nulls
    }

    #[getter]
    fn text_bytes(&self) -> u64 {
        self.inner.text_bytes
    }

    #[getter]
    fn tokens(&self) -> u64 {
        self.inner.histogram.iter().map(|(_, count)| count).sum()
    }

    #[getter]
    fn fallback_rows(&self) -> u64 {
        self.inner.fallback_rows
    }

    #[getter]
    fn invalid_rows(&self) -> u64 {
        self.inner.invalid_rows
    }

    fn __repr__(&self) -> String {
        format!("RawCounts(rows={}, tokens={}, text_bytes={})", self.rows(), self.tokens(), self.text_bytes())
    }
}
