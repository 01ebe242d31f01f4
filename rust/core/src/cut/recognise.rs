//! Which native path fits a pipeline, judged from the crate's canonical form of it; anything else is refused.

use serde_json::{Value, json};
use tokenizers::{Model as _, ModelWrapper};
use unicode_categories::UnicodeCategories;

use super::Scanner;
use super::bert::Bert;
use super::bloom::{self, Bloom};
use super::bytelevel::{Cl100k, Gpt2};
use super::clip::Clip;
use super::coder::Coder;
use super::deepseek::DeepSeek;
use super::digits::Digits;
use super::falcon::Falcon;
use super::metaspace::{Metaspace, Prepend};
use super::o200k::O200k;
use super::precompiled::{marks, words};
use super::safe::SafeSplits;
use crate::added::{AddedTokens, Guard, Normalization};
use crate::piece::{BYTE_ALPHABET, Model, PieceTokenizer, Spelling};
use crate::tokenizer::Loaded;
use crate::unicode::{
    CharTable, bloom_classes, case_classes, classes_with_marks, coder_classes, deepseek_classes, regex_classes,
};

/// A native path: how to find added tokens, how to cut, and how to tokenise a piece.
#[derive(Debug)]
pub struct Native {
    /// Short name of the pipeline, shown in results.
    pub name: &'static str,
    /// The search for added tokens.
    pub added: AddedTokens,
    /// The scanner.
    pub scanner: Scanner,
    /// What makes ids of a piece.
    pub pieces: PieceTokenizer,
    /// Where pieces may be split further.
    pub splits: Option<SafeSplits>,
}

impl Native {
    /// What was found to fit a pipeline.
    pub fn new(name: &'static str, added: AddedTokens, scanner: Scanner, pieces: PieceTokenizer) -> Self {
        let marked = matches!(scanner, Scanner::Metaspace(_));
        let splits = match &pieces.model {
            // The model must see the very characters of the piece.
            _ if matches!(scanner, Scanner::Marks(_) | Scanner::Collapsed(_)) => None,
            Model::Bpe(model) if model.is_plain() => {
                model.results().map(|of| SafeSplits::new(&of, &model.absent(), marked))
            }
            _ => None,
        };
        Self { name, added, scanner, pieces, splits }
    }

    /// How pieces are split and tokenised, in words.
    pub fn described(&self) -> String {
        let splits = if self.splits.is_some() { "long pieces split where no merge reaches across, " } else { "" };
        format!("{splits}each tokenised by {}", self.pieces.model.name())
    }

    /// Cuts a segment into pieces; `begins` if it is the beginning of its row. `emit(buffer, start, end)` gets each.
    #[inline]
    pub fn cut(&self, segment: &str, begins: bool, emit: impl FnMut(&[u8], usize, usize)) {
        let (Some(splits), Model::Bpe(model)) = (&self.splits, &self.pieces.model) else {
            return self.scanner.cut(segment, begins, emit);
        };
        let is_whole = model.looks_up().then_some(|part: &[u8]| model.is_whole(part));
        self.scanner.cut_and_split(splits, is_whole, segment, begins, emit);
    }
}

const CL100K: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Marks are letters: one may also stand before them as any other character may, which gives the same matches.
const QWEN_MARKS: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*",
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const O200K: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const TEKKEN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

const CLIP: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

