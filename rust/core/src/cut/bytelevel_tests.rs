//! Cutting by windows against one piece after the other, on texts in which every rule meets the border of a window.

use proptest::prelude::*;

use super::{Cl100k, Gpt2};
use crate::unicode::regex_classes;

/// Parts of texts: what the expressions name, and what only looks like it.
const PARTS: [&str; 46] = [
    "a",
    "word",
    "Longerword",
    " ",
    "  ",
    "   ",
    "\n",
    "\r\n",
    "\n\n",
    "\t",
    "\u{b}",
    "\u{1}",
    "\u{7f}\u{2}",
    "'",
    "''",
    "'s",
    "'S",
    "'t",
    "'re",
    "'ve",
    "'m",
    "'ll",
    "'LL",
    "'d",
    "'ſ",
    "'r",
    "'é",
    "1",
    "12",
    "123",
    "1234",
    "12345678",
    "²",
    "٣٤",
    "(",
    ").",
    "…",
    "“",
    "é",
    "Ωμέγα",
    "中文",
    "\u{a0}",
    "\u{3000}",
    "\u{301}",
    "🎉",
    "_",
];

pub fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => proptest::sample::select(&PARTS[..6]),
        1 => proptest::sample::select(&PARTS[..]),
    ];
    let parts = prop_oneof![
        3 => proptest::collection::vec(part, 0..120),
        1 => proptest::collection::vec(proptest::sample::select(&PARTS[..]), 0..60),
    ];
    parts.prop_map(|parts| parts.concat())
}

pub fn one_by_one(text: &[u8], next: impl Fn(usize) -> usize) -> Vec<(usize, usize)> {
    let (mut at, mut pieces) = (0, Vec::new());
    while at < text.len() {
        pieces.push((at, next(at)));
        at = next(at);
    }
    pieces
}

pub fn cases() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    ProptestConfig { cases, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]
    #[test]
    fn windows_of_gpt2(text in texts()) {
        let (text, scanner) = (text.as_bytes(), Gpt2 { classes: regex_classes().unwrap_or_else(|| panic!("no classes")) });
        let mut found = Vec::new();
        scanner.cut(text, 0, text.len(), |start, end| found.push((start, end)));
        prop_assert_eq!(found, one_by_one(text, |at| scanner.next(text, at)));
    }

    #[test]
    fn windows_of_cl100k(text in texts(), digits in 1usize..5) {
        let (text, scanner) = (text.as_bytes(), Cl100k { classes: regex_classes().unwrap_or_else(|| panic!("no classes")), digits });
        let mut found = Vec::new();
        scanner.cut(text, |start, end| found.push((start, end)));
        prop_assert_eq!(found, one_by_one(text, |at| scanner.next(text, at)));
    }
}
