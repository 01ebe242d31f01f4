//! One portion of a column for one worker.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use crate::column::{Column, InvalidUtf8, Leaf, Texts, list_range, list_values};
use crate::counters::Counters;
use crate::error::{Error, Result};
use crate::sample::row_hash;

/// Ready id that training code uses for "no label".
const IGNORED: i128 = -100;

/// What a portion holds.
#[derive(Debug)]
pub enum Values {
    /// Texts or lists of ids.
    Single(Column),
    /// Two texts a row.
    Pair(Column, Column),
}

/// A portion with its place in the input.
#[derive(Debug)]
pub struct Work {
    /// Number of this portion in the order of the input.
    pub sequence: u64,
    /// The values.
    pub values: Values,
    /// File or object they came from.
    pub origin: Arc<str>,
    /// Row of the source that the batch starts at.
    pub first_row: u64,
    /// Count only the rows whose hash lies below this.
    pub sample: Option<u64>,
}

impl Values {
    /// Each column on its own.
    pub fn each(columns: Vec<Column>) -> Vec<Self> {
        columns.into_iter().map(Self::Single).collect()
    }

    /// Two columns as pairs.
    pub fn pair(columns: Vec<Column>, origin: &str) -> Result<Self> {
        let Ok([first, second]) = <[Column; 2]>::try_from(columns) else {
            return Err(Error::Usage { reason: "a pair needs exactly two columns".to_owned() });
        };
        for column in [&first, &second] {
            if let Leaf::Ids(array) = &column.leaf {
                let data_type = array.data_type().to_string();
                return Err(Error::ColumnType {
                    origin: origin.to_owned(),
                    column: column.path.to_string(),
                    data_type,
                });
            }
        }
        if first.len() != second.len() || first.rows != second.rows {
            let reason = format!("{origin}: columns {:?} and {:?} do not pair up row by row", first.path, second.path);
            return Err(Error::Usage { reason });
        }
        Ok(Self::Pair(first, second))
    }

    /// Portions of about `target` bytes, with their size.
    pub fn chunks(self, target: usize) -> Vec<(Self, usize)> {
        let (length, bytes, whole) = match &self {
            Self::Single(column) => (column.len(), column.bytes(), column.is_indirect()),
            Self::Pair(first, second) => (first.len(), first.bytes() + second.bytes(), false),
        };
        let pieces = if whole { 1 } else { (bytes / target + 1).min(length.max(1)) };
        let step = length.div_ceil(pieces).max(1);
        if step >= length {
            return vec![(self, bytes.max(1))];
        }
        let size = (bytes / pieces).max(1);
        (0..length).step_by(step).map(|start| (self.slice(start, step.min(length - start)), size)).collect()
    }

    fn slice(&self, start: usize, length: usize) -> Self {
        match self {
            Self::Single(column) => Self::Single(column.slice(start, length)),
            Self::Pair(first, second) => Self::Pair(first.slice(start, length), second.slice(start, length)),
        }
    }
}

struct Place<'a> {
    work: &'a Work,
    column: &'a Column,
    policy: InvalidUtf8,
}

impl Place<'_> {
    fn row(&self, index: usize) -> u64 {
        self.work.first_row + self.column.row(index)
    }

    /// The text as the policy wants it; `None` if the row is to be left out.
    fn text<'t>(&self, bytes: &'t [u8], index: usize) -> Result<Option<Cow<'t, str>>> {
        match (simdutf8::compat::from_utf8(bytes), self.policy) {
            (Ok(text), _) => Ok(Some(Cow::Borrowed(text))),
            (Err(_), InvalidUtf8::Replace) => Ok(Some(String::from_utf8_lossy(bytes))),
            (Err(_), InvalidUtf8::Skip) => Ok(None),
            (Err(error), InvalidUtf8::Error) => Err(Error::InvalidUtf8 {
                origin: self.work.origin.to_string(),
                row: self.row(index),
                column: self.column.path.to_string(),
                offset: error.valid_up_to(),
            }),
        }
    }

    fn at(&self, error: Error, index: usize) -> Error {
        error.at(&self.work.origin, &self.column.path, self.row(index))
    }

    fn wrong_type(&self, array: &ArrayRef) -> Error {
        Error::ColumnType {
            origin: self.work.origin.to_string(),
            column: self.column.path.to_string(),
            data_type: array.data_type().to_string(),
        }
    }
}

impl Work {
    /// Counts the portion; stops early once `cancelled` is set.
    pub fn count(&self, counters: &mut Counters, policy: InvalidUtf8, cancelled: &AtomicBool) -> Result<()> {
        match &self.values {
            Values::Single(column) => {
                counters.tally(|counts| counts.nulls += column.outer_nulls);
                let place = Place { work: self, column, policy };
                match &column.leaf {
                    Leaf::Ids(array) => ids(counters, &place, array, cancelled),
                    Leaf::Text(array) => {
                        let values = Texts::new(array).ok_or_else(|| place.wrong_type(array))?;
                        texts(counters, &place, &values, cancelled)
                    }
                }
            }
            Values::Pair(first, second) => self.pairs(counters, [first, second], policy, cancelled),
        }
    }

    fn leaves_out(&self, texts: &[&[u8]]) -> bool {
        self.sample.is_some_and(|limit| row_hash(texts) >= limit)
    }

