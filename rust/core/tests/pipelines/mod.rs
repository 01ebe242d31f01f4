//! Tiny tokenizers of every kind, and the text that troubles them.

pub mod fuzz;
pub mod random;

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

const CL100K: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN_MARKS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const DEEPSEEK: [&str; 3] = [
    r"\p{N}{1,3}",
    "[一-龥\u{3040}-\u{309f}\u{30a0}-\u{30ff}]+",
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##,
];

const BLOOM: &str = " ?[^(\\s|[.,!?…。，、।۔،])]+";

const CODER: [&str; 4] =
    [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[\u{4e00}-\u{9fa5}\u{800}-\u{4e00}\u{ac00}-\u{d7ff}]+"];

/// Name, path that must be chosen, tokenizer.json.
pub static PIPELINES: LazyLock<Vec<(&str, &str, String)>> = LazyLock::new(|| {
    let bytes =
        |regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": regex});
    let split = |pattern: &str| {
        json!({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false}, bytes(false)]})
    };
    let isolate = |pattern: &str| json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
    let [numbers, ideographs, rest] = DEEPSEEK.map(isolate);
    let deepseek = json!({"type": "Sequence", "pretokenizers": [numbers, ideographs, rest, bytes(false)]});
    let lowercase = json!({"type": "Sequence", "normalizers": [
        {"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "}, {"type": "Lowercase"}]});
    let clip = |names: &str| {
        let pattern = [names, r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"].concat();
        json!({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": true}, bytes(true)]})
    };
    let names = r"<\|startoftext\|>|<\|endoftext\|>|";
    let [lines, letters, marked, wide] = CODER.map(isolate);
    let coder = json!({"type": "Sequence", "pretokenizers": [
        lines, letters, marked, wide, {"type": "Digits", "individual_digits": true}, bytes(false)]});
    let falcon = json!({"type": "Sequence", "pretokenizers": [
        {"type": "Punctuation", "behavior": "Contiguous"}, bytes(true), {"type": "Digits", "individual_digits": false},
        {"type": "Split", "pattern": {"Regex": "[0-9][0-9][0-9]"}, "behavior": "Isolated", "invert": false}]});
    let digits = |apart: bool| json!({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": apart}, bytes(true)]});
    let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let at_spaces =
        json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false});
    let prefixed = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true});
    let prepend = json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]});
    let metaspace =
        |scheme: &str| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false});
    let bert = |lowercase: bool, clean: bool, accents: Value| {
        json!({"type": "BertNormalizer", "clean_text": clean, "handle_chinese_chars": true, "strip_accents": accents,
               "lowercase": lowercase})
    };
    let collapse = json!({"type": "Sequence", "normalizers": [
        {"type": "Replace", "pattern": {"Regex": r"\s{2,}|[\n\r\t]"}, "content": " "}, {"type": "NFC"},
        {"type": "Strip", "strip_left": false, "strip_right": true}]});
    let words = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    let uncased = bert(true, true, Value::Null);
    let borders = json!({"type": "BertPreTokenizer"});
    vec![
        ("gpt2", "native:gpt2", tokenizer(Value::Null, bytes(true), byte_level_bpe(), &[])),
        ("gpt2-added", "native:gpt2", tokenizer(Value::Null, bytes(true), byte_level_bpe(), &added(true))),
        ("gpt2-prefix", "native:gpt2-prefixed", tokenizer(Value::Null, prefixed, byte_level_bpe(), &added(false))),
        ("digits", "native:digits", tokenizer(Value::Null, digits(true), byte_level_bpe(), &added(true))),
        ("digit-runs", "native:digits", tokenizer(json!({"type": "NFC"}), digits(false), byte_level_bpe(), &[])),
        ("neox", "native:gpt2", tokenizer(json!({"type": "NFC"}), bytes(true), byte_level_bpe(), &added(false))),
        ("cl100k", "native:cl100k", tokenizer(Value::Null, split(CL100K), byte_level_bpe(), &added(false))),
        ("qwen", "native:qwen", tokenizer(json!({"type": "NFC"}), split(QWEN), byte_level_bpe(), &[])),
        (
            "qwen-marks",
            "native:qwen-marks",
            tokenizer(json!({"type": "NFC"}), split(QWEN_MARKS), byte_level_bpe(), &added(false)),
        ),
        ("o200k", "native:o200k", tokenizer(Value::Null, split(O200K), byte_level_bpe(), &added(false))),
        ("tekken", "native:tekken", tokenizer(Value::Null, split(TEKKEN), byte_level_bpe(), &[])),
        ("deepseek", "native:deepseek", tokenizer(Value::Null, deepseek, byte_level_bpe(), &added(false))),
        ("bloom", "native:bloom", tokenizer(Value::Null, split(BLOOM), byte_level_bpe(), &added(false))),
        (
            "coder",
            "native:deepseek-coder",
            tokenizer(json!({"type": "Sequence", "normalizers": []}), coder, byte_level_bpe(), &added(false)),
        ),
        ("clip", "native:clip", tokenizer(lowercase.clone(), clip(""), suffixed(byte_level_bpe()), &added(true))),
        (
            "clip-spaced",
            "generic",
            tokenizer(lowercase.clone(), clip(""), suffixed(byte_level_bpe()), &[token("a  b", true, false)]),
        ),
        ("clip-named", "native:clip", tokenizer(lowercase, clip(names), suffixed(byte_level_bpe()), &added(false))),
        ("split-other", "generic", tokenizer(Value::Null, split(r"\s+|\S+"), byte_level_bpe(), &[])),
        ("falcon", "native:falcon", tokenizer(Value::Null, falcon, byte_level_bpe(), &[])),
        ("phi3", "native:metaspace", tokenizer(prepend.clone(), Value::Null, marked_bpe(), &added(false))),
        ("phi3-late", "native:metaspace", tokenizer(prepend, Value::Null, marked_bpe(), &added(true))),
        ("gemma", "native:metaspace", tokenizer(replace, at_spaces, marked_bpe(), &added(true))),
        ("mistral", "native:metaspace", tokenizer(Value::Null, metaspace("first"), marked_bpe(), &added(false))),
        ("always", "native:metaspace", tokenizer(Value::Null, metaspace("always"), marked_bpe(), &added(true))),
        ("never", "native:metaspace", tokenizer(Value::Null, metaspace("never"), marked_bpe(), &[])),
        ("bert", "native:bert", tokenizer(uncased.clone(), borders.clone(), word_piece(), &marks(false))),
        ("bert-late", "native:bert", tokenizer(uncased, borders.clone(), word_piece(), &marks(true))),
        (
            "bert-cased",
            "native:bert",
            tokenizer(bert(false, true, Value::Null), borders.clone(), word_piece(), &marks(true)),
        ),
        ("bert-dirty", "native:bert", tokenizer(bert(true, false, json!(false)), borders, word_piece(), &marks(false))),
        ("collapsed", "native:collapsed", tokenizer(collapse.clone(), words.clone(), unigram(), &added(false))),
        ("collapsed-late", "generic", tokenizer(collapse, words, unigram(), &added(true))),
        ("word-level", "generic", tokenizer(Value::Null, json!({"type": "Whitespace"}), word_level(), &added(true))),
        ("unigram", "generic", tokenizer(Value::Null, metaspace("always"), unigram(), &added(false))),
    ]
});

