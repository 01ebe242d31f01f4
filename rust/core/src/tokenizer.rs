//! tokenizer.json made ready: truncation and padding off, fingerprint, special tokens of a row.

use std::borrow::Cow;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::{Encoding, Model, ModelWrapper, PostProcessorWrapper, Tokenizer};

use crate::error::{Error, Result};

/// Runs code of the library; a panic inside it becomes an error.
pub fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|&text| text.to_owned()));
        Err(Error::Panic { reason: text.unwrap_or_else(|| "no message".to_owned()) })
    })
}

/// A tokenizer as the crate loaded it, and what its file said.
#[derive(Debug)]
pub struct Loaded {
    /// The crate's object; truncates only if that was asked for, never pads.
    pub inner: Tokenizer,
    /// For truncated pairs: what gives each sequence whole, and what truncates and post-processes the two sequences.
    pairing: Option<Box<[Tokenizer; 2]>>,
    /// Largest id + 1 over vocabulary and added tokens.
    pub size: u32,
    /// The file truncates.
    pub has_truncation: bool,
    /// The file pads.
    pub has_padding: bool,
    /// The crate's canonical form of the normaliser; `Null` if there is none.
    pub normalizer: Value,
    /// The crate's canonical form of the pre-tokeniser; `Null` if there is none.
    pub pre_tokenizer: Value,
}

/// Ids from this on are refused: each worker has a count for every id up to the largest.
const TOO_LARGE: u32 = 1 << 26;

/// The fingerprint of a tokenizer.json.
///
/// # Errors
/// As [`Loaded::new`].
pub fn fingerprint(json: &[u8]) -> Result<String> {
    Loaded::new(json, false)?.fingerprint()
}

/// Whether a file is JSON with a model, as a tokenizer.json has one; all else of it is for the crate to judge.
///
/// # Errors
/// [`Error::Tokenizer`] if it is no JSON.
pub fn has_model(json: &[u8]) -> Result<bool> {
    let text = std::str::from_utf8(json).map_err(|e| tokenizer_error(&e))?;
    match serde_json::from_str::<HashMap<Cow<str>, &RawValue>>(text) {
        Ok(parts) => Ok(parts.get("model").is_some_and(|model| model.get().starts_with('{'))),
        Err(error) if error.is_data() => Ok(false), // JSON of another kind
        Err(error) => Err(tokenizer_error(&error)),
    }
}

fn tokenizer_error(reason: &impl ToString) -> Error {
    Error::Tokenizer { reason: reason.to_string() }
}

fn unsound(reason: String) -> Error {
    Error::Unsound { reason }
}

impl Loaded {
    /// Loads a tokenizer.json; `truncate` keeps the truncation that the file asks for.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if the crate cannot load it, [`Error::Unsound`] if it cannot be counted with.
    pub fn new(json: &[u8], truncate: bool) -> Result<Self> {
        guarded(|| Self::load(json, truncate))
    }

    fn load(json: &[u8], truncate: bool) -> Result<Self> {
        let mut inner: Tokenizer = serde_json::from_slice(json).map_err(|e| tokenizer_error(&e))?;
        refuse_added(&inner)?;
        let size = size(&inner, largest_id(inner.get_model())?);
        refuse_large(&inner, size)?;
        let truncation = inner.get_truncation().cloned();
        let has_padding = inner.get_padding().is_some();
        inner.with_truncation(None).map_err(|e| tokenizer_error(&e))?;
        inner.with_padding(None);
        let has_truncation = truncation.is_some();
        let mut pairing = None;
        if truncate && has_truncation {
            let mut tokenizer = Tokenizer::new(WordLevel::default());
            tokenizer.with_post_processor(inner.get_post_processor().cloned());
            tokenizer.with_truncation(truncation.clone()).map_err(|e| tokenizer_error(&e))?;
            // Without its post-processor, whose template for single texts has no say in a pair.
            let mut plain = inner.clone();
            plain.with_post_processor(None::<PostProcessorWrapper>);
            pairing = Some(Box::new([plain, tokenizer]));
        }
        if truncate {
            inner.with_truncation(truncation).map_err(|e| tokenizer_error(&e))?;
        }
        Ok(Self {
            size,
            has_truncation,
            has_padding,
            normalizer: serde_json::to_value(inner.get_normalizer()).map_err(|e| tokenizer_error(&e))?,
            pre_tokenizer: serde_json::to_value(inner.get_pre_tokenizer()).map_err(|e| tokenizer_error(&e))?,
            inner,
            pairing,
        })
    }