const IDEOGRAPHS: &str = "[一-龥\u{3040}-\u{309f}\u{30a0}-\u{30ff}]+";
const CODER_WIDE: &str = "[\u{4e00}-\u{9fa5}\u{800}-\u{4e00}\u{ac00}-\u{d7ff}]+";
const DEEPSEEK: &str = concat!(
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"##,
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// The native path for a tokenizer, or why there is none.
///
/// # Errors
/// The reason, in words.
pub fn recognise(loaded: &Loaded) -> Result<Native, String> {
    match loaded.inner.get_model() {
        ModelWrapper::BPE(model) => {
            if model.continuing_subword_prefix.as_deref().is_some_and(|prefix| !prefix.is_empty()) {
                return Err("its BPE model marks word parts with a prefix".to_owned());
            }
            if model.end_of_word_suffix.as_deref().is_some_and(|suffix| !suffix.is_empty()) {
                return byte_level(loaded).map_err(|reason| format!("its BPE model marks the ends of words; {reason}"));
            }
            let or = |reason: String| move |other: String| format!("{reason}; {other}");
            byte_level(loaded)
                .or_else(|reason| metaspace(loaded).map_err(or(reason)))
                .or_else(|reason| marks(loaded).map_err(or(reason)))
        }
        ModelWrapper::WordPiece(_) => bert(loaded),
        ModelWrapper::Unigram(_) => {
            words(loaded).or_else(|reason| marks(loaded).map_err(|other| format!("{reason}; {other}")))
        }
        ModelWrapper::WordLevel(_) => Err("word-level models have no native path".to_owned()),
    }
}

/// A `ByteLevel` pre-tokeniser without prefix space, whatever its offsets do.
fn is_byte_level(part: &Value, use_regex: bool) -> bool {
    is_any_byte_level(part, use_regex, false)
}

fn is_any_byte_level(part: &Value, use_regex: bool, prefix: bool) -> bool {
    [true, false].into_iter().any(|trim| {
        *part == json!({"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, "use_regex": use_regex})
    })
}

/// Whether `Digits` sets each digit apart; `None` if it is another pre-tokeniser.
fn digits_apart(part: &Value) -> Option<bool> {
    [true, false].into_iter().find(|apart| *part == json!({"type": "Digits", "individual_digits": apart}))
}

fn split_regex(part: &Value, pattern: &str) -> bool {
    // The expression matches every character, so that keeping the matches is the same as isolating them.
    [("Isolated", false), ("Removed", true)].into_iter().any(|(behavior, invert)| {
        *part == json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert})
    })
}

/// The same for an expression that leaves gaps.
fn isolates(part: &Value, pattern: &str) -> bool {
    *part == json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false})
}

