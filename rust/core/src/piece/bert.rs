//! BERT's normaliser and pre-tokeniser, one character at a time.
//!
//! Cleaning, spacing of ideographs and lowercasing work on single characters. So does NFD but for reordering combining
//! marks that follow each other; where accents are stripped afterwards and every combining mark in sight is one of
//! those stripped (`Mn`), the order of what vanishes does not matter. So a text is normalised to the characters' own
//! results in a row, unless it holds a combining mark that stays: such texts are left to the crate.

use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;
use unicode_normalization_alignments::char::canonical_combining_class;

/// Whether a character holds a combining mark that is not stripped with the accents.
pub fn depends(character: char) -> bool {
    let stays = |(mark, _): (char, isize)| canonical_combining_class(mark) != 0 && !mark.is_mark_nonspacing();
    character.to_string().chars().nfd().any(stays)
}

/// Calls `word` with each word and each punctuation mark of a normalised text.
pub fn words<E>(text: &str, mut word: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    for part in text.split(char::is_whitespace) {
        let mut start = 0;
        for (at, mark) in part.char_indices().filter(|(_, c)| c.is_ascii_punctuation() || c.is_punctuation()) {
            let end = at + mark.len_utf8();
            if start < at {
                word(&part[start..at])?;
            }
            word(&part[at..end])?;
            start = end;
        }
        if start < part.len() {
            word(&part[start..])?;
        }
    }
    Ok(())
}
