//! From a piece to its ids: native models where they are understood, the crate's own code elsewhere.

mod bert;
mod bpe;
mod characters;
mod merges;
mod model;
mod trie;
mod unigram;
mod wordpiece;
mod words;

use std::sync::Arc;

use tokenizers::tokenizer::{OffsetReferential, OffsetType};
use tokenizers::{NormalizedString, Normalizer, NormalizerWrapper, PreTokenizedString, PreTokenizer, Token};

use crate::error::{Error, Result};
use crate::normal::nfc;
use crate::tokenizer::{Loaded, guarded};
use crate::unicode::CharTable;
pub use bpe::Bpe;
pub use characters::{Alone, Characters, DEPENDS};
pub use model::Model;
#[cfg(test)]
pub use words::unchanged;
pub use words::{PRECEDES, Spaces, precompiled};

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

/// From a piece to ids: how it is spelled for the model, and the model.
#[derive(Debug)]
pub struct PieceTokenizer {
    spelling: Spelling,
    /// The model.
    pub model: Model,
}

/// How a piece becomes what the model sees.
#[derive(Debug)]
pub enum Spelling {
    /// The piece is what the model sees.
    Plain,
    /// Bytes of a pre-token, still to be spelled in the byte-level alphabet.
    ByteLevel,
    /// Raw text between two of BERT's borders.
    Bert {
        /// The normaliser lowercases.
        lowercase: bool,
        /// The rest of the normaliser.
        characters: Characters,
    },
    /// A raw word that gets `▁` in front.
    Words {
        /// The normaliser leaves printable ASCII as it is.
        ascii: bool,
        /// The normaliser.
        characters: Characters,
    },
    /// Raw text whose words keep the space before them, as `▁`.
    Marked {
        /// The normaliser leaves printable ASCII as it is.
        ascii: bool,
        /// The rest of the normaliser.
        spaces: Spaces,
        /// `Precompiled`.
        characters: Arc<Characters>,
    },
    /// Raw text that may begin with a space or a line feed, which becomes `▁`; in NFC.
    Collapsed {
        /// Which characters may be whitespace.
        whitespace: &'static CharTable,
    },
    /// Raw text whose spaces are `▁` for the model.
    Metaspace,
}

/// Room to work in, kept from piece to piece.
#[derive(Debug, Default)]
pub struct Workspace {
    text: String,
    marked: String,
    words: bert::Words,
    model: model::Workspace,
}

impl Spelling {
    /// BERT's, with its normaliser.
    pub fn bert(lowercase: bool, normalizer: Option<NormalizerWrapper>) -> Self {
        Self::Bert { lowercase, characters: Characters::new(normalizer, bert::traits) }
    }
}

impl PieceTokenizer {
    /// The tokenizer's model behind a spelling; a native one if the model is understood.
    pub fn new(loaded: &Loaded, spelling: Spelling) -> Self {
        let model = Model::new(loaded, matches!(spelling, Spelling::ByteLevel));
        Self { spelling, model }
    }

    /// Calls `token` with each id of a piece.
    ///
    /// # Errors
    /// [`Error::Piece`] if the model refuses, [`Error::Panic`] if the library panics.
    pub fn tokenize(&self, loaded: &Loaded, piece: &[u8], work: &mut Workspace, token: impl FnMut(u32)) -> Result<()> {
        guarded(|| self.unguarded(loaded, piece, work, token)).map_err(|error| match error {
            Error::Text { reason } => {
                let shown: String = String::from_utf8_lossy(piece).chars().take(80).collect();
                Error::Piece { piece: shown, reason }
            }
            other => other,
        })
    }

    fn unguarded(
        &self,
        loaded: &Loaded,
        piece: &[u8],
        space: &mut Workspace,
        mut token: impl FnMut(u32),
    ) -> Result<()> {
        let Workspace { text: spelled, marked, words, model: room } = space;
        if matches!(self.spelling, Spelling::ByteLevel) {
            if let Model::Bpe(model) = &self.model {
                model.tokenize(piece, &mut room.merging, token);
                return Ok(());
            }
            spelled.clear();
            spelled.extend(piece.iter().map(|&byte| BYTE_ALPHABET[usize::from(byte)]));
            return self.model.tokenize(loaded, spelled, room, &mut token);
        }
        if matches!(self.spelling, Spelling::Metaspace)
            && let Model::Bpe(model) = &self.model
            && model.tokenize_marked(piece, &mut room.merging, &mut token)
        {
            return Ok(());
        }
        let mut word = |word: &str| self.model.tokenize(loaded, word, room, &mut token);
        if let Spelling::Bert { characters, .. } = &self.spelling
            && !piece.iter().all(u8::is_ascii_alphanumeric)
            && words.split(characters, piece)
        {
            return words.each(word);
        }
        let text = std::str::from_utf8(piece).map_err(|e| Error::Text { reason: e.to_string() })?;
        match &self.spelling {
            Spelling::Plain | Spelling::ByteLevel => word(text),
            Spelling::Metaspace => {
                spelled.clear();
                spelled.extend(text.chars().map(|character| if character == ' ' { '▁' } else { character }));
                word(spelled)
            }
            // One word, or one punctuation mark: cleaning leaves ASCII letters and digits alone.
            Spelling::Bert { lowercase, .. } if text.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                if !lowercase {
                    return word(text);
                }
                spelled.clear();
                spelled.push_str(text);
                spelled.make_ascii_lowercase();
                word(spelled)
            }
            Spelling::Bert { .. } => pipeline(loaded, text, word),
            Spelling::Words { ascii, characters } => {
                if *ascii && text.bytes().all(|b| b.is_ascii_graphic()) {
                    spelled.clear();
                    spelled.push('▁');
                    spelled.push_str(text);
                    return word(spelled);
                }
                if words::normalize(characters, text, spelled) && words::words(spelled, marked, &mut word)? {
                    return Ok(());
                }
                pipeline(loaded, text, word)
            }
            Spelling::Marked { ascii, spaces, characters } => {
                let plain = text.strip_prefix(' ').unwrap_or(text);
                if *ascii && !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_graphic()) {
                    spelled.clear();
                    spelled.push('▁');
                    spelled.push_str(plain);
                    return word(spelled);
                }
                if words::normalize(characters, text, spelled) {
                    return words::marked(spelled, *spaces, marked, &mut word);
                }
                pipeline(loaded, text, word)
            }
            Spelling::Collapsed { whitespace } => {
                let plain = nfc(text.strip_prefix([' ', '\n']).unwrap_or(text));
                let other = |character: char| character == '▁' || whitespace.get(character as u32) != 0;
                if plain.is_empty() || plain.contains(other) {
                    return pipeline(loaded, text, word);
                }
                spelled.clear();
                spelled.push('▁');
                spelled.push_str(&plain);
                word(spelled)
            }
        }
    }
}

fn text_error(error: &(dyn std::error::Error + Send + Sync)) -> Error {
    Error::Text { reason: error.to_string() }
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

/// How many cases the property tests of the models run: `PROPTEST_CASES`, or a number that a test run can afford.
#[cfg(test)]
pub fn cases(default: u32) -> proptest::prelude::ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    proptest::prelude::ProptestConfig { cases, ..Default::default() }
}
