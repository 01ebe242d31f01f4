//! The crate's BPE model on flat tables: the same symbols to begin with, the same merges in the same order.

use std::collections::{HashMap, HashSet};

use tokenizers::models::bpe::BPE as Library;

use super::BYTE_ALPHABET;
use super::merges::{Merges, NONE, Workspace};

/// Ids by piece.
type Whole = HashMap<Vec<u8>, u32, foldhash::fast::FixedState>;

/// A BPE model ready to tokenise.
#[derive(Debug)]
pub struct Bpe {
    merges: Merges,
    /// Pieces are bytes, to be spelled in the byte-level alphabet.
    bytes: Option<Bytes>,
    /// Otherwise: ASCII text whose spaces stand for `▁`.
    marked: Option<Bytes>,
    /// Entries of one character.
    characters: HashMap<char, u32, foldhash::fast::FixedState>,
    /// Ids of `<0x00>` to `<0xFF>`.
    fallback: Option<Vec<Option<u32>>>,
    unknown: Option<u32>,
    fuse: bool,
    /// Entries that merging their own characters does not give, where the model looks whole words up first.
    whole: Whole,
    /// Strings of all merged tokens.
    results: Vec<String>,
    /// A fallback byte or the unknown token takes part in a merge.
    odd_parts: bool,
}

/// Bytes as symbols that a word begins with.
#[derive(Debug)]
struct Bytes {
    /// Id of each byte's character in the byte-level alphabet; [`NONE`] if that is no entry.
    ids: Vec<u32>,
    /// Ranks of pairs of them.
    ranks: Vec<[u32; 256]>,
    /// The same ids for a word's last byte, where a suffix marks it.
    last: Option<Vec<u32>>,
}

/// Of the crate's description of the model, what it does not tell otherwise.
#[derive(serde::Deserialize)]
struct Described {
    merges: Vec<[String; 2]>,
}

/// What the model's own description says, checked.
struct Description {
    vocabulary: HashMap<String, u32>,
    merges: Vec<(u32, u32, u32)>,
}

impl Description {
    /// `None` if anything about it is unusual.
    fn new(model: &Library) -> Option<Self> {
        if model.continuing_subword_prefix.as_deref().is_some_and(|prefix| !prefix.is_empty()) {
            return None;
        }
        let vocabulary = model.get_vocab();
        let ids: HashSet<u32> = vocabulary.values().copied().collect();
        // Two entries of one id, or the mark for "none": the proof in `merges` needs each to be absent. An empty entry is
        // never met: no character gives it, nor does a merge of what is not empty.
        if ids.len() != vocabulary.len() || ids.contains(&NONE) {
            return None;
        }
        let described = serde_json::to_string(model).ok()?;
        let Described { merges } = serde_json::from_str(&described).ok()?;
        let merge = |[left, right]: &[String; 2]| {
            let id = |part: &str| vocabulary.get(part).copied();
            Some((id(left)?, id(right)?, id(&[left.as_str(), right].concat())?))
        };
        let merges = merges.iter().map(merge).collect::<Option<Vec<_>>>()?;
        Some(Self { vocabulary, merges })
    }
}

impl Bytes {
    fn new(ids: &[u32], merges: &Merges) -> Self {
        let ranks = |&left: &u32| std::array::from_fn(|right| merges.rank(left, ids[right]));
        Self { ids: ids.to_vec(), ranks: ids.iter().map(ranks).collect(), last: None }
    }

    /// Fills in the symbols of a piece and their ranks; false if one of its bytes is no entry.
    fn spell(&self, piece: &[u8], merges: &Merges, work: &mut Workspace) -> bool {
        let Workspace { symbols, ranks, .. } = work;
        symbols.extend(piece.iter().map(|&byte| self.ids[usize::from(byte)]));
        ranks.clear();
        ranks.extend(piece.windows(2).map(|two| self.ranks[usize::from(two[0])][usize::from(two[1])]));
        if let Some(last) = &self.last
            && let (Some(&byte), Some(symbol)) = (piece.last(), symbols.last_mut())
        {
            *symbol = last[usize::from(byte)];
            if let ([.., before, symbol], Some(rank)) = (symbols.as_slice(), ranks.last_mut()) {
                *rank = merges.rank(*before, *symbol);
            }
        }
        !symbols.contains(&NONE)
    }

    /// Those that are no entries, of the bytes that UTF-8 uses.
    fn absent(&self) -> impl Iterator<Item = u8> {
        used().filter(|&byte| self.ids[usize::from(byte)] == NONE)
    }

