//! The flat trie's Viterbi search against the crate's, on small vocabularies full of ties.

use proptest::prelude::*;
use tokenizers::Model;
use tokenizers::models::unigram::Unigram as Library;

use super::Unigram;

fn agree(vocabulary: Vec<(String, f64)>, unknown: Option<usize>, fallback: bool, text: &str) {
    let Ok(library) = Library::from(vocabulary, unknown, fallback) else { return };
    let native = Unigram::new(&library).unwrap_or_else(|| panic!("refused"));
    let expected = library.tokenize(text).map(|tokens| tokens.iter().map(|t| t.id).collect::<Vec<_>>());
    let mut got = Vec::new();
    let outcome = native.tokenize(text, &mut Vec::new(), &mut |id| got.push(id));
    match expected {
        Ok(mut expected) => {
            expected.sort_unstable();
            got.sort_unstable();
            assert_eq!((outcome, got), (Ok(()), expected), "{text:?}");
        }
        Err(_) => assert!(outcome.is_err(), "{text:?}"),
    }
}

proptest! {
    #![proptest_config(crate::piece::cases(3000))]
    #[test]
    fn same_ids_as_the_crate(
        pieces in proptest::collection::vec(("[ab▁éx]{0,4}|<unk>|<0x61>|<0xC3>|<0xA9>", prop_oneof![
            Just(-1.0), Just(-2.0), Just(-0.5), Just(0.1), Just(0.2), Just(-3.3), Just(7.0), Just(9.5), -20.0..20.0f64]), 1..14),
        unknown in proptest::option::weighted(0.9, 0usize..3),
        fallback in any::<bool>(),
        texts in proptest::collection::vec("[ab▁éxyz中]{0,12}|(<unk>|a|b){0,5}", 1..6),
    ) {
        for text in &texts {
            agree(pieces.clone(), unknown, fallback, text);
        }
    }

    #[test]
    fn ties_fall_the_same_way(
        pieces in proptest::collection::vec(("[ab]{1,3}", prop_oneof![Just(-1.0), Just(-2.0), Just(-3.0), Just(0.0), Just(9.5)]), 3..12),
        text in "[abc]{1,12}",
    ) {
        agree(pieces, Some(0), false, &text);
    }
}
