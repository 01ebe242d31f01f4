//! Everything that can go wrong, each variant naming the source, row, column or token it is about.

/// Result of a fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The tokenizer file is no tokenizer that the crate loads.
    #[error("the tokenizer cannot be loaded: {reason}")]
    Tokenizer {
        /// What the crate says.
        reason: String,
    },
    /// The crate loads the tokenizer, but what it gives would be chance, or no count.
    #[error("the tokenizer cannot be counted with: {reason}")]
    Unsound {
        /// Why, and what to do about it.
        reason: String,
    },
    /// A path was asked for that this tokenizer cannot take.
    #[error("path {path:?} cannot be used with this tokenizer: {reason}")]
    Path {
        /// The path as asked for.
        path: String,
        /// Why it does not apply.
        reason: String,
    },
    /// Options that contradict each other.
    #[error("{reason}")]
    Usage {
        /// Which ones and why.
        reason: String,
    },
    /// A column is not there.
    #[error("{origin}: no column {column:?}; there are {}", available.join(", "))]
    MissingColumn {
        /// File or object the batch came from.
        origin: String,
        /// The column as asked for.
        column: String,
        /// What could have been asked for.
        available: Vec<String>,
    },
    /// A column holds neither text nor ids.
    #[error("{origin}: column {column:?} is {data_type}, which holds neither text nor token ids")]
    ColumnType {
        /// File or object the batch came from.
        origin: String,
        /// The column as asked for.
        column: String,
        /// Its Arrow type.
        data_type: String,
    },
    /// A text is not UTF-8.
    #[error("{origin}: row {row} (from 0) of column {column:?} is not valid UTF-8 (byte {offset} of the text)")]
    InvalidUtf8 {
        /// File or object the batch came from.
        origin: String,
        /// Row, counted from 0.
        row: u64,
        /// The column as asked for.
        column: String,
        /// Offset of the first bad byte.
        offset: usize,
    },
    /// A ready id is not an id of the tokenizer.
    #[error(
        "{origin}: row {row} (from 0) of column {column:?} holds {id}, which is no token id of a tokenizer with {size} ids"
    )]
    InvalidId {
        /// File or object the batch came from.
        origin: String,
        /// Row, counted from 0.
        row: u64,
        /// The column as asked for.
        column: String,
        /// The value found.
        id: i128,
        /// Ids run from 0 to this, exclusive.
        size: u32,
    },
    /// The crate cannot encode a row.
    #[error("{origin}: row {row} (from 0) of column {column:?} cannot be encoded: {reason}")]
    Encode {
        /// File or object the batch came from.
        origin: String,
        /// Row, counted from 0.
        row: u64,
        /// The column as asked for.
        column: String,
        /// What the crate says.
        reason: String,
    },
    /// The crate's model cannot tokenise a piece of text.
    #[error("the piece {piece:?} cannot be tokenised: {reason}")]
    Piece {
        /// The piece, shortened.
        piece: String,
        /// What the crate says.
        reason: String,
    },
    /// A text cannot be encoded; [`Error::at`] turns it into [`Error::Encode`].
    #[error("the text cannot be encoded: {reason}")]
    Text {
        /// What the crate says.
        reason: String,
    },
    /// The library panicked.
    #[error("the tokenizers library panicked: {reason}")]
    Panic {
        /// The panic's message.
        reason: String,
    },
    /// The scan was cancelled.
    #[error("the scan was cancelled")]
    Cancelled,
}

impl Error {
    /// The same error with the place of the row it happened in, where it had none.
    #[must_use]
    pub fn at(self, origin: &str, column: &str, row: u64) -> Self {
        let encode = |reason| Self::Encode { origin: origin.to_owned(), row, column: column.to_owned(), reason };
        match self {
            Self::Text { reason } => encode(reason),
            panic @ Self::Panic { .. } => encode(panic.to_string()),
            other => other,
        }
    }
}
