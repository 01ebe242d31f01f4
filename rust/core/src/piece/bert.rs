//! BERT's normaliser and pre-tokeniser, one character at a time.
//!
//! Cleaning, spacing of ideographs and lowercasing work on single characters. So does NFD but for the order of combining
//! marks: it sorts each run of marks (characters of a combining class other than 0, after decomposition), by class,
//! leaving equal ones as they were. Afterwards the marks of category `Mn` are stripped, whatever their order. A stable
//! sort of a run gives those that stay in the order that a stable sort of them alone gives. So a text's normal form is
//! what its characters become alone, one after the other, if in each run all marks that stay come from one character.
//!
//! That is so if between any two characters that hold such a mark stands one that ends the run: one that cleaning leaves
//! and whose decomposition holds a character of class 0. Other texts are left to the crate. Where the normaliser does not
//! strip accents it does not call for NFD either, and every text is what its characters become.

use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;
use unicode_normalization_alignments::char::canonical_combining_class;

use super::characters::{Alone, Becomes, Characters, DEPENDS};
use crate::unicode::decode;

/// A trait: it ends a run of combining marks.
const ENDS_RUN: u8 = 2;
/// A trait: it becomes a text that holds the border of a word.
const BREAKS: u8 = 4;

/// What a character that becomes `text` holds: [`DEPENDS`] for a combining mark that is not stripped with the accents,
/// [`ENDS_RUN`], [`BREAKS`].
pub fn traits(character: char, text: &str) -> u8 {
    let (mut depends, mut ends_run) = (false, false);
    for (part, _) in character.to_string().chars().nfd() {
        let class = canonical_combining_class(part);
        depends |= class != 0 && !part.is_mark_nonspacing();
        ends_run |= class == 0 && !text.is_empty();
    }
    let breaks = text.chars().any(|part| part.is_whitespace() || is_punctuation(part));
    u8::from(depends) * DEPENDS + u8::from(ends_run) * ENDS_RUN + u8::from(breaks) * BREAKS
}

/// Punctuation, each of which is a word.
fn is_punctuation(character: char) -> bool {
    character.is_ascii_punctuation() || UnicodeCategories::is_punctuation(character)
}

/// The words of a normalised text, one after the other.
#[derive(Debug, Default)]
pub struct Words {
    text: String,
    ends: Vec<usize>,
}

impl Words {
    /// Takes in a piece; false if only the crate can tell.
    pub fn split(&mut self, characters: &Characters, piece: &[u8]) -> bool {
        self.text.clear();
        self.ends.clear();
        let (mut at, mut open) = (0, false);
        while at < piece.len() {
            let (code, length) = decode(piece, at);
            at += length;
            let Some(Alone { becomes, traits }) = characters.alone(code) else { return false };
            if traits & DEPENDS != 0 {
                if open {
                    return false;
                }
                open = true;
            } else if traits & ENDS_RUN != 0 {
                open = false;
            }
            match becomes {
                _ if traits & BREAKS == 0 => becomes.push_to(&mut self.text),
                Becomes::One(character) => self.push(*character),
                Becomes::Text(text) => text.chars().for_each(|character| self.push(character)),
            }
        }
        self.end_word();
        true
    }

    /// Takes in the next character of the normalised text.
    fn push(&mut self, character: char) {
        if character.is_whitespace() {
            return self.end_word();
        }
        let alone = is_punctuation(character);
        if alone {
            self.end_word();
        }
        self.text.push(character);
        if alone {
            self.end_word();
        }
    }

    fn end_word(&mut self) {
        if self.ends.last().copied().unwrap_or(0) < self.text.len() {
            self.ends.push(self.text.len());
        }
    }

    /// Calls `word` with each.
    ///
    /// # Errors
    /// What `word` says.
    pub fn each<E>(&self, mut word: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        let mut start = 0;
        for &end in &self.ends {
            word(&self.text[start..end])?;
            start = end;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "bert_tests.rs"]
mod tests;
