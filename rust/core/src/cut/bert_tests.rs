//! Cutting by windows against one character after the other, on texts in which every class meets the border of a window.

use proptest::prelude::*;

use super::{Bert, WINDOW, classes, classes_portable, is_ideograph};

const PARTS: [&str; 48] = [
    "a",
    "word",
    "Longerword",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\u{b}",
    "\u{c}",
    "\0",
    "\u{7f}",
    ".",
    ",",
    "...",
    "'",
    "@[`{",
    "/:;?",
    "~",
    "0",
    "9",
    "2026",
    "é",
    "Ωμέγα",
    "привет",
    "नमस्ते",
    "สวัสดี",
    "\u{a0}",
    "\u{301}",
    "中",
    "文",
    "一",
    "鿿",
    "㐀",
    "䶿",
    "䷀",
    "\u{f900}",
    "\u{faff}",
    "\u{20000}",
    "\u{2fa1f}",
    "\u{2b820}",
    "ひらがな",
    "한국",
    "\u{3000}",
    "。",
    "🎉",
    "\u{feff}",
    "\u{e000}",
];

fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => proptest::sample::select(&PARTS[..]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[a-z]{1,70}",
        1 => "[一-鿿]{1,30}",
    ];
    proptest::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

/// What a cutting is: separators end pieces, each mark and each ideograph is one.
fn one_by_one(text: &str, ideographs: bool) -> Vec<(usize, usize)> {
    let (mut start, mut pieces) = (0, Vec::new());
    for (at, character) in text.char_indices() {
        let separates = matches!(character, ' ' | '\t' | '\n' | '\r');
        let alone = character.is_ascii_punctuation() || (ideographs && is_ideograph(character as u32));
        if separates || alone {
            let end = at + character.len_utf8();
            pieces.extend((start < at).then_some((start, at)));
            pieces.extend(alone.then_some((at, end)));
            start = end;
        }
    }
    pieces.extend((start < text.len()).then_some((start, text.len())));
    pieces
}

proptest! {
    #![proptest_config(crate::piece::cases(20_000))]
    #[test]
    fn windows(text in texts(), ideographs in any::<bool>()) {
        let mut found = Vec::new();
        Bert { ideographs }.cut(text.as_bytes(), |start, end| found.push((start, end)));
        prop_assert_eq!(found, one_by_one(&text, ideographs));
    }

    #[test]
    fn the_same_as_one_byte_at_a_time(bytes in proptest::collection::vec(any::<u8>(), WINDOW)) {
        let block: [u8; WINDOW] = std::array::from_fn(|at| bytes[at]);
        prop_assert_eq!(classes(&block), classes_portable(&block));
    }
}

/// Each character at each place of a window.
#[test]
fn every_character() {
    for character in (0..0x11_0000).filter_map(char::from_u32) {
        let text = format!("{:1$}{character}a", "", character as usize % WINDOW);
        let mut found = Vec::new();
        Bert { ideographs: true }.cut(text.as_bytes(), |start, end| found.push((start, end)));
        assert_eq!(found, one_by_one(&text, true), "{character:?}");
    }
}
