//! What may spell an added token after BERT's normaliser, against that normaliser.

use super::{common_beginning, may_spell};
use crate::piece::Characters;
use crate::tokenizer::Loaded;

/// Every character that is told to spell nothing leaves something, and none of it ASCII.
#[test]
fn what_spells_nothing_leaves_no_ascii() {
    for (lowercase, strip_accents) in [(true, true), (false, false), (true, false)] {
        let json = serde_json::json!({
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": false,
                "strip_accents": strip_accents, "lowercase": lowercase},
            "model": {"type": "WordPiece", "unk_token": "u", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100, "vocab": {"u": 0}}});
        let loaded = Loaded::new(json.to_string().as_bytes(), false).unwrap_or_else(|e| panic!("{e}"));
        let characters = Characters::new(loaded.inner.get_normalizer().cloned(), |_, _| 0);
        let beyond = ('\u{80}'..=char::MAX).filter(|&character| !may_spell(character));
        for character in beyond.filter(|character| !character.is_whitespace()) {
            let text = characters.normalized(&character.to_string()).unwrap_or_else(|| panic!("{character:?}"));
            assert!(!text.is_empty() && text.chars().all(|part| !part.is_ascii()), "{character:?}: {text:?}");
        }
    }
    for character in "\u{200d}\u{301}\u{130}\u{212a}é\u{fffd}".chars() {
        assert!(may_spell(character), "{character:?}");
    }
    assert!(!"中бनα“".chars().any(may_spell));
}

#[test]
fn beginnings_in_common() {
    let common = |texts: &[&'static str]| common_beginning(texts.iter().map(|text| text.as_bytes()));
    assert_eq!(common(&["   ", "  ", "    "]), b"  ");
    assert_eq!(common(&["<a>", "<b>"]), b"<");
    assert_eq!(common(&["<a>"]), b"<a>");
    assert!(common(&["a", "b", "a"]).is_empty() && common(&[]).is_empty());
}