    fn pairs(
        &self,
        counters: &mut Counters,
        columns: [&Column; 2],
        policy: InvalidUtf8,
        cancelled: &AtomicBool,
    ) -> Result<()> {
        counters.tally(|counts| counts.nulls += columns[0].outer_nulls.max(columns[1].outer_nulls));
        let places = columns.map(|column| Place { work: self, column, policy });
        let open = |place: &Place| match &place.column.leaf {
            Leaf::Text(array) | Leaf::Ids(array) => Texts::new(array).ok_or_else(|| place.wrong_type(array)),
        };
        let values = [open(&places[0])?, open(&places[1])?];
        for index in 0..values[0].len() {
            if cancelled.load(Ordering::Relaxed) {
                return Ok(());
            }
            let (Some(first), Some(second)) = (values[0].get(index), values[1].get(index)) else {
                counters.tally(|counts| counts.nulls += 1);
                continue;
            };
            if self.leaves_out(&[first, second]) {
                continue;
            }
            match (places[0].text(first, index)?, places[1].text(second, index)?) {
                (Some(first), Some(second)) => {
                    counters.row(&first, Some(&second), 1).map_err(|error| places[0].at(error, index))?;
                }
                _ => counters.tally(|counts| counts.invalid_rows += 1),
            }
        }
        Ok(())
    }
}

/// Counts texts; of a dictionary (or of runs) each value that is used once, times its rows.
fn texts(counters: &mut Counters, place: &Place, values: &Texts, cancelled: &AtomicBool) -> Result<()> {
    let Texts::Indirect { keys, values } = values else {
        for index in 0..values.len() {
            if cancelled.load(Ordering::Relaxed) {
                return Ok(());
            }
            one(counters, place, values.get(index), index, 1)?;
        }
        return Ok(());
    };
    let mut uses = vec![(0u64, 0usize); values.len()];
    for (row, key) in keys.iter().enumerate() {
        match key {
            None => counters.tally(|counts| counts.nulls += 1),
            Some(key) => {
                let (weight, first) = &mut uses[*key];
                if *weight == 0 {
                    *first = row;
                }
                *weight += 1;
            }
        }
    }
    for (key, (weight, first)) in uses.into_iter().enumerate().filter(|(_, (weight, _))| *weight > 0) {
        if cancelled.load(Ordering::Relaxed) {
            return Ok(());
        }
        one(counters, place, values.get(key), first, weight)?;
    }
    Ok(())
}

fn one(counters: &mut Counters, place: &Place, bytes: Option<&[u8]>, index: usize, weight: u64) -> Result<()> {
    let Some(bytes) = bytes else {
        counters.tally(|counts| counts.nulls += weight);
        return Ok(());
    };
    if place.work.leaves_out(&[bytes]) {
        return Ok(());
    }
    let Some(text) = place.text(bytes, index)? else {
        counters.tally(|counts| counts.invalid_rows += weight);
        return Ok(());
    };
    counters.row(&text, None, weight).map_err(|error| place.at(error, index))
}

/// Counts lists of ready ids.
fn ids(counters: &mut Counters, place: &Place, lists: &ArrayRef, cancelled: &AtomicBool) -> Result<()> {
    if place.work.sample.is_some() {
        let reason = format!("column {:?} holds ready ids: only texts are sampled", place.column.path);
        return Err(Error::Usage { reason });
    }
    let Some(counter) = counters.only() else {
        let reason = format!("column {:?} holds ready ids, which belong to one tokenizer", place.column.path);
        return Err(Error::Usage { reason });
    };
    let values = list_values(lists).ok_or_else(|| place.wrong_type(lists))?;
    let size = counter.engine().loaded.size;
    for index in 0..lists.len() {
        if cancelled.load(Ordering::Relaxed) {
            return Ok(());
        }
        if lists.is_null(index) {
            counter.counts.nulls += 1;
            continue;
        }
        counter.counts.rows += 1;
        let range = list_range(lists, index).ok_or_else(|| place.wrong_type(lists))?;
        let row = values.slice(range.start, range.len());
        let row = widened(&row).ok_or_else(|| place.wrong_type(lists))?;
        for id in row.into_iter().flatten().filter(|&id| id != IGNORED) {
            match u32::try_from(id).ok().filter(|&id| id < size) {
                Some(id) => counter.id(id),
                None => {
                    return Err(Error::InvalidId {
                        origin: place.work.origin.to_string(),
                        row: place.row(index),
                        column: place.column.path.to_string(),
                        id,
                        size,
                    });
                }
            }
        }
    }
    Ok(())
}

fn widened(array: &ArrayRef) -> Option<Vec<Option<i128>>> {
    use arrow_array::types::{Int8Type, Int16Type, Int32Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
    macro_rules! widen {
        ($kind:ty) => {
            array.as_primitive::<$kind>().iter().map(|value| value.map(i128::from)).collect()
        };
    }
    Some(match array.data_type() {
        DataType::Int8 => widen!(Int8Type),
        DataType::Int16 => widen!(Int16Type),
        DataType::Int32 => widen!(Int32Type),
        DataType::Int64 => widen!(Int64Type),
        DataType::UInt8 => widen!(UInt8Type),
        DataType::UInt16 => widen!(UInt16Type),
        DataType::UInt32 => widen!(UInt32Type),
        DataType::UInt64 => widen!(UInt64Type),
        _ => return None,
    })
}
