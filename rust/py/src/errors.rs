//! From errors of the core to the exceptions of `prunus.errors`.

use prunus_core::Error;
use pyo3::prelude::*;
use pyo3::types::PyDict;

mod raised {
    pyo3::import_exception!(prunus.errors, UsageError);
    pyo3::import_exception!(prunus.errors, ColumnError);
    pyo3::import_exception!(prunus.errors, InvalidTextError);
    pyo3::import_exception!(prunus.errors, TokenizerError);
    pyo3::import_exception!(prunus.errors, PrunusError);
}

/// Details for machines, as keyword arguments.
type Details<'py> = Vec<(&'static str, Bound<'py, PyAny>)>;

/// The Python exception for an error, with its hint and details.
pub fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    build(py, error).unwrap_or_else(|failure| failure)
}

fn build(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let class = match error {
        Error::Path { .. } | Error::Usage { .. } => py.get_type::<raised::UsageError>(),
        Error::MissingColumn { .. } | Error::ColumnType { .. } => py.get_type::<raised::ColumnError>(),
        Error::InvalidUtf8 { .. } | Error::InvalidId { .. } => py.get_type::<raised::InvalidTextError>(),
        Error::Tokenizer { .. }
        | Error::Unsound { .. }
        | Error::Encode { .. }
        | Error::Piece { .. }
        | Error::Text { .. }
        | Error::Panic { .. } => py.get_type::<raised::TokenizerError>(),
        _ => py.get_type::<raised::PrunusError>(),
    };
    let keywords = PyDict::new(py);
    keywords.set_item("hint", hint(error))?;
    for (name, value) in details(py, error)? {
        keywords.set_item(name, value)?;
    }
    Ok(PyErr::from_value(class.call((error.to_string(),), Some(&keywords))?))
}

fn hint(error: &Error) -> &'static str {
    match error {
        Error::Path { .. } => "leave the path at \"auto\"",
        Error::MissingColumn { .. } => "name one of these columns",
        Error::ColumnType { .. } => "name a column of strings, or one of lists of token ids",
        Error::InvalidUtf8 { .. } => {
            "repair the text, or say --invalid-utf8 replace or skip (in Python: invalid_utf8=)"
        }
        Error::InvalidId { .. } => "scan with the tokenizer that made these ids",
        Error::Tokenizer { .. } => "give a tokenizer.json that the tokenizers library loads",
        Error::Encode { .. } | Error::Piece { .. } | Error::Text { .. } | Error::Panic { .. } => {
            "the tokenizers library cannot encode this text with this tokenizer; its unknown token may be missing"
        }
        _ => "",
    }
}

fn details<'py>(py: Python<'py>, error: &Error) -> PyResult<Details<'py>> {
    fn value<'py>(py: Python<'py>, value: impl IntoPyObjectExt<'py>) -> PyResult<Bound<'py, PyAny>> {
        value.into_bound_py_any(py)
    }
    Ok(match error {
        Error::MissingColumn { origin, column, available } => {
            vec![("source", value(py, origin)?), ("column", value(py, column)?), ("available", value(py, available)?)]
        }
        Error::ColumnType { origin, column, data_type } => {
            vec![("source", value(py, origin)?), ("column", value(py, column)?), ("type", value(py, data_type)?)]
        }
        Error::InvalidUtf8 { origin, row, column, .. } | Error::Encode { origin, row, column, .. } => {
            vec![("source", value(py, origin)?), ("row", value(py, *row)?), ("column", value(py, column)?)]
        }
        Error::InvalidId { origin, row, column, id, .. } => vec![
            ("source", value(py, origin)?),
            ("row", value(py, *row)?),
            ("column", value(py, column)?),
            ("id", value(py, id.to_string())?),
        ],
        Error::Piece { piece, .. } => vec![("piece", value(py, piece)?)],
        _ => Vec::new(),
    })
}

use pyo3::IntoPyObjectExt;
