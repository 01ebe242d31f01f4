//! One way to read the bytes of a text, for every Arrow encoding of text.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, LargeBinaryArray, RunArray};
use arrow_schema::DataType;

/// Texts as bytes. String arrays are read as binary ones: what comes from outside was validated by nobody.
#[derive(Debug)]
pub enum Texts {
    /// 32-bit offsets.
    Small(BinaryArray),
    /// 64-bit offsets.
    Large(LargeBinaryArray),
    /// Views.
    View(BinaryViewArray),
    /// Equal lengths.
    Fixed(FixedSizeBinaryArray),
    /// Nulls only.
    Null(usize),
    /// Each row points to a value (dictionary or run); `None` is a null row.
    Indirect {
        /// Index of the value of each row.
        keys: Vec<Option<usize>>,
        /// The distinct values.
        values: Box<Texts>,
    },
}

impl Texts {
    /// Reads `array`; `None` if it holds no text.
    pub fn new(array: &ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Utf8 => Self::Small(array.as_string::<i32>().clone().into()),
            DataType::Binary => Self::Small(array.as_binary::<i32>().clone()),
            DataType::LargeUtf8 => Self::Large(array.as_string::<i64>().clone().into()),
            DataType::LargeBinary => Self::Large(array.as_binary::<i64>().clone()),
            DataType::Utf8View => Self::View(array.as_string_view().clone().to_binary_view()),
            DataType::BinaryView => Self::View(array.as_binary_view().clone()),
            DataType::FixedSizeBinary(_) => Self::Fixed(array.as_fixed_size_binary().clone()),
            DataType::Null => Self::Null(array.len()),
            DataType::Dictionary(_, _) => dictionary(array)?,
            DataType::RunEndEncoded(ends, _) => match ends.data_type() {
                DataType::Int16 => runs::<Int16Type>(array)?,
                DataType::Int32 => runs::<Int32Type>(array)?,
                _ => runs::<Int64Type>(array)?,
            },
            _ => return None,
        })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Small(array) => array.len(),
            Self::Large(array) => array.len(),
            Self::View(array) => array.len(),
            Self::Fixed(array) => array.len(),
            Self::Null(length) => *length,
            Self::Indirect { keys, .. } => keys.len(),
        }
    }

    /// The bytes of a row; `None` if it is null.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        match self {
            Self::Small(array) => array.is_valid(index).then(|| array.value(index)),
            Self::Large(array) => array.is_valid(index).then(|| array.value(index)),
            Self::View(array) => array.is_valid(index).then(|| array.value(index)),
            Self::Fixed(array) => array.is_valid(index).then(|| array.value(index)),
            Self::Null(_) => None,
            Self::Indirect { keys, values } => keys[index].and_then(|key| values.get(key)),
        }
    }
}

fn dictionary(array: &ArrayRef) -> Option<Texts> {
    let dictionary = array.as_any_dictionary_opt()?;
    let values = Texts::new(dictionary.values())?;
    let keys = dictionary.keys();
    let keys = if values.len() == 0 {
        vec![None; keys.len()]
    } else {
        let positions = dictionary.normalized_keys();
        positions.into_iter().enumerate().map(|(row, key)| keys.is_valid(row).then_some(key)).collect()
    };
    Some(Texts::Indirect { keys, values: Box::new(values) })
}

fn runs<R: arrow_array::types::RunEndIndexType>(array: &ArrayRef) -> Option<Texts> {
    let runs = array.as_any().downcast_ref::<RunArray<R>>()?;
    let values = Texts::new(runs.values())?;
    let keys = (0..runs.len()).map(|row| Some(runs.get_physical_index(row))).collect();
    Some(Texts::Indirect { keys, values: Box::new(values) })
}