    /// The same where a suffix marks a word's last byte; `None` if not every byte has both of its entries.
    fn with_last(self, last: Vec<u32>) -> Option<Self> {
        let complete = self.absent().next().is_none() && used().all(|byte| last[usize::from(byte)] != NONE);
        complete.then_some(Self { last: Some(last), ..self })
    }
}

/// The bytes that UTF-8 uses.
fn used() -> impl Iterator<Item = u8> {
    (0..=0xBF).chain(0xC2..=0xF4)
}

impl Bpe {
    /// Takes the model over; `None` if it is not understood.
    pub fn new(model: &Library, byte_level: bool) -> Option<Self> {
        let suffix = model.end_of_word_suffix.as_deref().unwrap_or_default();
        // Which entries only a whole look-up finds, and what stands for the bytes of a suffix, is not asked.
        if !suffix.is_empty() && (!byte_level || model.ignore_merges || model.byte_fallback) {
            return None;
        }
        let Description { vocabulary, merges } = Description::new(model)?;
        let unknown = match &model.unk_token {
            None => None,
            Some(token) if token.is_empty() => return None,
            Some(token) => Some(*vocabulary.get(token)?), // the crate fails on the first unknown character
        };
        let mut buffer = [0; 4];
        let mut id = |character: char| vocabulary.get(character.encode_utf8(&mut buffer) as &str).copied();
        let bytes = byte_level.then(|| BYTE_ALPHABET.map(|character| id(character).unwrap_or(NONE)));
        let marked_last = |character: char| vocabulary.get(&format!("{character}{suffix}")).copied().unwrap_or(NONE);
        let last = (!suffix.is_empty()).then(|| BYTE_ALPHABET.map(marked_last).to_vec());
        let mut ascii = |byte: u8| match byte {
            b' ' => id('▁'),
            byte if byte.is_ascii() => id(char::from(byte)),
            _ => None,
        };
        let marked = (!byte_level).then(|| (0..=u8::MAX).map(|byte| ascii(byte).unwrap_or(NONE)).collect::<Vec<_>>());
        let single = |token: &str| token.chars().next().filter(|c| c.len_utf8() == token.len());
        let byte = |byte: u32| vocabulary.get(&format!("<{byte:#04X}>")).copied();
        let fallback: Option<Vec<Option<u32>>> = model.byte_fallback.then(|| (0..256).map(byte).collect());
        let odd: HashSet<u32> = fallback.iter().flatten().flatten().copied().chain(unknown).collect();
        let names: HashMap<u32, &String> = vocabulary.iter().map(|(token, &id)| (id, token)).collect();
        let table = Merges::new(&merges)?;
        let bytes = match (bytes.map(|ids| Bytes::new(&ids, &table)), last) {
            (Some(bytes), Some(last)) => Some(bytes.with_last(last)?),
            (bytes, _) => bytes,
        };
        let mut this = Self {
            odd_parts: merges.iter().any(|(left, right, _)| odd.contains(left) || odd.contains(right)),
            results: merges.iter().filter_map(|(_, _, id)| names.get(id).map(|&name| name.clone())).collect(),
            marked: marked.map(|ids| Bytes::new(&ids, &table)),
            bytes,
            merges: table,
            characters: vocabulary.iter().filter_map(|(token, &id)| Some((single(token)?, id))).collect(),
            fallback,
            unknown,
            fuse: model.fuse_unk,
            whole: HashMap::default(),
        };
        if model.ignore_merges {
            this.whole = this.unreachable(&vocabulary);
        }
        Some(this)
    }

    /// Entries that only the whole-word look-up finds, by the piece that spells them.
    fn unreachable(&self, vocabulary: &HashMap<String, u32>) -> Whole {
        let mut work = Workspace::default();
        let mut reached = |piece: &[u8], id: u32| {
            let mut ids = Vec::new();
            self.tokenize(piece, &mut work, |id| ids.push(id));
            ids == [id]
        };
        let pieces = vocabulary.iter().filter_map(|(token, &id)| Some((self.piece(token)?, id)));
        pieces.filter(|(piece, id)| !piece.is_empty() && !reached(piece, *id)).collect()
    }