#[allow(clippy::needless_pass_by_value)] // called with values made in place
fn tokenizer(normalizer: Value, pre_tokenizer: Value, model: Value, added: &[Value]) -> String {
    json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer, "decoder": null, "model": model,
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "Q", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"Q": {"id": "Q", "ids": [0], "tokens": ["Q"]}}}})
    .to_string()
}

fn token(content: &str, normalized: bool, strip: bool) -> Value {
    json!({"id": 0, "content": content, "single_word": false, "lstrip": strip, "rstrip": false,
           "normalized": normalized, "special": true})
}

/// Nested and overlapping tokens, one that eats the whitespace before it.
fn added(normalized: bool) -> Vec<Value> {
    let plain = ["<x>", "<x><x>", "x><", "<|end|>"].map(|content| token(content, false, false));
    let mut tokens = plain.to_vec();
    tokens.push(token("<m>", normalized, true));
    tokens.push(token("<n>", normalized, false));
    tokens
}

fn marks(normalized: bool) -> Vec<Value> {
    vec![token("[X]", false, false), token("[Mask]", normalized, normalized), token("[N]", normalized, false)]
}

fn vocabulary(tokens: impl IntoIterator<Item = String>) -> Value {
    let mut vocabulary = serde_json::Map::new();
    for token in tokens {
        let next = vocabulary.len();
        vocabulary.entry(token).or_insert(json!(next));
    }
    Value::Object(vocabulary)
}

