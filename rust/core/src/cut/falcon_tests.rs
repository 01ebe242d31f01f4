//! Cutting by windows against one run after the other.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::bytelevel::tests::{cases, texts};
use super::super::recognise::falcon;
use super::Falcon;
use crate::unicode::regex_classes;

proptest! {
    #![proptest_config(cases())]
    #[test]
    fn windows_of_falcon(text in texts()) {
        static SCANNER: LazyLock<Falcon> = LazyLock::new(|| falcon(regex_classes().unwrap_or_else(|| panic!("no classes"))));
        let (text, scanner) = (text.as_bytes(), &*SCANNER);
        let mut found = Vec::new();
        scanner.cut(text, |start, end| found.push((start, end)));
        let (mut at, mut one_by_one) = (0, Vec::new());
        while at < text.len() {
            at = scanner.run(text, at, &mut |start, end| one_by_one.push((start, end)));
        }
        prop_assert_eq!(found, one_by_one);
    }
}
