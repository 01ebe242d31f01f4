//! `WordPiece` against the crate's model, with odd prefixes, short limits and missing unknown tokens.

use proptest::prelude::*;
use tokenizers::Model;
use tokenizers::models::wordpiece::WordPiece as Library;

use super::WordPiece;

proptest! {
    #![proptest_config(crate::piece::cases(3000))]
    #[test]
    fn same_ids_as_the_crate(
        entries in proptest::collection::vec("(##|@)?[abé中]{0,3}|\\[UNK\\]|#{1,3}", 1..24),
        prefix in proptest::sample::select(vec!["##", "@", "", "a"]),
        limit in prop_oneof![Just(100usize), 0..8usize],
        words in proptest::collection::vec("[abé中]{0,10}|[abx#@]{0,6}|a{95,105}|é{95,105}", 1..8),
    ) {
        let mut vocabulary = serde_json::Map::new();
        for entry in entries {
            let next = vocabulary.len();
            vocabulary.entry(entry).or_insert(next.into());
        }
        let described = serde_json::json!({"type": "WordPiece", "unk_token": "[UNK]", "vocab": vocabulary,
            "continuing_subword_prefix": prefix, "max_input_chars_per_word": limit});
        let library: Library = serde_json::from_str(&described.to_string()).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let native = WordPiece::new(&library).unwrap_or_else(|| panic!("refused"));
        let mut room = Vec::new();
        for word in &words {
            let mut got = Vec::new();
            let outcome = native.tokenize(word, &mut room, &mut |id| got.push(id));
            match library.tokenize(word) {
                Ok(tokens) => {
                    let expected: Vec<u32> = tokens.iter().map(|token| token.id).collect();
                    prop_assert_eq!((outcome, got), (Ok(()), expected), "{:?}", word);
                }
                Err(_) => prop_assert!(outcome.is_err(), "{:?}", word),
            }
        }
    }
}
