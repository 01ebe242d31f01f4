//! The crate's Unigram model over a flat trie: the same Viterbi search, the same sums in the same order.
//!
//! Scores are added from the left, from the first candidate on a later one wins only if it is strictly better, and
//! candidates come by start and then by length: exactly the crate's order, so that ties and rounding fall the same way.

use tokenizers::Model;
use tokenizers::models::unigram::Unigram as Library;

use super::trie::{NONE, Trie};
use crate::error::{Error, Result};

/// What the crate takes off the lowest score for an unknown character.
const UNKNOWN_PENALTY: f64 = 10.0;

/// A Unigram model ready to tokenise.
#[derive(Debug)]
pub struct Unigram {
    trie: Trie,
    scores: Vec<f64>,
    unknown: Option<u32>,
    unknown_score: f64,
    bytes: Option<Vec<Option<u32>>>,
}

/// The best way to a position.
#[derive(Debug, Clone, Copy)]
pub struct Best {
    id: u32,
    start: u32,
    score: f64,
}

impl Unigram {
    /// Takes the model over; `None` if it is too large or not understood.
    pub fn new(model: &Library) -> Option<Self> {
        let described = serde_json::to_value(model).ok()?;
        let unknown = match &described["unk_id"] {
            serde_json::Value::Null => None,
            id => Some(u32::try_from(id.as_u64()?).ok()?),
        };
        let scores: Vec<f64> = model.iter().map(|(_, score)| *score).collect();
        let trie = Trie::new((0u32..).zip(model.iter()).map(|(id, (token, _))| (token.as_bytes(), id)))?;
        let lowest = scores.iter().fold(f64::INFINITY, |lowest, &score| if score < lowest { score } else { lowest });
        let byte = |byte: u32| model.token_to_id(&format!("<0x{byte:02X}>"));
        Some(Self {
            trie,
            scores,
            unknown,
            unknown_score: lowest - UNKNOWN_PENALTY,
            bytes: model.byte_fallback().then(|| (0..256).map(byte).collect()),
        })
    }

    /// Calls `token` with each id of a piece, from the last to the first; `best` is room to work in.
    ///
    /// # Errors
    /// [`Error::Text`] for an unknown character where the model has no unknown token.
    pub fn tokenize(&self, piece: &str, best: &mut Vec<Best>, token: &mut impl FnMut(u32)) -> Result<()> {
        self.search(piece, best)?;
        let mut end = piece.len();
        let mut fused: Option<usize> = None;
        while end > 0 {
            let node = best[end];
            if Some(node.id) == self.unknown {
                fused = fused.or(Some(end));
            } else {
                if let Some(stop) = fused.take() {
                    self.unknown(&piece.as_bytes()[end..stop], token)?;
                }
                token(node.id);
            }
            end = node.start as usize;
        }
        fused.map_or(Ok(()), |stop| self.unknown(&piece.as_bytes()[..stop], token))
    }

    /// The best way to each position.
    fn search(&self, piece: &str, best: &mut Vec<Best>) -> Result<()> {
        let bytes = piece.as_bytes();
        best.clear();
        best.resize(bytes.len() + 1, Best { id: 0, start: NONE, score: 0.0 });
        for (start, character) in piece.char_indices() {
            let so_far = best[start].score;
            let single = start + character.len_utf8();
            let mut has_single = false;
            let mut node = Trie::ROOT;
            for (end, &byte) in (start + 1..).zip(&bytes[start..]) {
                node = self.trie.child(node, byte);
                if node == NONE {
                    break;
                }
                let id = self.trie.id(node);
                if id != NONE {
                    better(&mut best[end], id, start, self.scores[id as usize] + so_far);
                    has_single |= end == single;
                }
            }
            if !has_single {
                let candidate = self.unknown_score + so_far;
                let target = &mut best[single];
                if target.start == NONE || candidate > target.score {
                    better(target, self.unknown.ok_or_else(missing_unknown)?, start, candidate);
                }
            }
        }
        Ok(())
    }

    /// Unknown characters in a row are one token: an entry of their own, their bytes, or the unknown token.
    fn unknown(&self, text: &[u8], token: &mut impl FnMut(u32)) -> Result<()> {
        if let Some(id) = self.trie.get(text) {
            token(id);
            return Ok(());
        }
        let bytes = self
            .bytes
            .as_ref()
            .and_then(|table| text.iter().map(|&byte| table[usize::from(byte)]).collect::<Option<Vec<u32>>>());
        match bytes {
            Some(ids) => ids.into_iter().for_each(token),
            None => token(self.unknown.ok_or_else(missing_unknown)?),
        }
        Ok(())
    }
}

fn missing_unknown() -> Error {
    Error::Text { reason: "encountered an unknown token but `unk_id` is missing".to_owned() }
}

#[inline]
fn better(target: &mut Best, id: u32, start: usize, score: f64) {
    if target.start == NONE || score > target.score {
        // A piece is a word, far below 4 GB; a longer one would have been refused when it was cut.
        *target = Best { id, start: u32::try_from(start).unwrap_or(NONE), score };
    }
}

#[cfg(test)]
#[path = "unigram_tests.rs"]
mod tests;
