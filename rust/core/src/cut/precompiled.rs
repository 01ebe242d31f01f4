//! Which native path fits a pipeline with `Precompiled`, `SentencePiece`'s table of rewritten characters.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Scanner;
use super::collapsed::Collapsed;
use super::marks::Marks;
use super::recognise::Native;
use super::words::Words;
use crate::added::{AddedTokens, Guard, Normalization};
use crate::piece::{Characters, PieceTokenizer, Spaces, Spelling};
use crate::tokenizer::Loaded;
use crate::unicode::{beside_space, may_be_space};

/// The pre-tokeniser of all of them.
fn mark() -> Value {
    json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true})
}

/// `Precompiled` and what printable ASCII, a space and a line feed become by it.
struct Rewriting {
    ascii: bool,
    space: Option<String>,
    line: Option<String>,
    characters: Characters,
}

impl Rewriting {
    fn new(precompiled: &Value) -> Option<Self> {
        let fields = precompiled.as_object()?;
        if precompiled["type"] != "Precompiled"
            || fields.keys().any(|key| key != "type" && key != "precompiled_charsmap")
        {
            return None;
        }
        let characters = crate::piece::precompiled(serde_json::from_value(precompiled.clone()).ok()?);
        let same = |text: String| characters.normalized(&text).is_some_and(|normal| normal == text);
        let ascii = (b'!'..=b'~').all(|code| same(char::from(code).to_string()));
        let (space, line) = (characters.normalized(" "), characters.normalized("\n"));
        Some(Self { ascii, space, line, characters })
    }
}

/// T5's pipeline: words between whitespace.
///
/// # Errors
/// Why it is another, in words.
pub fn words(loaded: &Loaded) -> Result<Native, String> {
    let sequence = json!({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, mark()]});
    let rewriting = Rewriting::new(&loaded.normalizer).filter(|_| loaded.pre_tokenizer == sequence);
    let Some(Rewriting { characters, ascii, space, line }) = rewriting else {
        return Err("its normaliser and pre-tokeniser are not T5's".to_owned());
    };
    let is_space = |text: &Option<String>| {
        text.as_ref().is_some_and(|text| !text.is_empty() && text.chars().all(char::is_whitespace))
    };
    if !is_space(&space) {
        return Err("its normaliser does not keep spaces as whitespace".to_owned());
    }
    let added = AddedTokens::new(loaded, Normalization::Later(Guard::Forbid), false)?;
    let scanner = Scanner::Words(Words { beside: beside_space(), lines: is_space(&line) });
    Ok(Native::new("words", added, scanner, PieceTokenizer::new(loaded, Spelling::Words { ascii, characters })))
}

/// XLM-R's: words with the space before them.
///
/// # Errors
/// Why it is another, in words.
pub fn marks(loaded: &Loaded) -> Result<Native, String> {
    if let Some(native) = collapsed(loaded) {
        return native;
    }
    let rewriting = spaces(&loaded.normalizer).filter(|_| splits_at_marks(&loaded.pre_tokenizer));
    let rewriting = rewriting.and_then(|(first, spaces)| Some((Rewriting::new(first)?, spaces)));
    let Some((Rewriting { characters, ascii, space, line }, spaces)) = rewriting else {
        return Err("its normaliser and pre-tokeniser are not XLM-R's".to_owned());
    };
    let is_space = |text: Option<String>| text.as_deref() == Some(" ");
    if !is_space(space) {
        return Err("its normaliser does not keep spaces".to_owned());
    }
    let added = AddedTokens::new(loaded, Normalization::Later(Guard::Forbid), false)?;
    let characters = Arc::new(characters);
    let shared = Arc::clone(&characters);
    let pieces = PieceTokenizer::new(loaded, Spelling::Marked { ascii, spaces, characters: shared });
    let scanner = Marks { beside: beside_space(), lines: is_space(line), ascii, spaces, characters };
    Ok(Native::new("marks", added, Scanner::Marks(Box::new(scanner)), pieces))
}

/// Whether a pre-tokeniser is [`mark`], by itself or alone in a sequence.
fn splits_at_marks(pre_tokenizer: &Value) -> bool {
    let mark = mark();
    *pre_tokenizer == json!({"type": "Sequence", "pretokenizers": [&mark]}) || *pre_tokenizer == mark
}

/// The same words where nothing but whitespace is rewritten, and NFC; `None` if the normaliser is another.
fn collapsed(loaded: &Loaded) -> Option<Result<Native, String>> {
    let replace = json!({"type": "Replace", "pattern": {"Regex": r"\s{2,}|[\n\r\t]"}, "content": " "});
    let normalizers = json!([replace, {"type": "NFC"}, {"type": "Strip", "strip_left": false, "strip_right": true}]);
    let known = loaded.normalizer == json!({"type": "Sequence", "normalizers": normalizers});
    if !known || !splits_at_marks(&loaded.pre_tokenizer) {
        return None;
    }
    let whitespace = may_be_space()?; // a table of all characters, made where it is needed
    let native = |added| {
        let pieces = PieceTokenizer::new(loaded, Spelling::Collapsed { whitespace });
        Native::new("collapsed", added, Scanner::Collapsed(Collapsed { whitespace }), pieces)
    };
    Some(AddedTokens::new(loaded, Normalization::Later(Guard::Forbid), false).map(native))
}

/// `Precompiled`, perhaps, if what is beside it does but this to spaces.
fn spaces(normalizer: &Value) -> Option<(&Value, Spaces)> {
    let strip = |left: bool| json!({"type": "Strip", "strip_left": left, "strip_right": true});
    let collapses = |part: &Value| {
        [" ", "▁"]
            .into_iter()
            .any(|content| *part == json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": content}))
    };
    let plain = Spaces { trimmed: false, stripped: false, collapsed: false };
    if normalizer["type"] != "Sequence" {
        return Some((normalizer, plain));
    }
    let parts =
        normalizer["normalizers"].as_array().filter(|_| normalizer.as_object().is_some_and(|all| all.len() == 2))?;
    match parts.as_slice() {
        [first] => Some((first, plain)),
        [first, last] if collapses(last) => Some((first, Spaces { collapsed: true, ..plain })),
        [first, second, last] if *second == strip(false) && collapses(last) => {
            Some((first, Spaces { stripped: true, collapsed: true, ..plain }))
        }
        [first, second, last] if *first == strip(true) && collapses(last) => {
            Some((second, Spaces { trimmed: true, collapsed: true, ..plain }))
        }
        _ => None,
    }
}
