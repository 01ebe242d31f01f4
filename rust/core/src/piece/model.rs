//! The model behind a tokenizer: ours where it is understood, else the crate's.

use tokenizers::{Model as _, ModelWrapper};

use super::bpe::Bpe;
use super::merges;
use super::text_error;
use super::unigram::{Best, Unigram};
use super::wordpiece::WordPiece;
use crate::error::Result;
use crate::tokenizer::Loaded;

/// A model; equal in its ids to the crate's, whichever it is.
#[derive(Debug)]
pub enum Model {
    /// The crate's own.
    Library,
    /// Byte pairs.
    Bpe(Box<Bpe>),
    /// The longest entry from the left.
    WordPiece(Box<WordPiece>),
    /// The best path.
    Unigram(Box<Unigram>),
}

/// Room to work in.
#[derive(Debug, Default)]
pub struct Workspace {
    /// For byte pairs.
    pub merging: merges::Workspace,
    ids: Vec<u32>,
    best: Vec<Best>,
}

impl Model {
    /// Takes the tokenizer's model over.
    pub fn new(loaded: &Loaded, byte_level: bool) -> Self {
        let native = match loaded.inner.get_model() {
            ModelWrapper::BPE(model) => Bpe::new(model, byte_level).map(Box::new).map(Self::Bpe),
            ModelWrapper::WordPiece(model) => WordPiece::new(model).map(Box::new).map(Self::WordPiece),
            ModelWrapper::Unigram(model) => Unigram::new(model).map(Box::new).map(Self::Unigram),
            ModelWrapper::WordLevel(_) => None,
        };
        native.unwrap_or(Self::Library)
    }

    /// Calls `token` with each id of a word, in any order.
    ///
    /// # Errors
    /// [`crate::Error::Text`] with what the crate's model says.
    pub fn tokenize(
        &self,
        loaded: &Loaded,
        word: &str,
        room: &mut Workspace,
        mut token: &mut impl FnMut(u32),
    ) -> Result<()> {
        match self {
            Self::Library => {
                let tokens = loaded.inner.get_model().tokenize(word).map_err(|e| text_error(&*e))?;
                tokens.into_iter().for_each(|found| token(found.id));
                Ok(())
            }
            Self::Bpe(model) => {
                model.tokenize(word.as_bytes(), &mut room.merging, &mut token);
                Ok(())
            }
            Self::WordPiece(model) => model.tokenize(word, &mut room.ids, token),
            Self::Unigram(model) => model.tokenize(word, &mut room.best, token),
        }
    }

    /// Shown to people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Library => "the library's model",
            Self::Bpe(_) => "native BPE",
            Self::WordPiece(_) => "native WordPiece",
            Self::Unigram(_) => "native Unigram",
        }
    }
}
