//! A normaliser one character at a time, for the characters that do not depend on their neighbours.
//!
//! What each becomes is computed by the crate's normaliser, a block of characters at a time, when a block is first met.

use std::sync::OnceLock;

use super::normalized;
use crate::tokenizer::Loaded;

const BLOCK: u32 = 256;

/// What a character becomes; `None` if it depends on its neighbours.
type Results = Vec<Option<Box<str>>>;

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
            let code = character as u32;
            let block = self.blocks[(code / BLOCK) as usize].get_or_init(|| self.results(loaded, code / BLOCK * BLOCK));
            match &block[(code % BLOCK) as usize] {
                Some(result) => out.push_str(result),
                None => return false,
            }
        }
        true
    }

    fn results(&self, loaded: &Loaded, first: u32) -> Results {
        let result = |code: u32| {
            let character = char::from_u32(code).filter(|&character| !(self.depends)(character))?;
            normalized(loaded, &character.to_string()).ok().map(String::into_boxed_str)
        };
        (first..first + BLOCK).map(result).collect()
    }
}
