//! Columns of Arrow batches: from a dotted path to texts or ready ids, whatever the encoding.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Fields};

use crate::error::{Error, Result};

mod texts;
pub use texts::Texts;

/// What to do with a text that is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InvalidUtf8 {
    /// Stop, naming the row.
    #[default]
    Error,
    /// Put U+FFFD in place of the bad bytes.
    Replace,
    /// Leave the row out and count it.
    Skip,
}

/// What the leaf of a column holds.
#[derive(Debug, Clone)]
pub enum Leaf {
    /// Texts, one an element.
    Text(ArrayRef),
    /// Lists of ready token ids, one row a list.
    Ids(ArrayRef),
}

/// The values behind one path of one batch.
#[derive(Debug, Clone)]
pub struct Column {
    /// The path as asked for.
    pub path: Arc<str>,
    /// The leaf values, in row order.
    pub leaf: Leaf,
    /// Row of the batch that each value belongs to; `None` if value i is row i.
    pub rows: Option<Arc<[u64]>>,
    /// Where the values start among `rows`.
    pub offset: usize,
    /// Nulls met above the leaf.
    pub outer_nulls: u64,
}

impl Column {
    /// Number of values.
    pub fn len(&self) -> usize {
        match &self.leaf {
            Leaf::Text(array) | Leaf::Ids(array) => array.len(),
        }
    }

    /// No values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of the batch that value `index` belongs to.
    pub fn row(&self, index: usize) -> u64 {
        let index = self.offset + index;
        self.rows.as_ref().and_then(|rows| rows.get(index).copied()).unwrap_or(index as u64)
    }

    /// The values `start..start + length`; the nulls above the leaf stay with the first slice.
    #[must_use]
    pub fn slice(&self, start: usize, length: usize) -> Self {
        let leaf = match &self.leaf {
            Leaf::Text(array) => Leaf::Text(array.slice(start, length)),
            Leaf::Ids(array) => Leaf::Ids(array.slice(start, length)),
        };
        let outer_nulls = if start == 0 { self.outer_nulls } else { 0 };
        Self { path: self.path.clone(), leaf, rows: self.rows.clone(), offset: self.offset + start, outer_nulls }
    }

    /// About how many bytes the values take.
    pub fn bytes(&self) -> usize {
        match &self.leaf {
            Leaf::Text(array) => text_bytes(array),
            Leaf::Ids(array) => array.get_buffer_memory_size(),
        }
    }

    /// A dictionary or runs, best counted in one go: each value is tokenised once for the whole of it.
    pub fn is_indirect(&self) -> bool {
        matches!(&self.leaf, Leaf::Text(array)
            if matches!(array.data_type(), DataType::Dictionary(_, _) | DataType::RunEndEncoded(_, _)))
    }
}

/// Finds `path` in a batch: a column name, or names of nested fields joined by dots; lists are walked.
///
/// # Errors
/// [`Error::MissingColumn`] or [`Error::ColumnType`].
pub fn resolve(batch: &RecordBatch, path: &str, origin: &str) -> Result<Column> {
    let schema = batch.schema();
    let (index, rest) = find(schema.fields(), path).ok_or_else(|| Error::MissingColumn {
        origin: origin.to_owned(),
        column: path.to_owned(),
        available: schema.fields().iter().map(|field| field.name().clone()).collect(),
    })?;
    let walker = Walker { path, origin };
    walker.descend(Level { array: batch.column(index).clone(), rows: None, nulls: 0 }, rest)
}

/// The field that `path` starts with (an exact name before a prefix) and what remains of the path.
fn find<'p>(fields: &Fields, path: &'p str) -> Option<(usize, Option<&'p str>)> {
    if let Some((index, _)) = fields.find(path) {
        return Some((index, None));
    }
    path.match_indices('.')
        .rev()
        .find_map(|(dot, _)| fields.find(&path[..dot]).map(|(index, _)| (index, Some(&path[dot + 1..]))))
}

struct Level {
    array: ArrayRef,
    rows: Option<Arc<[u64]>>,
    nulls: u64,
}

impl Level {
    /// The level below, where element j of `child` belongs to element `parents[j]` of this one.
    fn below(&self, child: ArrayRef, parents: &[u64], nulls: u64) -> Self {
        let row = |&parent: &u64| {
            self.rows.as_ref().map_or(parent, |rows| rows[usize::try_from(parent).unwrap_or(usize::MAX)])
        };
        Self { array: child, rows: Some(parents.iter().map(row).collect()), nulls: self.nulls + nulls }
    }
}

struct Walker<'a> {
    path: &'a str,
    origin: &'a str,
}

