//! The crate's `WordPiece` model over two tries: from the left, always the longest entry.

use tokenizers::Model;
use tokenizers::models::wordpiece::WordPiece as Library;

use super::trie::{NONE, Trie};
use crate::error::{Error, Result};

/// A `WordPiece` model ready to tokenise.
#[derive(Debug)]
pub struct WordPiece {
    first: Trie,
    /// Entries that begin with the prefix, without it.
    later: Trie,
    unknown: Option<u32>,
    longest: usize,
}

impl WordPiece {
    /// Takes the model over; `None` if it is too large.
    pub fn new(model: &Library) -> Option<Self> {
        let vocabulary = model.get_vocab();
        let rest = |token: &String| token.strip_prefix(&model.continuing_subword_prefix).map(str::to_owned);
        Some(Self {
            first: Trie::new(vocabulary.iter().map(|(token, &id)| (token.as_bytes(), id)))?,
            later: Trie::new(vocabulary.iter().filter_map(|(token, &id)| Some((rest(token)?.into_bytes(), id))))?,
            unknown: vocabulary.get(&model.unk_token).copied(),
            longest: model.max_input_chars_per_word,
        })
    }

    /// Calls `token` with each id of a word; `ids` is room to work in.
    ///
    /// # Errors
    /// [`Error::Text`] for an unknown word where the model has no unknown token.
    pub fn tokenize(&self, word: &str, ids: &mut Vec<u32>, token: &mut impl FnMut(u32)) -> Result<()> {
        ids.clear();
        // A word has at least as many bytes as characters, so that most need no counting.
        let short = word.len() <= self.longest || word.chars().count() <= self.longest;
        if short && self.search(word.as_bytes(), ids) {
            ids.iter().copied().for_each(token);
            return Ok(());
        }
        let missing = || Error::Text { reason: "WordPiece error: Missing [UNK] token from the vocabulary".to_owned() };
        token(self.unknown.ok_or_else(missing)?);
        Ok(())
    }

    /// False if some part of the word is no entry. Entries are whole characters, so each match ends on a border.
    fn search(&self, word: &[u8], ids: &mut Vec<u32>) -> bool {
        let mut start = 0;
        while start < word.len() {
            let trie = if start == 0 { &self.first } else { &self.later };
            let mut node = Trie::ROOT;
            let mut longest = None;
            for (end, &byte) in (start + 1..).zip(&word[start..]) {
                node = trie.child(node, byte);
                if node == NONE {
                    break;
                }
                if trie.id(node) != NONE {
                    longest = Some((end, trie.id(node)));
                }
            }
            let Some((end, id)) = longest else { return false };
            ids.push(id);
            start = end;
        }
        true
    }
}

#[cfg(test)]
#[path = "wordpiece_tests.rs"]
mod tests;
