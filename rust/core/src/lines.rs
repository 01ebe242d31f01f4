//! Rows of plain text.

use arrow_array::LargeStringArray;
use arrow_array::builder::LargeStringBuilder;

use crate::error::{Error, Result};

/// The lines of a block: split at `\n`, a `\r` before it removed; no row after a final `\n`.
///
/// # Errors
/// [`Error::InvalidUtf8`] naming the line.
pub fn lines(block: &[u8]) -> Result<LargeStringArray> {
    let count = memchr::memchr_iter(b'\n', block).count() + 1;
    let mut rows = LargeStringBuilder::with_capacity(count, block.len());
    let body = block.strip_suffix(b"\n").unwrap_or(block);
    if block.is_empty() {
        return Ok(rows.finish());
    }
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', body).chain([body.len()]);
    for (row, end) in (0u64..).zip(ends) {
        let line = &body[start..end];
        let ended = end < block.len();
        let line = if ended { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        rows.append_value(std::str::from_utf8(line).map_err(|e| Error::InvalidUtf8 {
            origin: "text".to_owned(),
            row,
            column: "text".to_owned(),
            offset: e.valid_up_to(),
        })?);
        start = end + 1;
    }
    Ok(rows.finish())
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn splits_like_the_slow_way() {
        for block in ["", "\n", "a", "a\n", "a\r\n", "a\r", "\r\n\r\n", "a\n\nb", "a\nb\n", "\n\n", "é\r\nü"] {
            let mut expected: Vec<&str> = block.split('\n').collect();
            let last = expected.pop().unwrap_or_default();
            let mut expected: Vec<&str> = expected.iter().map(|l| l.strip_suffix('\r').unwrap_or(l)).collect();
            if !last.is_empty() {
                expected.push(last);
            }
            let got = lines(block.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
            let got: Vec<&str> = got.iter().flatten().collect();
            assert_eq!(got, expected, "{block:?}");
        }
    }

    #[test]
    fn names_the_line_that_is_not_utf8() {
        let error = lines(b"ok\nbad \xff").map(|_| ()).map_err(|e| e.to_string());
        assert!(error.is_err_and(|text| text.contains("row 1") && text.contains("byte 4")));
    }
}