    /// Calls `token` with each id of a piece: bytes of a byte-level model, or the text that the model sees.
    pub fn tokenize(&self, piece: &[u8], work: &mut Workspace, token: impl FnMut(u32)) {
        if !self.whole.is_empty()
            && let Some(&id) = self.whole.get(piece)
        {
            return std::iter::once(id).for_each(token);
        }
        work.symbols.clear();
        match &self.bytes {
            Some(bytes) if bytes.spell(piece, &self.merges, work) => {
                self.merges.apply_ranked(work);
                return work.symbols.iter().copied().for_each(token);
            }
            Some(_) => {
                work.symbols.clear();
                self.spell(piece.iter().map(|&byte| BYTE_ALPHABET[usize::from(byte)]), work);
            }
            None => self.spell(String::from_utf8_lossy(piece).chars(), work),
        }
        self.merges.apply(work);
        work.symbols.iter().copied().for_each(token);
    }

    /// Calls `token` with each id of a text whose spaces stand for `▁`; false, without a call, if it is not such that each
    /// byte is an entry.
    pub fn tokenize_marked(&self, text: &[u8], work: &mut Workspace, token: impl FnMut(u32)) -> bool {
        let Some(marked) = self.marked.as_ref().filter(|_| self.whole.is_empty()) else { return false };
        work.symbols.clear();
        if !marked.spell(text, &self.merges, work) {
            return false;
        }
        self.merges.apply_ranked(work);
        work.symbols.iter().copied().for_each(token);
        true
    }

    /// The symbols that a word begins with, in the crate's order: an unknown one is held back until a known one comes.
    fn spell(&self, characters: impl Iterator<Item = char>, work: &mut Workspace) {
        let mut held = None;
        for character in characters {
            if let Some(&id) = self.characters.get(&character) {
                work.symbols.extend(held.take());
                work.symbols.push(id);
                continue;
            }
            let before = work.symbols.len();
            if self.fall_back(character, work) {
                continue;
            }
            work.symbols.truncate(before);
            if !self.fuse {
                work.symbols.extend(held.take());
            }
            held = held.or(self.unknown);
        }
        work.symbols.extend(held);
    }

    /// Adds the tokens of a character's bytes; false if one of them is missing.
    fn fall_back(&self, character: char, work: &mut Workspace) -> bool {
        let Some(table) = &self.fallback else { return false };
        let mut buffer = [0; 4];
        character.encode_utf8(&mut buffer).bytes().all(|byte| {
            let id = table[usize::from(byte)];
            work.symbols.extend(id);
            id.is_some()
        })
    }

    /// Whether equal characters always begin as the same symbols, which no merge but that of characters touches; but for
    /// those that hold one of the bytes that [`Bpe::absent`] gives.
    pub fn is_plain(&self) -> bool {
        let spelled =
            |bytes: &Bytes| bytes.last.is_none() && (self.unknown.is_none() || bytes.absent().next().is_none());
        !self.odd_parts && self.bytes.as_ref().map_or_else(|| self.falls_back_wholly(), spelled)
    }

    /// Bytes that leave no symbol.
    pub fn absent(&self) -> Vec<u8> {
        self.bytes.iter().flat_map(Bytes::absent).collect()
    }

    /// Whether every character without an entry becomes the tokens of its bytes.
    pub fn falls_back_wholly(&self) -> bool {
        self.fallback.as_ref().is_some_and(|table| table.iter().all(Option::is_some))
    }

    /// The strings that merges give, as pieces spell them.
    pub fn results(&self) -> Option<Vec<Vec<u8>>> {
        self.results.iter().map(|token| self.piece(token)).collect()
    }

    /// The piece that spells an entry; `None` if no piece does.
    fn piece(&self, token: &str) -> Option<Vec<u8>> {
        if self.bytes.is_some() { token.chars().map(byte_of).collect() } else { Some(token.to_owned().into_bytes()) }
    }

    /// Whether a piece is an entry that only the whole-word look-up finds.
    pub fn is_whole(&self, piece: &[u8]) -> bool {
        self.whole.contains_key(piece)
    }

    /// Whether there are such entries.
    pub fn looks_up(&self) -> bool {
        !self.whole.is_empty()
    }
}

/// The byte that a character of the byte-level alphabet stands for.
fn byte_of(character: char) -> Option<u8> {
    const SIZE: usize = 0x144;
    const BYTES: [Option<u8>; SIZE] = {
        let mut bytes = [None; SIZE];
        let mut byte = 0u8;
        loop {
            bytes[BYTE_ALPHABET[byte as usize] as usize] = Some(byte);
            if byte == u8::MAX {
                break bytes;
            }
            byte += 1;
        }
    };
    BYTES.get(character as usize).copied().flatten()
}

#[cfg(test)]
#[path = "bpe_tests.rs"]
mod tests;
