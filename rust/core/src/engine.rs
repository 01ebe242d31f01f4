//! A loaded tokenizer and the path chosen for it.

use crate::cut::{Native, recognise};
use crate::error::{Error, Result};
use crate::piece::{Model, PieceTokenizer, Spelling};
use crate::tokenizer::{Loaded, guarded};

/// Which path a scan takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Path {
    /// The fastest that is proved for the tokenizer.
    #[default]
    Auto,
    /// Every row through the whole of the crate.
    Row,
    /// The crate's splitting, a table, the crate's model.
    Generic,
    /// A native scanner.
    Native,
}

impl std::str::FromStr for Path {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name {
            "auto" => Self::Auto,
            "row" => Self::Row,
            "generic" => Self::Generic,
            "native" => Self::Native,
            _ => {
                let reason = format!("unknown path {name:?}; there are auto, row, generic and native");
                return Err(Error::Usage { reason });
            }
        })
    }
}

/// How a tokenizer is used.
#[derive(Debug, Clone, Copy)]
pub struct EngineOptions {
    /// Count the tokens that the post-processor adds to each row.
    pub add_special_tokens: bool,
    /// Truncate as the file says.
    pub truncation: bool,
    /// The path to take.
    pub path: Path,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { add_special_tokens: true, truncation: false, path: Path::Auto }
    }
}

/// How rows are cut.
#[derive(Debug)]
pub enum Cutter {
    /// Not at all.
    Row,
    /// By the crate.
    Generic(Box<PieceTokenizer>),
    /// By a native scanner.
    Native(Box<Native>),
}

/// A tokenizer ready to count with; immutable, shared by all workers.
#[derive(Debug)]
pub struct Engine {
    pub(crate) loaded: Loaded,
    pub(crate) cutter: Cutter,
    pub(crate) add_special_tokens: bool,
    fingerprint: String,
    specials: [Option<Vec<u32>>; 2],
    reason: String,
}

impl Engine {
    /// Loads a tokenizer.json and chooses its path.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if the crate cannot load it, [`Error::Path`] if a forced path does not apply.
    pub fn new(json: &[u8], options: EngineOptions) -> Result<Self> {
        let loaded = Loaded::new(json, options.truncation)?;
        let specials = [false, true].map(|pair| loaded.row_specials(pair, options.add_special_tokens));
        let fingerprint = || guarded(|| loaded.fingerprint());
        let (chosen, fingerprint) = std::thread::scope(|scope| {
            // Serialising takes about as long as the scanner's own tables.
            let beside = std::thread::Builder::new().spawn_scoped(scope, fingerprint);
            let chosen = guarded(|| choose(&loaded, options, specials[0].is_some()));
            (chosen, beside.ok().and_then(|thread| thread.join().ok()).unwrap_or_else(fingerprint))
        });
        let (cutter, reason) = chosen?;
        let fingerprint = fingerprint?;
        let mut this =
            Self { loaded, cutter, fingerprint, add_special_tokens: options.add_special_tokens, specials, reason };
        if this.piece_tokenizer().is_some_and(|pieces| matches!(pieces.model, Model::Library)) {
            this.loaded.disable_cache();
        }
        Ok(this)
    }

    /// The tokenizer.
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// sha256, in hex, of the crate's own serialisation without truncation and padding.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The path, such as `native:gpt2`, `generic` or `row`.
    pub fn path(&self) -> String {
        match &self.cutter {
            Cutter::Row => "row".to_owned(),
            Cutter::Generic(_) => "generic".to_owned(),
            Cutter::Native(native) => format!("native:{}", native.name),
        }
    }

    /// Why this path.
    pub fn path_reason(&self) -> &str {
        &self.reason
    }

    /// The ids of a text, or of a pair, through the whole of the crate.
    ///
    /// # Errors
    /// [`Error::Text`] with what the crate says, [`Error::Panic`] if it panics.
    pub fn encode(&self, text: &str, pair: Option<&str>) -> Result<Vec<u32>> {
        let encoding = guarded(|| self.loaded.encode(text, pair, self.add_special_tokens))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Ids added to each row or pair; `None` if the post-processor does more than add.
    pub(crate) fn row_specials(&self, pair: bool) -> Option<&[u32]> {
        self.specials[usize::from(pair)].as_deref()
    }

    /// How the pieces in the table become ids; `None` if there is no table.
    pub(crate) fn piece_tokenizer(&self) -> Option<&PieceTokenizer> {
        match &self.cutter {
            Cutter::Native(native) => Some(&native.pieces),
            Cutter::Generic(pieces) => Some(pieces),
            Cutter::Row => None,
        }
    }
}

fn choose(loaded: &Loaded, options: EngineOptions, constant_specials: bool) -> Result<(Cutter, String)> {
    let row_only = if options.truncation && loaded.has_truncation {
        Some("truncation was asked for")
    } else if loaded.is_random() {
        Some("its model draws lots (dropout or sampling)")
    } else if constant_specials {
        None
    } else {
        Some("its post-processor does more than add tokens to a row")
    };
    let generic = || Cutter::Generic(Box::new(PieceTokenizer::new(loaded, Spelling::Plain)));
    let refuse = |path: &str, reason: &str| Err(Error::Path { path: path.to_owned(), reason: reason.to_owned() });
    match (options.path, row_only) {
        (Path::Row, _) => Ok((Cutter::Row, "asked for".to_owned())),
        (Path::Generic, Some(reason)) => refuse("generic", reason),
        (Path::Native, Some(reason)) => refuse("native", reason),
        (Path::Auto, Some(reason)) => Ok((Cutter::Row, reason.to_owned())),
        (Path::Generic, None) => Ok((generic(), "asked for".to_owned())),
        (path, None) => match recognise(loaded) {
            Ok(native) => {
                let reason = format!("its pipeline is recognised; {}", native.described());
                Ok((Cutter::Native(Box::new(native)), reason))
            }
            Err(reason) if path == Path::Native => refuse("native", &reason),
            Err(reason) => Ok((generic(), reason)),
        },
    }
}