impl Walker<'_> {
    fn descend(&self, level: Level, rest: Option<&str>) -> Result<Column> {
        match level.array.data_type() {
            DataType::Struct(fields) => {
                let missing = || Error::MissingColumn {
                    origin: self.origin.to_owned(),
                    column: self.path.to_owned(),
                    available: fields.iter().map(|field| field.name().clone()).collect(),
                };
                let (index, rest) = rest.and_then(|rest| find(fields, rest)).ok_or_else(missing)?;
                self.descend(self.field(&level, index)?, rest)
            }
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item)
            | DataType::FixedSizeList(item, _) => {
                if rest.is_none() && item.data_type().is_integer() {
                    return Ok(self.column(level, Leaf::Ids));
                }
                self.descend(self.items(&level)?, rest)
            }
            kind if rest.is_none() && is_text(kind) => Ok(self.column(level, Leaf::Text)),
            _ => Err(self.wrong_type(&level.array)),
        }
    }

    fn column(&self, level: Level, leaf: impl Fn(ArrayRef) -> Leaf) -> Column {
        Column {
            path: self.path.into(),
            leaf: leaf(level.array),
            rows: level.rows,
            offset: 0,
            outer_nulls: level.nulls,
        }
    }

    fn wrong_type(&self, array: &ArrayRef) -> Error {
        Error::ColumnType {
            origin: self.origin.to_owned(),
            column: self.path.to_owned(),
            data_type: array.data_type().to_string(),
        }
    }

    /// One field of a struct, without the elements where the struct itself is null.
    fn field(&self, level: &Level, index: usize) -> Result<Level> {
        let parent = level.array.as_struct();
        let child = parent.column(index).clone();
        if parent.null_count() == 0 {
            return Ok(Level { array: child, rows: level.rows.clone(), nulls: level.nulls });
        }
        let valid: Vec<u64> = (0..parent.len()).filter(|&i| parent.is_valid(i)).map(|i| i as u64).collect();
        let taken = self.take(&child, valid.clone())?;
        Ok(level.below(taken, &valid, parent.null_count() as u64))
    }

    /// All items of the lists, without those of null lists.
    fn items(&self, level: &Level) -> Result<Level> {
        let array = &level.array;
        let mut parents = Vec::new();
        let mut indices = Vec::new();
        for index in (0..array.len()).filter(|&i| array.is_valid(i)) {
            let range = list_range(array, index).ok_or_else(|| self.wrong_type(array))?;
            parents.extend(std::iter::repeat_n(index as u64, range.len()));
            indices.extend(range.map(|item| item as u64));
        }
        let values = list_values(array).ok_or_else(|| self.wrong_type(array))?;
        let taken = self.take(&values, indices)?;
        Ok(level.below(taken, &parents, array.null_count() as u64))
    }

    fn take(&self, values: &ArrayRef, indices: Vec<u64>) -> Result<ArrayRef> {
        let consecutive = indices.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        if consecutive {
            let start = indices.first().map_or(0, |&first| usize::try_from(first).unwrap_or(0));
            return Ok(values.slice(start, indices.len()));
        }
        arrow_select::take::take(values, &UInt64Array::from(indices), None).map_err(|_| self.wrong_type(values))
    }
}

/// Where the items of list `index` lie among the values.
pub fn list_range(array: &ArrayRef, index: usize) -> Option<std::ops::Range<usize>> {
    let range = |start: i64, end: i64| Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?);
    match array.data_type() {
        DataType::List(_) => {
            let offsets = array.as_list::<i32>().value_offsets();
            range(i64::from(offsets[index]), i64::from(offsets[index + 1]))
        }
        DataType::LargeList(_) => {
            let offsets = array.as_list::<i64>().value_offsets();
            range(offsets[index], offsets[index + 1])
        }
        DataType::ListView(_) => {
            let list = array.as_list_view::<i32>();
            let start = i64::from(list.value_offsets()[index]);
            range(start, start + i64::from(list.value_sizes()[index]))
        }
        DataType::LargeListView(_) => {
            let list = array.as_list_view::<i64>();
            let start = list.value_offsets()[index];
            range(start, start + list.value_sizes()[index])
        }
        DataType::FixedSizeList(_, size) => {
            let start = i64::from(array.as_fixed_size_list().value_offset(index));
            range(start, start + i64::from(*size))
        }
        _ => None,
    }
}

/// The values that [`list_range`] points into.
pub fn list_values(array: &ArrayRef) -> Option<ArrayRef> {
    match array.data_type() {
        DataType::List(_) => Some(array.as_list::<i32>().values().clone()),
        DataType::LargeList(_) => Some(array.as_list::<i64>().values().clone()),
        DataType::ListView(_) => Some(array.as_list_view::<i32>().values().clone()),
        DataType::LargeListView(_) => Some(array.as_list_view::<i64>().values().clone()),
        DataType::FixedSizeList(_, _) => Some(array.as_fixed_size_list().values().clone()),
        _ => None,
    }
}

fn text_bytes(array: &ArrayRef) -> usize {
    let between = |first: i64, last: i64| usize::try_from(last - first).unwrap_or(0);
    match array.data_type() {
        DataType::Utf8 => offsets_span(array.as_string::<i32>().value_offsets(), between),
        DataType::Binary => offsets_span(array.as_binary::<i32>().value_offsets(), between),
        DataType::LargeUtf8 => offsets_span(array.as_string::<i64>().value_offsets(), between),
        DataType::LargeBinary => offsets_span(array.as_binary::<i64>().value_offsets(), between),
        DataType::Utf8View => array.as_string_view().lengths().map(|length| length as usize).sum(),
        DataType::BinaryView => array.as_binary_view().lengths().map(|length| length as usize).sum(),
        _ => array.get_buffer_memory_size(),
    }
}

fn offsets_span<O: Copy + Into<i64>>(offsets: &[O], between: impl Fn(i64, i64) -> usize) -> usize {
    match (offsets.first(), offsets.last()) {
        (Some(&first), Some(&last)) => between(first.into(), last.into()),
        _ => 0,
    }
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_)
        | DataType::Null => true,
        DataType::Dictionary(_, values) => is_text(values),
        DataType::RunEndEncoded(_, values) => is_text(values.data_type()),
        _ => false,
    }
}