    /// sha256, in hex, of the crate's own serialisation without truncation and padding.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if the crate cannot serialise it.
    pub fn fingerprint(&self) -> Result<String> {
        let mut plain = Cow::Borrowed(&self.inner);
        if self.inner.get_truncation().is_some() {
            plain.to_mut().with_truncation(None).map_err(|e| tokenizer_error(&e))?;
        }
        let canonical = plain.to_string(false).map_err(|e| tokenizer_error(&e))?;
        let digest = Sha256::digest(canonical.as_bytes());
        Ok(digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
    }

    /// Switches the model's own cache off: every piece reaches it once, and the cache is one lock for all threads.
    pub fn disable_cache(&mut self) {
        let mut model = self.inner.get_model().clone();
        model.resize_cache(0);
        self.inner.with_model(model);
    }

    /// The model draws lots (BPE dropout, Unigram sampling), so that equal pieces need not give equal ids.
    pub fn is_random(&self) -> bool {
        match self.inner.get_model() {
            ModelWrapper::BPE(model) => model.dropout.is_some_and(|p| p > 0.0),
            ModelWrapper::Unigram(model) => model.alpha.is_some_and(|alpha| alpha != 0.0),
            _ => false,
        }
    }

    /// The contents of ids, an empty one where there is no token; an added token goes before a vocabulary entry of the
    /// same id.
    pub fn tokens(&self, ids: &[u32]) -> Vec<String> {
        let added = self.inner.get_added_vocabulary().get_added_tokens_decoder();
        let model = self.inner.get_model();
        let content = |id| added.get(id).map(|token| token.content.clone()).or_else(|| model.id_to_token(*id));
        ids.iter().map(|id| content(id).unwrap_or_default()).collect()
    }

    /// The ids of a text, or of a pair, through the whole of the crate.
    ///
    /// # Errors
    /// [`Error::Text`] with what the crate says.
    pub fn encode(&self, text: &str, pair: Option<&str>, add_special_tokens: bool) -> Result<Encoding> {
        let encoded = match (pair, &self.pairing) {
            (None, _) => self.inner.encode_fast(text, add_special_tokens),
            (Some(pair), None) => self.inner.encode_fast((text, pair), add_special_tokens),
            (Some(pair), Some(pairing)) => truncated_pair(pairing, [text, pair], add_special_tokens),
        };
        encoded.map_err(|e| Error::Text { reason: e.to_string() })
    }

    /// The ids that the post-processor adds to every row (or pair), if it does nothing else; else `None`.
    ///
    /// Found by giving it rows of one impossible id: it must come back exactly once for each sequence, in order.
    pub fn row_specials(&self, pair: bool, add_special_tokens: bool) -> Option<Vec<u32>> {
        guarded(|| Ok(self.probe_specials(pair, add_special_tokens))).ok().flatten()
    }

    fn probe_specials(&self, pair: bool, add_special_tokens: bool) -> Option<Vec<u32>> {
        let process = |lengths: [usize; 2]| {
            let marked = |mark: u32, length: usize| {
                Encoding::from_tokens(vec![tokenizers::Token::new(mark, String::new(), (0, 0)); length], 0)
            };
            let second = pair.then(|| marked(u32::MAX - 1, lengths[1]));
            let encoding = self.inner.post_process(marked(u32::MAX, lengths[0]), second, add_special_tokens).ok()?;
            let (marks, specials): (Vec<u32>, Vec<u32>) =
                encoding.get_ids().iter().partition(|&&id| id >= u32::MAX - 1);
            let mut expected = vec![u32::MAX; lengths[0]];
            expected.extend(vec![u32::MAX - 1; if pair { lengths[1] } else { 0 }]);
            (marks == expected).then_some(specials)
        };
        let specials = process([1, 1])?;
        let constant = [[0, 0], [3, 2], [0, 1], [1, 0]].into_iter().all(|l| process(l).as_ref() == Some(&specials));
        constant.then_some(specials)
    }
}

/// A truncated pair. The crate (0.23.2) stops each sequence at the length of the whole and then takes that for the
/// sequence's length, so that "longest first" cuts the wrong one; the wheel 0.23.3 does not, and neither do we.
fn truncated_pair(
    [whole, cutter]: &[Tokenizer; 2],
    texts: [&str; 2],
    add_special_tokens: bool,
) -> tokenizers::Result<Encoding> {
    let [first, second] = texts.map(|text| whole.encode_fast(text, false));
    cutter.post_process(first?, Some(second?), add_special_tokens)
}

/// Added tokens that become the same text when normalised are looked up in the order of a hash map, which differs from
/// load to load: which of them a text gives is chance. One that becomes nothing is found everywhere, and beside others
/// sends the crate round in circles.
fn refuse_added(inner: &Tokenizer) -> Result<()> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    let added = inner.get_added_vocabulary();
    for (id, token) in added.get_added_tokens_decoder().iter().filter(|(_, token)| token.normalized) {
        let text = added.simple_id_to_token(*id).unwrap_or_default();
        if text.is_empty() {
            return Err(unsound(format!(
                "its added token {:?} is nothing after normalisation, so that the library would find it everywhere; mark \
                 it \"normalized\": false, or leave it out",
                token.content
            )));
        }
        if let Some(other) = seen.insert(text, &token.content) {
            let [first, second] =
                if other < token.content.as_str() { [other, &token.content] } else { [&token.content, other] };
            return Err(unsound(format!(
                "its added tokens {first:?} and {second:?} are the same after normalisation, and the library finds one or \
                 the other by chance; mark one of them \"normalized\": false"
            )));
        }
    }
    Ok(())
}

