//! Normal forms of text, as the crate computes them.

use std::borrow::Cow;

use unicode_normalization_alignments::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::block::{WINDOW, from_byte};
use crate::unicode::{CharTable, stable_under_nfc, stays_lowercase};

/// NFC; borrowed where the text is in that form already.
pub fn nfc(text: &str) -> Cow<'_, str> {
    // Below U+0300 (first byte 0xCC) every character is stable.
    if all_of(stable_under_nfc(), text.as_bytes(), 0xCC) || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfc().map(|(character, _)| character).collect())
}

/// Lowercase, each character on its own.
pub fn lowercase(mut text: String) -> String {
    text.make_ascii_lowercase();
    // Below U+00C0 (first byte 0xC3) none but those of ASCII have another.
    if all_of(stays_lowercase(), text.as_bytes(), 0xC3) {
        return text;
    }
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Whether a text holds, of the characters from a first byte on, only those of a table.
fn all_of(table: &CharTable, bytes: &[u8], first: u8) -> bool {
    (0..bytes.len()).step_by(WINDOW).all(|at| {
        let mut pending = from_byte(&bytes[at..], first);
        let mut all = 1;
        while pending != 0 {
            all &= table.wide(bytes, at + pending.trailing_zeros() as usize);
            pending &= pending - 1;
        }
        all == 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenizers::{NormalizedString, Normalizer, normalizers};

    fn by_the_crate(normalizer: &impl Normalizer, text: &str) -> String {
        let mut text = NormalizedString::from(text);
        normalizer.normalize(&mut text).unwrap_or_else(|error| panic!("{error}"));
        text.get().to_owned()
    }

    #[test]
    fn every_character_beside_others() {
        for character in (0..=0x10_FFFF).filter_map(char::from_u32) {
            for text in [format!("{character}"), format!("aÀ{character}\u{301}"), format!("\u{1100}{character}Σ ")] {
                assert_eq!(nfc(&text), by_the_crate(&normalizers::NFC, &text), "{text:?}");
                assert_eq!(lowercase(text.clone()), by_the_crate(&normalizers::Lowercase, &text), "{text:?}");
            }
        }
    }
}
