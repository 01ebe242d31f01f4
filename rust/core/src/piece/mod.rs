//! From a piece to its ids, through the crate's own code.

mod unigram;

use tokenizers::tokenizer::{OffsetReferential, OffsetType};
use tokenizers::{Model, NormalizedString, Normalizer, PreTokenizedString, PreTokenizer, Token};

use crate::error::{Error, Result};
use crate::tokenizer::{Loaded, guarded};
pub use unigram::Unigram;

/// The character that stands for each byte in byte-level vocabularies (GPT-2, `bytes_to_unicode`).
pub const BYTE_ALPHABET: [char; 256] = {
    let mut alphabet = ['\0'; 256];
    let mut byte = 0;
    let mut next = 256u32;
    while byte < 256 {
        let printable = matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
        let code = if printable { byte } else { next };
        if !printable {
            next += 1;
        }
        alphabet[byte as usize] = match char::from_u32(code) {
            Some(character) => character,
            None => '\0',
        };
        byte += 1;
    }
    alphabet
};

/// How a piece becomes what the model sees.
#[derive(Debug)]
pub enum PieceTokenizer {
    /// The piece is what the model sees.
    Model,
    /// Bytes of a pre-token, still to be spelled in the byte-level alphabet.
    ByteLevel,
    /// Raw text between two of BERT's borders.
    Bert {
        /// The normaliser lowercases.
        lowercase: bool,
    },
    /// A raw word that gets `▁` in front.
    Words {
        /// The normaliser leaves printable ASCII as it is.
        ascii: bool,
        /// The model, if it was understood.
        model: Option<Box<Unigram>>,
    },
    /// Raw text whose spaces are `▁` for the model.
    Metaspace,
}

impl PieceTokenizer {
    /// Calls `token` with each id of a piece.
    ///
    /// # Errors
    /// [`Error::Piece`] if the model refuses, [`Error::Panic`] if the library panics.
    pub fn tokenize(&self, loaded: &Loaded, piece: &[u8], token: impl FnMut(u32)) -> Result<()> {
        guarded(|| self.unguarded(loaded, piece, token)).map_err(|error| match error {
            Error::Text { reason } => {
                let shown: String = String::from_utf8_lossy(piece).chars().take(80).collect();
                Error::Piece { piece: shown, reason }
            }
            other => other,
        })
    }

    fn unguarded(&self, loaded: &Loaded, piece: &[u8], mut token: impl FnMut(u32)) -> Result<()> {
        if matches!(self, Self::ByteLevel) {
            let spelled: String = piece.iter().map(|&byte| BYTE_ALPHABET[usize::from(byte)]).collect();
            return model(loaded, &spelled, &mut token);
        }
        let text = std::str::from_utf8(piece).map_err(|e| Error::Text { reason: e.to_string() })?;
        match self {
            Self::Model | Self::ByteLevel => model(loaded, text, &mut token),
            Self::Metaspace => model(loaded, &text.replace(' ', "▁"), &mut token),
            // One word, or one punctuation mark: cleaning leaves ASCII letters and digits alone.
            Self::Bert { lowercase } if text.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                if *lowercase && text.bytes().any(|b| b.is_ascii_uppercase()) {
                    model(loaded, &text.to_ascii_lowercase(), &mut token)
                } else {
                    model(loaded, text, &mut token)
                }
            }
            Self::Words { ascii, model: native } => {
                let mut spelled = |word: &str| match native {
                    Some(native) => native.tokenize(word, &mut token),
                    None => model(loaded, word, &mut token),
                };
                if *ascii && text.bytes().all(|b| b.is_ascii_graphic()) {
                    return spelled(&format!("▁{text}"));
                }
                pipeline(loaded, text, |word| spelled(word))
            }
            Self::Bert { .. } => pipeline(loaded, text, |word| model(loaded, word, &mut token)),
        }
    }
}

fn text_error(error: &(dyn std::error::Error + Send + Sync)) -> Error {
    Error::Text { reason: error.to_string() }
}

fn model(loaded: &Loaded, text: &str, token: &mut impl FnMut(u32)) -> Result<()> {
    let tokens = loaded.inner.get_model().tokenize(text).map_err(|e| text_error(&*e))?;
    tokens.into_iter().for_each(|found| token(found.id));
    Ok(())
}

/// What the crate's normaliser makes of a text.
pub fn normalized(loaded: &Loaded, text: &str) -> Result<String> {
    let mut normalized = NormalizedString::from(text);
    if let Some(normalizer) = loaded.inner.get_normalizer() {
        normalizer.normalize(&mut normalized).map_err(|e| text_error(&*e))?;
    }
    Ok(normalized.get().to_owned())
}

/// Normaliser and pre-tokeniser of the crate, without the search for added tokens; each split goes to `model`.
fn pipeline(loaded: &Loaded, text: &str, mut model: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let mut normalized = NormalizedString::from(text);
    if let Some(normalizer) = loaded.inner.get_normalizer() {
        normalizer.normalize(&mut normalized).map_err(|e| text_error(&*e))?;
    }
    let mut splits = PreTokenizedString::from(normalized);
    if let Some(pre_tokenizer) = loaded.inner.get_pre_tokenizer() {
        pre_tokenizer.pre_tokenize(&mut splits).map_err(|e| text_error(&*e))?;
    }
    for (split, _) in parts(&splits) {
        model(split)?;
    }
    Ok(())
}

/// A row through the crate's added tokens, normaliser and pre-tokeniser: the generic cutter.
///
/// # Errors
/// [`Error::Text`] with what the crate says.
pub fn generic(loaded: &Loaded, row: &str) -> Result<PreTokenizedString> {
    let added = loaded.inner.get_added_vocabulary();
    let mut splits = added.extract_and_normalize(loaded.inner.get_normalizer(), row);
    if let Some(pre_tokenizer) = loaded.inner.get_pre_tokenizer() {
        pre_tokenizer.pre_tokenize(&mut splits).map_err(|e| text_error(&*e))?;
    }
    Ok(splits)
}

/// The pieces of a row, or the tokens where an added token was found.
pub fn parts(splits: &PreTokenizedString) -> impl Iterator<Item = (&str, Option<&[Token]>)> {
    let parts = splits.get_splits(OffsetReferential::Normalized, OffsetType::None);
    parts.into_iter().map(|(text, _, tokens)| (text, tokens.as_deref()))
}
