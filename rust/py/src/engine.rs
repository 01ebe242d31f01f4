//! `Engine`: a loaded tokenizer; and the functions that need none.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict};
use pyo3_arrow::PyArray;

use crate::errors::to_python;
use crate::scan::Scan;
use prunus_core::{EngineOptions, InvalidUtf8, ScanOptions};

/// A loaded tokenizer; immutable, safe to share between threads.
#[pyclass(frozen, module = "prunus._scanner")]
pub struct Engine {
    inner: Arc<prunus_core::Engine>,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (tokenizer_json, *, add_special_tokens=true, path="auto", truncation=false))]
    fn new(
        py: Python<'_>,
        tokenizer_json: &[u8],
        add_special_tokens: bool,
        path: &str,
        truncation: bool,
    ) -> PyResult<Self> {
        let options = path.parse().map(|path| EngineOptions { add_special_tokens, truncation, path });
        let options = options.map_err(|error| to_python(py, &error))?;
        let engine = py.detach(|| prunus_core::Engine::new(tokenizer_json, options));
        Ok(Self { inner: Arc::new(engine.map_err(|error| to_python(py, &error))?) })
    }

    #[getter]
    fn fingerprint(&self) -> &str {
        self.inner.fingerprint()
    }

    #[getter]
    fn size(&self) -> u32 {
        self.inner.loaded().size
    }

    #[getter]
    fn path(&self) -> String {
        self.inner.path()
    }

    #[getter]
    fn path_reason(&self) -> &str {
        self.inner.path_reason()
    }

    #[getter]
    fn has_truncation(&self) -> bool {
        self.inner.loaded().has_truncation
    }

    #[getter]
    fn has_padding(&self) -> bool {
        self.inner.loaded().has_padding
    }

    #[getter]
    #[allow(clippy::unused_self)] // an attribute of the object in Python
    fn oracle(&self) -> &'static str {
        prunus_core::ORACLE
    }

    #[pyo3(signature = (text, pair=None))]
    fn encode(&self, py: Python<'_>, text: &str, pair: Option<&str>) -> PyResult<Vec<u32>> {
        py.detach(|| self.inner.encode(text, pair)).map_err(|error| to_python(py, &error))
    }

    #[allow(clippy::needless_pass_by_value)] // what Python hands over
    fn tokens(&self, py: Python<'_>, ids: Vec<u32>) -> Vec<String> {
        py.detach(|| self.inner.loaded().tokens(&ids))
    }

    #[pyo3(signature = (columns, *, others=Vec::new(), pair=false, threads=1, memory=None, invalid_utf8="error", sample=None))]
    #[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)] // keyword arguments in Python
    fn start(
        &self,
        py: Python<'_>,
        columns: Vec<String>,
        others: Vec<PyRef<'_, Self>>,
        pair: bool,
        threads: usize,
        memory: Option<usize>,
        invalid_utf8: &str,
        sample: Option<u64>,
    ) -> PyResult<Scan> {
        let invalid_utf8 = match invalid_utf8 {
            "error" => InvalidUtf8::Error,
            "replace" => InvalidUtf8::Replace,
            "skip" => InvalidUtf8::Skip,
            other => {
                let reason = format!("unknown policy {other:?} for invalid UTF-8; there are error, replace and skip");
                return Err(to_python(py, &prunus_core::Error::Usage { reason }));
            }
        };
        let options = ScanOptions { columns, pair, threads, memory, invalid_utf8, sample };
        let engines = std::iter::once(self).chain(others.iter().map(|other| &**other));
        let scan = prunus_core::Scan::start(engines.map(|engine| Arc::clone(&engine.inner)).collect(), options);
        scan.map(Scan::new).map_err(|error| to_python(py, &error))
    }

    fn __repr__(&self) -> String {
        let loaded = self.inner.loaded();
        format!(
            "Engine(size={}, path={:?}, fingerprint={:?})",
            loaded.size,
            self.inner.path(),
            &self.inner.fingerprint()[..12]
        )
    }
}

/// The fingerprint of a tokenizer.json.
#[pyfunction]
pub fn fingerprint(py: Python<'_>, tokenizer_json: &[u8]) -> PyResult<String> {
    py.detach(|| prunus_core::fingerprint(tokenizer_json)).map_err(|error| to_python(py, &error))
}

/// Whether a file is JSON with a model.
#[pyfunction]
pub fn has_model(py: Python<'_>, json: &[u8]) -> PyResult<bool> {
    py.detach(|| prunus_core::has_model(json)).map_err(|error| match error {
        prunus_core::Error::Tokenizer { reason } => PyValueError::new_err(reason),
        other => to_python(py, &other),
    })
}

/// The lines of a block of text as an Arrow array.
#[pyfunction]
pub fn lines<'py>(py: Python<'py>, block: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let rows = py.detach(|| prunus_core::lines(block)).map_err(|error| to_python(py, &error))?;
    Lines { array: Arc::new(rows) }.into_pyobject(py).map(Bound::into_any)
}

/// Rows that any Arrow consumer can take.
#[pyclass(frozen, module = "prunus._scanner")]
struct Lines {
    array: arrow_array::ArrayRef,
}

#[pymethods]
impl Lines {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let array = PyArray::from_array_ref(Arc::clone(&self.array)).into_pyobject(py)?;
        array.call_method1("__arrow_c_array__", (requested_schema,))
    }

    fn __len__(&self) -> usize {
        self.array.len()
    }
}

/// Versions that went into this build.
#[pyfunction]
pub fn build_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let info = PyDict::new(py);
    info.set_item("version", env!("CARGO_PKG_VERSION"))?;
    info.set_item("oracle", prunus_core::ORACLE)?;
    info.set_item("profile", if cfg!(debug_assertions) { "debug" } else { "release" })?;
    Ok(info)
}