fn byte_level(loaded: &Loaded) -> Result<Native, String> {
    let normalization = match &loaded.normalizer {
        Value::Null => Normalization::None,
        nfc if *nfc == json!({"type": "NFC"}) => Normalization::Nfc,
        none if *none == json!({"type": "Sequence", "normalizers": []}) => Normalization::None,
        clip if *clip == lowercase_words() => Normalization::NfcLowercase,
        _ => return Err("its normaliser is not one of the byte-level family's".to_owned()),
    };
    let classes = regex_classes().ok_or("the library's character classes overlap")?;
    let pre = &loaded.pre_tokenizer;
    let parts = pre["pretokenizers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let sequence = pre["type"] == "Sequence" && pre.as_object().is_some_and(|fields| fields.len() == 2);
    let (name, scanner) = match parts {
        // What becomes of whitespace is not followed.
        [split, bytes] if sequence && normalization == Normalization::NfcLowercase => {
            let named = words_kept(split).filter(|_| is_byte_level(bytes, true));
            let named = named.ok_or("its pre-tokeniser is not CLIP's")?;
            ("clip", Scanner::Clip(Clip { classes, named }))
        }
        _ if normalization == Normalization::NfcLowercase => return Err("its pre-tokeniser is not CLIP's".to_owned()),
        _ if is_byte_level(pre, true) => ("gpt2", Scanner::Gpt2(Gpt2 { classes })),
        _ if is_any_byte_level(pre, true, true) => ("gpt2-prefixed", Scanner::Gpt2Prefixed(Gpt2 { classes })),
        [digits, bytes] if sequence && digits_apart(digits).is_some() && is_byte_level(bytes, true) => {
            let numeric = CharTable::build(|code| u8::from(char::from_u32(code).is_some_and(char::is_numeric)));
            let individual = digits_apart(digits) == Some(true);
            let gpt2 = Gpt2 { classes };
            ("digits", Scanner::Digits(Box::new(Digits { gpt2, numeric, individual })))
        }
        [split, bytes] if sequence && split_regex(split, CL100K) && is_byte_level(bytes, false) => {
            ("cl100k", Scanner::Cl100k(Cl100k { classes, digits: 3 }))
        }
        [split, bytes] if sequence && split_regex(split, QWEN) && is_byte_level(bytes, false) => {
            ("qwen", Scanner::Cl100k(Cl100k { classes, digits: 1 }))
        }
        [split, bytes] if sequence && split_regex(split, QWEN_MARKS) && is_byte_level(bytes, false) => {
            let classes = classes_with_marks().ok_or("the library's character classes overlap")?;
            ("qwen-marks", Scanner::Cl100k(Cl100k { classes, digits: 1 }))
        }
        [split, bytes] if sequence && isolates(split, &format!(" ?{}", bloom::WORD)) && is_byte_level(bytes, false) => {
            ("bloom", Scanner::Bloom(Bloom { classes: bloom_classes().ok_or("the library's classes are not known")? }))
        }
        [split, bytes] if sequence && split_regex(split, O200K) && is_byte_level(bytes, false) => {
            ("o200k", by_case(true, 3)?)
        }
        [split, bytes] if sequence && split_regex(split, TEKKEN) && is_byte_level(bytes, false) => {
            ("tekken", by_case(false, 1)?)
        }
        [numbers, ideographs, rest, bytes]
            if sequence
                && isolates(numbers, r"\p{N}{1,3}")
                && isolates(ideographs, IDEOGRAPHS)
                && isolates(rest, DEEPSEEK)
                && is_byte_level(bytes, false) =>
        {
            let classes = deepseek_classes().ok_or("the library's character classes overlap")?;
            ("deepseek", Scanner::DeepSeek(DeepSeek { classes }))
        }
        [lines, letters, punctuation, wide, digits, bytes]
            if sequence
                && isolates(lines, r"[\r\n]")
                && isolates(letters, r"\s?\p{L}+")
                && isolates(punctuation, r"\s?\p{P}+")
                && isolates(wide, CODER_WIDE)
                && digits_apart(digits) == Some(true)
                && is_byte_level(bytes, false) =>
        {
            (
                "deepseek-coder",
                Scanner::Coder(Coder { classes: coder_classes().ok_or("the library's classes overlap")? }),
            )
        }
        [punctuation, bytes, digits, threes]
            if sequence
                && *punctuation == json!({"type": "Punctuation", "behavior": "Contiguous"})
                && is_byte_level(bytes, true)
                && *digits == json!({"type": "Digits", "individual_digits": false})
                && split_regex(threes, "[0-9][0-9][0-9]") =>
        {
            ("falcon", Scanner::Falcon(Box::new(falcon(classes))))
        }
        _ => return Err("its pre-tokeniser is not one that has a native scanner".to_owned()),
    };
    let added = AddedTokens::new(loaded, normalization, false)?;
    Ok(Native::new(name, added, scanner, PieceTokenizer::new(loaded, Spelling::ByteLevel)))
}

/// CLIP's normaliser.
fn lowercase_words() -> Value {
    json!({"type": "Sequence", "normalizers": [
        {"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "}, {"type": "Lowercase"}]})
}

/// Whether the expression whose matches a pre-tokeniser keeps is CLIP's with the names of tokens before it; `None` if it is
/// another.
fn words_kept(part: &Value) -> Option<bool> {
    let keeps = |names: &str| {
        let pattern = [names, CLIP].concat();
        *part == json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": true})
    };
    [("", false), (r"<\|startoftext\|>|<\|endoftext\|>|", true)]
        .into_iter()
        .find_map(|(names, named)| keeps(names).then_some(named))
}

fn by_case(contractions: bool, digits: usize) -> Result<Scanner, String> {
    let classes = case_classes().ok_or("the library's classes of letters overlap or leave gaps")?;
    Ok(Scanner::O200k(O200k { classes, contractions, digits }))
}

/// The scanner for Falcon, from the character classes of the library.
pub fn falcon(classes: &'static CharTable) -> Falcon {
    let punctuation = |code: u32| {
        char::from_u32(code).is_some_and(|c| c.is_ascii_punctuation() || UnicodeCategories::is_punctuation(c))
    };
    Falcon {
        gpt2: Gpt2 { classes },
        punctuation: CharTable::build(|code| u8::from(punctuation(code))),
        numeric: BYTE_ALPHABET.map(char::is_numeric),
    }
}

fn bert(loaded: &Loaded) -> Result<Native, String> {
    let normalizer = &loaded.normalizer;
    let fields = ["type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"];
    let known = normalizer.as_object().is_some_and(|object| object.keys().all(|key| fields.contains(&key.as_str())));
    if !known || normalizer["type"] != "BertNormalizer" || loaded.pre_tokenizer != json!({"type": "BertPreTokenizer"}) {
        return Err("its normaliser and pre-tokeniser are not BERT's".to_owned());
    }
    let flag = |name: &str| normalizer[name].as_bool().ok_or(format!("its BertNormalizer has no {name:?}"));
    let lowercase = flag("lowercase")?;
    let added = AddedTokens::new(loaded, Normalization::Later(Guard::Bert), lowercase)?;
    let scanner = Scanner::Bert(Bert { ideographs: flag("handle_chinese_chars")? });
    let pieces = PieceTokenizer::new(loaded, Spelling::bert(lowercase, loaded.inner.get_normalizer().cloned()));
    Ok(Native::new("bert", added, scanner, pieces))
}

fn metaspace(loaded: &Loaded) -> Result<Native, String> {
    let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let prepended = json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, &replace]});
    let scheme = |name: &str| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": name, "split": false});
    let (normalization, prepend) = if loaded.normalizer == prepended && loaded.pre_tokenizer.is_null() {
        (Normalization::Later(Guard::Spaces), Prepend::Blindly)
    } else if loaded.normalizer == replace && is_without_spaces(&loaded.pre_tokenizer) {
        (Normalization::Later(Guard::Spaces), Prepend::Never)
    } else if loaded.normalizer.is_null() {
        let schemes = [("always", Prepend::Always), ("first", Prepend::First), ("never", Prepend::Never)];
        let found = schemes.into_iter().find(|(name, _)| loaded.pre_tokenizer == scheme(name));
        let (_, prepend) = found.ok_or("its pre-tokeniser is not Metaspace without a split")?;
        (Normalization::None, prepend)
    } else {
        return Err("its normaliser is not Llama's".to_owned());
    };
    let pieces = PieceTokenizer::new(loaded, Spelling::Metaspace);
    safe_before_mark(loaded, &pieces.model)?;
    let added = AddedTokens::new(loaded, normalization, false)?;
    Ok(Native::new("metaspace", added, Scanner::Metaspace(Metaspace { prepend }), pieces))
}

