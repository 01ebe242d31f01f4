//! The words of a piece against the crate's normaliser and pre-tokeniser, above all where combining marks meet.

use proptest::prelude::*;
use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::char::canonical_combining_class;

use super::Words;
use crate::piece::{Characters, cases, pipeline};
use crate::tokenizer::Loaded;

/// Lowercase, strip accents, clean.
const NORMALIZERS: [(bool, Option<bool>, bool); 6] = [
    (true, None, true),
    (false, None, true),
    (true, Some(false), true),
    (false, Some(true), true),
    (true, None, false),
    (false, Some(true), false),
];

fn loaded((lowercase, strip_accents, clean_text): (bool, Option<bool>, bool)) -> Loaded {
    let json = serde_json::json!({
        "normalizer": {"type": "BertNormalizer", "clean_text": clean_text, "handle_chinese_chars": true,
            "strip_accents": strip_accents, "lowercase": lowercase},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {"type": "WordPiece", "unk_token": "u", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": {"u": 0}}});
    Loaded::new(json.to_string().as_bytes(), false).unwrap_or_else(|e| panic!("{e}"))
}

/// Marks that are not stripped, of different classes, and a character that holds one: viramas of Balinese, Sundanese and
/// Batak, tone marks of Hangul, musical stems, and marks younger than the crate's table of categories.
const STAYING: &str =
    "\u{1b44}\u{1baa}\u{1bf2}\u{302e}\u{302f}\u{1d165}\u{1d16d}\u{1d15e}\u{a953}\u{111c0}\u{8d3}\u{1dfa}";
/// Marks that are stripped, marks of class 0 that stay, and what cleaning removes.
const PASSING: &str = "\u{301}\u{323}\u{345}\u{93c}\u{94d}\u{93e}\u{940}\u{9bc}\u{e38}\u{e48}\u{e33}\u{5b0}\u{5c1}\u{64b}\u{651}\u{670}\u{f71}\u{f74}\u{200d}\u{200b}\0\u{fffd}";
/// Letters of those scripts, composed ones, and borders of words.
const OTHERS: &str = "aKİßéếǅकनกำאשבسلاᬓᬃ가각ᄀ中\u{f900}\u{1d15f}१।،؟“”…—«\u{a0}\u{2028}\u{3000}\u{1680}.-";

fn texts() -> impl Strategy<Value = String> {
    let of = |text: &str| proptest::sample::select(text.chars().collect::<Vec<_>>());
    let character = prop_oneof![2 => of(STAYING), 4 => of(PASSING), 6 => of(OTHERS), 1 => any::<char>()];
    proptest::collection::vec(character, 0..14).prop_map(|characters| characters.into_iter().collect())
}

fn both(normalizer: (bool, Option<bool>, bool)) -> (Loaded, Characters) {
    let loaded = loaded(normalizer);
    let characters = Characters::new(loaded.inner.get_normalizer().cloned(), super::traits);
    (loaded, characters)
}

fn native(characters: &Characters, text: &str) -> Option<Vec<String>> {
    let (mut words, mut found) = (Words::default(), Vec::new());
    words.split(characters, text.as_bytes()).then(|| {
        let Ok(()) = words.each(|word| {
            found.push(word.to_owned());
            Ok::<(), std::convert::Infallible>(())
        });
        found
    })
}

fn library(loaded: &Loaded, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let word = |word: &str| {
        found.push(word.to_owned());
        Ok(())
    };
    pipeline(loaded, text, word).unwrap_or_else(|e| panic!("{e}: {text:?}"));
    found
}

proptest! {
    #![proptest_config(cases(5000))]
    #[test]
    fn same_words_as_the_crate(texts in proptest::collection::vec(texts(), 1..8)) {
        for normalizer in NORMALIZERS {
            let (loaded, characters) = both(normalizer);
            for text in &texts {
                if let Some(found) = native(&characters, text) {
                    prop_assert_eq!(found, library(&loaded, text), "{:?} by {:?}", text, normalizer);
                }
            }
        }
    }
}

/// Each character twice, with a letter between.
#[test]
fn every_character() {
    let (loaded, characters) = both(NORMALIZERS[0]);
    for character in (0..0x11_0000).filter_map(char::from_u32) {
        let text = format!("{character}e{character}");
        assert_eq!(native(&characters, &text), Some(library(&loaded, &text)), "{text:?}");
    }
}

/// Which characters stay, and that only runs with two of them are left to the crate.
#[test]
fn runs_of_marks_that_stay() {
    let (_, characters) = both(NORMALIZERS[0]);
    for mark in STAYING.chars().filter(|&mark| canonical_combining_class(mark) != 0) {
        assert!(!mark.is_mark_nonspacing(), "{mark:?} is stripped");
        for (between, alone) in [("", false), ("\u{301}", false), ("\u{200d}", false), ("a", true), ("\u{a0}", true)] {
            let text = format!("a{mark}\u{301}{between}{mark}");
            assert_eq!(native(&characters, &text).is_some(), alone, "{text:?}");
        }
    }
}