/// All bytes, and merges that reach over spaces, letters and digits, with equal pairs in a row.
fn byte_level_bpe() -> Value {
    let printable = |b: u32| matches!(b, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut alphabet: Vec<String> = Vec::new();
    let mut next = 256;
    for byte in 0..256u32 {
        let code = if printable(byte) { byte } else { next };
        next += u32::from(!printable(byte));
        alphabet.extend(char::from_u32(code).map(String::from));
    }
    // Borders of classes: the last byte on one side, the first on the other.
    let pairs = [
        "aB", "BA", "Ba", "中A", "A中", "\u{301}A", "A\u{301}", "\u{301}a", "ǅa", "Aǅ", "ʰA", "/\n", "\n/", "A'",
        "中'", "sA", "1²", "²1", ".²", "².", "²a", "a²", "½.", ".½", "٣.", ".٣", "\0.", ".\0", "\0\0", " \0", "\0 ",
        "\0\n", "1\0", "_a", "\na", "\ra", "a(", "(a", " (", "( ", "a|", "|a", "a؟", "؟a", "中.", ".中", "。a", " 中",
        " 。", "한a", "+a", "+.", ".+", "a+",
    ];
    let across = pairs.map(|pair| {
        let second = pair.char_indices().nth(1).map_or(0, |(at, _)| at);
        [second - 1, second].map(|at| alphabet[usize::from(pair.as_bytes()[at])].as_str()).join(" ")
    });
    let merges = [
        "a a", "Ġ a", "aa a", "Ġa a", "Ġ Ġ", "' s", "1 2", "12 1", "Ċ Ċ", "Ã ©", "a b", "b a", "Ġ .", ". .",
        // Across borders of every expression, so that a cut too many or too few shows.
        "¿ a", "Ċ Ġ", "Ġ Ċ", "a '", "' a", "1 a", "a 1", "Ġ 1", "1 .", ". Ċ", "s a", "č Ċ", "Ġ '",
    ];
    // These first, so that no other takes their parts.
    let merges: Vec<&str> = across.iter().map(String::as_str).chain(merges).collect();
    bpe(alphabet.clone(), &merges, &json!(null), false)
}

/// The same vocabulary where a suffix marks the last byte of a word; each merge also with what ends one.
pub fn suffixed(mut model: Value) -> Value {
    const SUFFIX: &str = "</w>";
    let parts = |model: &Value| -> Vec<[String; 2]> {
        let pair = |merge: &Value| match merge {
            Value::String(text) => text.split_once(' ').map(|(left, right)| [left.to_owned(), right.to_owned()]),
            pair => serde_json::from_value(pair.clone()).ok(),
        };
        model["merges"].as_array().into_iter().flatten().filter_map(pair).collect()
    };
    let last = |[left, right]: &[String; 2]| [left.clone(), [right, SUFFIX].concat()];
    let merges: Vec<_> = parts(&model).iter().flat_map(|pair| [last(pair), pair.clone()]).collect();
    if let Some(entries) = model["vocab"].as_object_mut() {
        let tokens: Vec<String> = entries.keys().filter(|token| !token.is_empty()).cloned().collect();
        for token in tokens {
            let next = entries.len();
            entries.entry([&token, SUFFIX].concat()).or_insert(json!(next));
        }
    }
    model["merges"] = json!(merges);
    model["end_of_word_suffix"] = json!(SUFFIX);
    model
}

/// Characters with `▁`, byte fallback for some, unknown for the rest.
fn marked_bpe() -> Value {
    let fallback = ["<0xC3>", "<0xA9>", "<0x0A>"].map(String::from);
    let alphabet = ["?", "▁", "a", "b", "s", "'", "1", "2", ".", "<", ">", "x"].map(String::from);
    let merges = ["▁ ▁", "▁ a", "a a", "▁a a", "aa a", "▁▁ ▁▁", "▁▁ a", "a b", "b a", "' s", "1 2"];
    bpe(alphabet.into_iter().chain(fallback).collect(), &merges, &json!("?"), true)
}

fn bpe(mut tokens: Vec<String>, merges: &[&str], unknown: &Value, fallback: bool) -> Value {
    tokens.extend(merges.iter().map(|pair| pair.replace(' ', "")));
    json!({"type": "BPE", "dropout": null, "unk_token": unknown, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": fallback, "byte_fallback": fallback, "ignore_merges": false,
        "vocab": vocabulary(tokens), "merges": merges})
}

fn word_piece() -> Value {
    let tokens =
        ["[UNK]", "a", "##a", "aa", "##b", "b", "s", "'", "1", "##2", "é", "e", "##e", "中", ".", "[", "]", "x"];
    json!({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 6, "vocab": vocabulary(tokens.map(String::from))})
}

fn word_level() -> Value {
    json!({"type": "WordLevel", "unk_token": "?", "vocab": vocabulary(["?", "a", "b", "aa", "."].map(String::from))})
}

fn unigram() -> Value {
    json!({"type": "Unigram", "unk_id": 0, "byte_fallback": false,
        "vocab": [["?", 0.0], ["▁", -2.0], ["a", -3.0], ["▁a", -3.5], ["aa", -6.0], ["b", -4.0], ["ab", -7.0], ["s", -5.0]]})
}

const FRAGMENTS: &[&str] = &[
    "\na",
    "\r\na",
    "_a",
    "_ab",
    "\0.",
    "\u{301}a",
    "'ſa",
    "'Sa",
    "\n a",
    "aB",
    "BA",
    "Ba",
    "ABC",
    "中A",
    "A中",
    "\u{301}A",
    "\u{301}'s",
    "ǅ",
    "ʰ",
    "A's",
    "中'Ll",
    "/",
    "/\n/",
    "!/\r\n//a",
    " \r\n  1",
    "a's",
    "a",
    "aa",
    "b",
    "ab",
    "A",
    "x",
    "e",
    "é",
    "e\u{301}",
    "\u{301}",
    "İ",
    "ſ",
    "ß",
    "Σ",
    "ς",
    "K",
    "中",
    "文",
    "あ",
    "한",
    "\u{1112}\u{1161}",
    "\u{f900}",
    "1",
    "12",
    "121",
    "1212",
    "²",
    "½",
    "٣",
    "Ⅷ",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\u{b}",
    "\u{c}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{3000}",
    "\u{200b}",
    "\u{200d}",
    "\u{180e}",
    "\u{feff}",
    "\0",
    "\u{fffd}",
    "\u{1}",
    "\u{7f}",
    "\u{ad}",
    "\u{378}",
    "\u{e000}",
    "\u{10ffff}",
    "'s",
    "'S",
    "'ſ",
    "'ll",
    "'lL",
    "'t",
    "'",
    "''",
    ".",
    "..",
    "!",
    "-",
    "_",
    "。",
    "«",
    "(",
    ")|",
    "…",
    "،",
    "؟",
    "€",
    "▁",
    "▁▁",
    " ▁",
    "<x>",
    "<x><x>",
    "<m>",
    " <m>",
    "<n>",
    "<N>",
    "<|end|>",
    "<|startoftext|>",
    "!<|EndOfText|>!",
    "[X]",
    "[x]",
    "[Mask]",
    "[mask]",
    "[ma\u{301}sk]",
    "[\0mask]",
    "[N]",
    "[n",
    "😀",
    "👩\u{200d}💻",
    "🇩🇪",
    "\u{600}",
    "\u{93f}",
    "\u{1f1e9}",
    "㋀",
    "ﬁ",
    "Å",
    "\u{212b}",
    "\u{f71}\u{f72}",
];

/// Rows made of what the rules are about: whitespace of all kinds, marks, contractions, added tokens, odd characters.
pub fn text() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![9 => proptest::sample::select(FRAGMENTS), 1 => Just("")];
    let any = any::<char>().prop_map(String::from);
    let piece = prop_oneof![12 => fragment.prop_map(String::from), 1 => any];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}