/// A pre-tokeniser that does nothing to a text without spaces (Gemma's splits at spaces that its normaliser replaced).
fn is_without_spaces(pre_tokenizer: &Value) -> bool {
    let behaviors = ["MergedWithPrevious", "MergedWithNext", "Isolated", "Contiguous", "Removed"];
    pre_tokenizer.is_null()
        || behaviors.into_iter().any(|behavior| {
            *pre_tokenizer
                == json!({"type": "Split", "pattern": {"String": " "}, "behavior": behavior, "invert": false})
        })
}

/// The condition of the safe split (see [`super::metaspace`]).
fn safe_before_mark(loaded: &Loaded, native: &Model) -> Result<(), String> {
    let (ModelWrapper::BPE(model), Model::Bpe(native)) = (loaded.inner.get_model(), native) else {
        return Err("its model is not one that is fully understood".to_owned());
    };
    if model.ignore_merges {
        return Err("its model looks whole rows up in the vocabulary (ignore_merges)".to_owned());
    }
    if model.token_to_id("▁").is_none() {
        return Err("▁ is no entry of its vocabulary".to_owned());
    }
    let shows = |unknown: &String| !unknown.trim_start_matches('▁').is_empty();
    if !native.falls_back_wholly() && !model.unk_token.as_ref().is_some_and(shows) {
        return Err("a character without a token leaves no trace in it, so that ▁ merges across".to_owned());
    }
    let crosses = |token: &str| token.trim_start_matches('▁').contains('▁');
    match model.get_vocab().keys().find(|token| crosses(token)) {
        Some(token) => Err(format!("entry {token:?} of its vocabulary crosses a word border")),
        None => Ok(()),
    }
}
