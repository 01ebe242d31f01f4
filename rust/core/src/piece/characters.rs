//! A normaliser one character at a time, above all for characters that do not depend on their neighbours.
//!
//! What each becomes is computed by the crate's normaliser, a block of characters at a time, when a block is first met.

use std::sync::OnceLock;

use super::normalized;
use crate::tokenizer::Loaded;

const BLOCK: u32 = 256;

/// What a character becomes on its own.
#[derive(Debug)]
struct Alone {
    text: Box<str>,
    /// Its neighbours may change that, or it theirs.
    depends: bool,
}

/// By code point; `None` where the crate gives none.
type Results = Vec<Option<Alone>>;

/// The normaliser of a tokenizer, one character at a time.
#[derive(Debug)]
pub struct Characters {
    blocks: Vec<OnceLock<Results>>,
    depends: fn(char) -> bool,
}

impl Characters {
    /// Nothing is known yet; `depends` tells characters whose normal form depends on their neighbours or changes theirs.
    pub fn new(depends: fn(char) -> bool) -> Self {
        Self { blocks: (0..0x11_0000 / BLOCK).map(|_| OnceLock::new()).collect(), depends }
    }

    /// Writes a text's normal form to `out`; false if only the crate can tell.
    pub fn normalize(&self, loaded: &Loaded, text: &str, out: &mut String) -> bool {
        out.clear();
        for character in text.chars() {
            match self.alone(loaded, character) {
                Some(Alone { text, depends: false }) => out.push_str(text),
                _ => return false,
            }
        }
        true
    }

    /// Adds to `out` what a character becomes without regard to its neighbours; false if the crate gives nothing.
    pub fn push_alone(&self, loaded: &Loaded, character: char, out: &mut String) -> bool {
        let alone = self.alone(loaded, character);
        alone.inspect(|alone| out.push_str(&alone.text)).is_some()
    }

    #[inline]
    fn alone(&self, loaded: &Loaded, character: char) -> Option<&Alone> {
        let code = character as u32;
        let block = self.blocks[(code / BLOCK) as usize].get_or_init(|| self.results(loaded, code / BLOCK * BLOCK));
        block[(code % BLOCK) as usize].as_ref()
    }

    fn results(&self, loaded: &Loaded, first: u32) -> Results {
        let result = |code: u32| {
            let character = char::from_u32(code)?;
            let text = normalized(loaded, &character.to_string()).ok()?.into_boxed_str();
            Some(Alone { text, depends: (self.depends)(character) })
        };
        (first..first + BLOCK).map(result).collect()
    }
}
