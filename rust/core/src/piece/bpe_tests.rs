//! Byte pairs against the crate's model: tiny vocabularies full of equal strings, unknown characters and fallback bytes.

use proptest::prelude::*;
use tokenizers::Model;
use tokenizers::models::bpe::BPE as Library;

use super::{Bpe, Workspace};

#[derive(Debug, Clone)]
struct Options {
    unknown: Option<&'static str>,
    fuse: bool,
    fallback: bool,
    ignore_merges: bool,
}

/// A model whose merges join random neighbours of what there is so far.
fn library(alphabet: &[String], picks: &[(usize, usize)], options: &Options) -> Library {
    let mut tokens: Vec<String> = alphabet.to_vec();
    let mut merges = Vec::new();
    for &(left, right) in picks {
        let (left, right) = (tokens[left % tokens.len()].clone(), tokens[right % tokens.len()].clone());
        let joined = format!("{left}{right}");
        if joined.len() < 24 && !merges.contains(&(left.clone(), right.clone())) {
            merges.push((left, right));
            tokens.push(joined);
        }
    }
    let mut vocabulary = serde_json::Map::new();
    for token in tokens {
        let next = vocabulary.len();
        vocabulary.entry(token).or_insert(next.into());
    }
    let described = serde_json::json!({"type": "BPE", "dropout": null, "unk_token": options.unknown,
        "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": options.fuse,
        "byte_fallback": options.fallback, "ignore_merges": options.ignore_merges, "vocab": vocabulary, "merges": merges});
    serde_json::from_str(&described.to_string()).unwrap_or_else(|error| panic!("{error}"))
}

fn agree(library: &Library, texts: &[String]) {
    let Some(native) = Bpe::new(library, false) else { return };
    let mut work = Workspace::default();
    for text in texts {
        let expected: Vec<u32> = match library.tokenize(text) {
            Ok(tokens) => tokens.iter().map(|token| token.id).collect(),
            Err(error) => panic!("{error}"),
        };
        let mut got = Vec::new();
        native.tokenize(text.as_bytes(), &mut work, |id| got.push(id));
        assert_eq!(got, expected, "{text:?}");
        let mut got = Vec::new();
        let marked = text.replace('▁', " ");
        if !text.contains(' ') && native.tokenize_marked(marked.as_bytes(), &mut work, |id| got.push(id)) {
            assert_eq!(got, expected, "{marked:?}");
        }
    }
}

#[test]
fn ascii_with_spaces_needs_no_spelling() {
    let alphabet = ["a", "b", "▁", "é"].map(String::from);
    let options = Options { unknown: None, fuse: false, fallback: false, ignore_merges: false };
    let native =
        Bpe::new(&library(&alphabet, &[(2, 0), (4, 1)], &options), false).unwrap_or_else(|| panic!("no model"));
    let taken = |text: &str| native.tokenize_marked(text.as_bytes(), &mut Workspace::default(), |_| ());
    assert!(taken(" abab"));
    assert!(!taken(" abc") && !taken(" é"));
}

/// A model of bytes, `a` to `c` of them in merges, in which a suffix marks the last one of a word.
fn suffixed(picks: &[(usize, usize)], lost: Option<&str>) -> Library {
    const SUFFIX: &str = "</w>";
    let alphabet: Vec<String> = super::BYTE_ALPHABET.iter().map(char::to_string).collect();
    let mut middles: Vec<String> = ["a", "b", "c", "<", "/", "w", ">"].map(String::from).to_vec();
    let mut lasts: Vec<String> = middles.iter().map(|token| [token, SUFFIX].concat()).collect();
    let mut vocabulary: Vec<String> =
        alphabet.iter().flat_map(|token| [token.clone(), [token, SUFFIX].concat()]).collect();
    let mut merges: Vec<(String, String)> = Vec::new();
    for &(left, right) in picks {
        let left = middles[left % middles.len()].clone();
        let all = if right % 2 == 0 { &mut middles } else { &mut lasts };
        let right = all[right % all.len()].clone();
        let joined = [left.as_str(), &right].concat();
        if joined.len() < 16 && !merges.contains(&(left.clone(), right.clone())) {
            vocabulary.push(joined.clone());
            all.push(joined);
            merges.push((left, right));
        }
    }
    vocabulary.retain(|token| Some(token.as_str()) != lost);
    let mut ids = serde_json::Map::new();
    for token in vocabulary {
        let next = ids.len();
        ids.entry(token).or_insert(next.into());
    }
    let described = serde_json::json!({"type": "BPE", "dropout": null, "unk_token": null,
        "continuing_subword_prefix": null, "end_of_word_suffix": SUFFIX, "fuse_unk": false, "byte_fallback": false,
        "ignore_merges": false, "vocab": ids, "merges": merges});
    serde_json::from_str(&described.to_string()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_byte_needs_an_entry_in_the_middle_and_at_the_end() {
    assert!(Bpe::new(&suffixed(&[], None), true).is_some_and(|native| !native.is_plain()));
    assert!(Bpe::new(&suffixed(&[], None), false).is_none());
    for lost in ["x", "x</w>"] {
        assert!(Bpe::new(&suffixed(&[], Some(lost)), true).is_none(), "{lost}");
    }
}

proptest! {
    #![proptest_config(crate::piece::cases(3000))]
    #[test]
    fn same_ids_as_the_crate_with_a_suffix(
        picks in proptest::collection::vec((0usize..40, 0usize..40), 0..30),
        texts in proptest::collection::vec("[abc]{1,12}|([abc]|</w>){1,8}|a{1,120}|[ab]{40,120}|[a-z]{1,5}", 1..8),
    ) {
        let library = suffixed(&picks, None);
        let native = Bpe::new(&library, true).unwrap_or_else(|| panic!("no model"));
        for text in &texts {
            let tokens = library.tokenize(text).unwrap_or_else(|error| panic!("{error}"));
            let mut got = Vec::new();
            native.tokenize(text.as_bytes(), &mut Workspace::default(), |id| got.push(id));
            prop_assert_eq!(got, tokens.iter().map(|token| token.id).collect::<Vec<_>>(), "{:?}", text);
        }
    }
}

proptest! {
    #![proptest_config(crate::piece::cases(3000))]
    #[test]
    fn same_ids_as_the_crate(
        alphabet in proptest::sample::subsequence(vec!["a", "b", "c", "é", "▁", "<unk>", "<0xC3>", "<0xA9>", "<0xE4>"], 2..9),
        picks in proptest::collection::vec((0usize..40, 0usize..40), 0..30),
        unknown in proptest::option::weighted(0.7, Just("<unk>")),
        (fuse, fallback, ignore_merges) in any::<(bool, bool, bool)>(),
        texts in proptest::collection::vec("[abc]{1,12}|[abcé▁x中]{1,10}|a{1,120}|[ab]{40,120}|(ab|c){20,40}", 1..8),
    ) {
        let alphabet: Vec<String> = alphabet.into_iter().map(String::from).collect();
        let options = Options { unknown, fuse, fallback, ignore_merges };
        agree(&library(&alphabet, &picks, &options), &texts);
    }
}
