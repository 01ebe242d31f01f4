//! Byte-pair tokenizers with random merges, over characters of several bytes: what safe splits must get right.

use proptest::prelude::*;
use serde_json::{Value, json};

/// What the tokens are made of and how spaces are written.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Bytes, behind a `ByteLevel` pre-tokeniser.
    Bytes,
    /// Characters with `▁` and byte fallback.
    Marked,
}

/// What becomes of characters without an entry in a vocabulary.
#[derive(Debug, Clone, Copy)]
pub struct Gaps {
    /// The unknown token.
    pub unknown: Option<&'static str>,
    /// So many of the 256 tokens of bytes are there; in a vocabulary of bytes those of [`LOST`] are missed first.
    pub bytes: u32,
}

/// Every character becomes its own token or those of its bytes.
pub const NO_GAPS: Gaps = Gaps { unknown: None, bytes: 256 };

/// Bytes at the beginning, in the middle and at the end of characters.
const LOST: &[u8] = &[0xB8, b'x', 0xE5, 0xAD, 0xD0, b'a', 0xA9];

fn byte_alphabet() -> Vec<String> {
    let printable = |b: u32| matches!(b, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut next = 256;
    let spell = |byte: u32| {
        let code = if printable(byte) { byte } else { next };
        next += u32::from(!printable(byte));
        char::from_u32(code).map(String::from)
    };
    (0..256).filter_map(spell).collect()
}

/// The symbols that merges start from: bytes of a few characters, or a few characters.
fn seeds(kind: Kind, alphabet: &[String]) -> Vec<String> {
    match kind {
        Kind::Bytes => "中文字éбa😀".bytes().chain(*b"ab").map(|byte| alphabet[usize::from(byte)].clone()).collect(),
        Kind::Marked => "▁ab中文é▁".chars().map(String::from).collect(),
    }
}

/// A tokenizer.json; merges join random neighbours of what there is so far.
pub fn tokenizer(kind: Kind, picks: &[(usize, usize)], ignore_merges: bool, gaps: Gaps) -> String {
    let mut tokens = match kind {
        Kind::Bytes => byte_alphabet(),
        Kind::Marked => {
            let bytes = (0..gaps.bytes).map(|byte| format!("<{byte:#04X}>"));
            let unknown = gaps.unknown.map(String::from);
            bytes.chain("▁ab中文é".chars().map(String::from)).chain(unknown).collect()
        }
    };
    let mut parts = seeds(kind, &tokens);
    if let Kind::Bytes = kind {
        let alphabet = tokens.clone();
        let lost: Vec<&String> =
            LOST.iter().take(256 - gaps.bytes as usize).map(|&byte| &alphabet[usize::from(byte)]).collect();
        parts.retain(|part| !lost.contains(&part));
        // An entry that no merge gives, as Whisper has one.
        tokens.retain(|token| !lost.contains(&token));
        tokens.extend(gaps.unknown.map(String::from).into_iter().chain((gaps.bytes < 256).then(String::new)));
    }
    let mut merges: Vec<[String; 2]> = Vec::new();
    for &(left, right) in picks {
        let pair = [parts[left % parts.len()].clone(), parts[right % parts.len()].clone()];
        let joined = pair.concat();
        let crosses = matches!(kind, Kind::Marked) && joined.trim_start_matches('▁').contains('▁');
        if joined.chars().count() <= 9 && !crosses && !merges.contains(&pair) {
            merges.push(pair);
            tokens.push(joined.clone());
            parts.push(joined);
        }
    }
    let mut vocabulary = serde_json::Map::new();
    for token in tokens {
        let next = vocabulary.len();
        vocabulary.entry(token).or_insert(json!(next));
    }
    let marked = matches!(kind, Kind::Marked);
    let pre_tokenizer = match kind {
        Kind::Bytes => {
            json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true})
        }
        Kind::Marked => {
            json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false})
        }
    };
    json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": Value::Null,
        "pre_tokenizer": pre_tokenizer, "post_processor": null, "decoder": null,
        "model": {"type": "BPE", "dropout": null, "unk_token": gaps.unknown, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": marked, "byte_fallback": marked && gaps.bytes > 0,
            "ignore_merges": ignore_merges && !marked, "vocab": vocabulary, "merges": merges}})
    .to_string()
}

/// Rows with long stretches of the characters that merges are about.
pub fn row() -> impl Strategy<Value = String> {
    proptest::string::string_regex("([中文字]{1,24}|[中文字éб😀]{1,16}|[ab]{1,30}|[ ▁]{0,3}|x){0,4}")
        .unwrap_or_else(|error| panic!("{error}"))
}
