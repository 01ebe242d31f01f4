//! Which tokenizers of a scan share the cutting and the table of pieces.
//!
//! **Who shares.** Tokenizers with native scanners of one kind and equal parameters that all have safe splits, or none:
//! GPT-2, `RoBERTa`, Phi-2, Whisper, GPT-NeoX and `SmolLM2`; the cased and uncased BERTs. Their vocabularies, merges,
//! added tokens and special tokens are their own.
//!
//! **What is shared.** A text goes through a shared table for just those of them to which it is *whole*: the search for
//! added tokens finds nothing in it, the normaliser that comes before the cut leaves it as it is, and nothing in it asks
//! for the library ([`AddedTokens::leaves_whole`]). Each of them alone would cut such a text in one segment, from its
//! beginning, by an equal scanner, and so into equal pieces. The others count it by themselves, as they would alone.
//!
//! **Long pieces** are split where no merge of *any* of them reaches across. The safe splits of a vocabulary are read
//! off the strings that its merges give ([`SafeSplits`]); those read off the strings of all of them together are safe
//! for each: the proof asks of a border that no such string reaches across it, and holds for any choice among such
//! borders. A piece is left whole if one of them looks it, or a part of it, up as a whole.
//!
//! [`AddedTokens::leaves_whole`]: crate::added::AddedTokens::leaves_whole

use std::sync::Arc;

use crate::cut::bert::Bert;
use crate::cut::bytelevel::{Cl100k, Gpt2};
use crate::cut::deepseek::DeepSeek;
use crate::cut::digits::Digits;
use crate::cut::falcon::Falcon;
use crate::cut::metaspace::Metaspace;
use crate::cut::o200k::O200k;
use crate::cut::words::Words;
use crate::cut::{Native, SafeSplits, Scanner};
use crate::engine::{Cutter, Engine};
use crate::piece::{Bpe, Model};

/// The tokenizers of a scan, in order, and which of them share.
#[derive(Debug)]
pub struct Engines {
    /// All of them.
    pub all: Vec<Arc<Engine>>,
    /// Places of those that share with none.
    pub alone: Vec<usize>,
    /// Those that share.
    pub groups: Vec<Group>,
}

/// Two or more tokenizers that cut alike.
#[derive(Debug)]
pub struct Group {
    /// Their places in the scan.
    pub members: Vec<usize>,
    engines: Vec<Arc<Engine>>,
    splits: Option<SafeSplits>,
}

impl Engines {
    /// Finds out who shares.
    pub fn new(all: Vec<Arc<Engine>>) -> Self {
        let mut alike: Vec<Vec<usize>> = Vec::new();
        for (index, engine) in all.iter().enumerate() {
            match alike.iter_mut().find(|others| cut_alike(&all[others[0]], engine)) {
                Some(others) => others.push(index),
                None => alike.push(vec![index]),
            }
        }
        let (groups, alone): (Vec<_>, Vec<_>) = alike.into_iter().partition(|members| members.len() > 1);
        let groups = groups.into_iter().map(|members| Group::new(&all, members)).collect();
        Self { groups, alone: alone.concat(), all }
    }
}

impl Group {
    fn new(all: &[Arc<Engine>], members: Vec<usize>) -> Self {
        let engines: Vec<_> = members.iter().map(|&index| Arc::clone(&all[index])).collect();
        let splits = splits(&engines);
        Self { members, engines, splits }
    }

    /// Whether a text is whole to the tokenizer at a place in the group.
    pub fn is_whole_to(&self, member: usize, text: &str) -> bool {
        native(&self.engines[member]).is_some_and(|native| native.added.leaves_whole(text))
    }

    /// Cuts a text that is whole to all for whom its pieces are counted. `emit(buffer, start, end)` gets each piece.
    #[inline]
    pub fn cut(&self, text: &str, emit: impl FnMut(&[u8], usize, usize)) {
        let Some(Native { scanner, .. }) = native(&self.engines[0]) else { return };
        match &self.splits {
            Some(splits) => {
                let is_whole = self.models().any(Bpe::looks_up).then_some(|part: &[u8]| self.is_whole(part));
                scanner.cut_and_split(splits, is_whole, text, true, emit);
            }
            None => scanner.cut(text, true, emit),
        }
    }

    /// Whether one of the tokenizers looks a piece up as a whole.
    fn is_whole(&self, piece: &[u8]) -> bool {
        self.models().any(|model| model.is_whole(piece))
    }

    fn models(&self) -> impl Iterator<Item = &Bpe> {
        self.engines.iter().filter_map(|engine| match &native(engine)?.pieces.model {
            Model::Bpe(model) => Some(&**model),
            _ => None,
        })
    }
}

fn native(engine: &Engine) -> Option<&Native> {
    match &engine.cutter {
        Cutter::Native(native) => Some(native),
        Cutter::Generic(_) | Cutter::Row => None,
    }
}

/// Whether two tokenizers cut each text that is whole to both into the same pieces, and may split these alike.
fn cut_alike(one: &Engine, other: &Engine) -> bool {
    let (Some(one), Some(other)) = (native(one), native(other)) else { return false };
    one.splits.is_some() == other.splits.is_some() && are_equal(&one.scanner, &other.scanner)
}

/// Compares scanners field by field, but for tables of characters where there is one for each use.
fn are_equal(one: &Scanner, other: &Scanner) -> bool {
    use Scanner as S;
    match (one, other) {
        (S::Gpt2(Gpt2 { classes: _ }), S::Gpt2(_))
        | (S::Gpt2Prefixed(Gpt2 { classes: _ }), S::Gpt2Prefixed(_))
        | (S::DeepSeek(DeepSeek { classes: _ }), S::DeepSeek(_)) => true,
        (S::Digits(one), S::Digits(other)) => {
            let Digits { gpt2: Gpt2 { classes: _ }, numeric: _, individual } = &**one;
            *individual == other.individual
        }
        (S::Cl100k(Cl100k { classes, digits }), S::Cl100k(other)) => {
            std::ptr::eq(*classes, other.classes) && *digits == other.digits
        }
        (S::O200k(O200k { classes: _, contractions, digits }), S::O200k(other)) => {
            (*contractions, *digits) == (other.contractions, other.digits)
        }
        (S::Falcon(one), S::Falcon(_)) => {
            let Falcon { gpt2: Gpt2 { classes: _ }, punctuation: _, numeric: _ } = &**one;
            true
        }
        (S::Bert(Bert { ideographs }), S::Bert(other)) => *ideographs == other.ideographs,
        (S::Words(Words { beside: _, lines }), S::Words(other)) => *lines == other.lines,
        (S::Metaspace(Metaspace { prepend }), S::Metaspace(other)) => *prepend == other.prepend,
        _ => false,
    }
}

/// The splits that are safe for all of the tokenizers; `None` if theirs are not known.
fn splits(engines: &[Arc<Engine>]) -> Option<SafeSplits> {
    let mut tokens = Vec::new();
    let mut absent = Vec::new();
    let mut marked = false;
    for native in engines.iter().filter_map(|engine| native(engine)) {
        let (Some(_), Model::Bpe(model)) = (&native.splits, &native.pieces.model) else { return None };
        tokens.extend(model.results()?);
        absent.extend(model.absent());
        marked |= matches!(native.scanner, Scanner::Metaspace(_));
    }
    Some(SafeSplits::new(&tokens, &absent, marked))
}