/// Of two entries with one id, the crate serialises and names the one or the other by chance, so that fingerprints and
/// names would differ from load to load. A Unigram model's ids are its pieces' places, which are never shared.
///
/// Gives the largest id, if there is one.
fn largest_id(model: &ModelWrapper) -> Result<Option<u32>> {
    let vocabulary = model.get_vocab();
    let mut ids: Vec<u32> = vocabulary.values().copied().collect();
    ids.sort_unstable();
    let Some(two) = ids.windows(2).find(|two| two[0] == two[1]) else { return Ok(ids.last().copied()) };
    let mut tokens: Vec<&String> = vocabulary.iter().filter(|&(_, id)| *id == two[0]).map(|(token, _)| token).collect();
    tokens.sort_unstable();
    Err(unsound(format!(
        "its tokens {:?} and {:?} share the id {}, so that counts could not tell them apart; give each token an id of its own",
        tokens[0], tokens[1], two[0]
    )))
}

fn refuse_large(inner: &Tokenizer, size: u32) -> Result<()> {
    if size <= TOO_LARGE {
        return Ok(());
    }
    let id = size - 1;
    let token = inner.id_to_token(id).unwrap_or_default();
    Err(unsound(format!(
        "its token {token:?} has the id {id}, and there is to be a count for every id up to the largest; number the tokens \
         in a row, below {TOO_LARGE}"
    )))
}

fn size(inner: &Tokenizer, largest: Option<u32>) -> u32 {
    let listed = largest.map_or(0, |id| id.saturating_add(1));
    let counted = match inner.get_model() {
        // A duplicated piece is listed once but keeps both ids.
        ModelWrapper::Unigram(model) => u32::try_from(model.get_vocab_size()).unwrap_or(u32::MAX),
        _ => 0,
    };
    let added = inner.get_added_vocabulary().get_added_tokens_decoder();
    let added = added.keys().max().map_or(0, |id| id.saturating_add(1));
    listed.max(counted).max(added)
}
