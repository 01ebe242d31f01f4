//! A normaliser one character at a time, above all for characters that do not depend on their neighbours.
//!
//! What each becomes is computed by the crate's normaliser when it is first met.

use std::sync::OnceLock;

use tokenizers::{NormalizedString, Normalizer, NormalizerWrapper};

const BLOCK: u32 = 256;

/// A trait: its neighbours may change what a character becomes, or it theirs.
pub const DEPENDS: u8 = 1;

/// What a character becomes on its own.
#[derive(Debug)]
pub struct Alone {
    pub becomes: Becomes,
    /// What its spelling says of it, as bits.
    pub traits: u8,
}

/// Most become a single character.
#[derive(Debug)]
pub enum Becomes {
    One(char),
    Text(Box<str>),
}

impl Becomes {
    /// Hands it to `look`.
    pub fn with<T>(&self, look: impl FnOnce(&str) -> T) -> T {
        match self {
            Self::One(character) => look(character.encode_utf8(&mut [0; 4])),
            Self::Text(text) => look(text),
        }
    }

    /// Adds it to a text.
    #[inline]
    pub fn push_to(&self, out: &mut String) {
        match self {
            Self::One(character) => out.push(*character),
            Self::Text(text) => out.push_str(text),
        }
    }
}

/// `None` where the crate gives none.
type Result = OnceLock<Option<Alone>>;

/// A normaliser, one character at a time.
#[derive(Debug)]
pub struct Characters {
    normalizer: Option<NormalizerWrapper>,
    /// By code point.
    blocks: Vec<OnceLock<Box<[Result]>>>,
    traits: fn(char, &str) -> u8,
}

impl Characters {
    /// Nothing is known yet; `traits` says of a character and of what it becomes what the spelling must know.
    pub fn new(normalizer: Option<NormalizerWrapper>, traits: fn(char, &str) -> u8) -> Self {
        Self { normalizer, blocks: (0..0x11_0000 / BLOCK).map(|_| OnceLock::new()).collect(), traits }
    }

    /// What the crate's normaliser makes of a text; `None` if it gives nothing.
    pub fn normalized(&self, text: &str) -> Option<String> {
        let mut normalized = NormalizedString::from(text);
        self.normalizer.as_ref().map_or(Ok(()), |normalizer| normalizer.normalize(&mut normalized)).ok()?;
        Some(normalized.get().to_owned())
    }

    /// Writes a text's normal form to `out`; false if a character depends on its neighbours or the crate gives nothing.
    pub fn normalize(&self, text: &str, out: &mut String) -> bool {
        out.clear();
        for character in text.chars() {
            match self.alone(character as u32) {
                Some(Alone { becomes, traits }) if traits & DEPENDS == 0 => becomes.push_to(out),
                _ => return false,
            }
        }
        true
    }

    /// Adds to `out` what a character becomes without regard to its neighbours; false if the crate gives nothing.
    pub fn push_alone(&self, character: char, out: &mut String) -> bool {
        let alone = self.alone(character as u32);
        alone.inspect(|alone| alone.becomes.push_to(out)).is_some()
    }

    /// What the character of this code becomes without regard to its neighbours; `None` if the crate gives nothing.
    #[inline]
    pub fn alone(&self, code: u32) -> Option<&Alone> {
        let block = self.blocks[(code / BLOCK) as usize].get_or_init(|| (0..BLOCK).map(|_| OnceLock::new()).collect());
        block[(code % BLOCK) as usize].get_or_init(|| self.ask(code)).as_ref()
    }

    #[cold]
    fn ask(&self, code: u32) -> Option<Alone> {
        let character = char::from_u32(code)?;
        let text = self.normalized(&character.to_string())?;
        let traits = (self.traits)(character, &text);
        let mut characters = text.chars();
        let becomes = match (characters.next(), characters.next()) {
            (Some(one), None) => Becomes::One(one),
            _ => Becomes::Text(text.into_boxed_str()),
        };
        Some(Alone { becomes, traits })
    }
}
