//! Character classes **as the pinned library sees them**.
//!
//! Its regular expressions run on Oniguruma, whose Unicode tables differ from current ones on thousands of code
//! points, so the classes are read off that engine when they are first needed, never from another table.

use std::sync::OnceLock;

use tokenizers::utils::SysRegex;
use unicode_segmentation::UnicodeSegmentation;

use crate::cut::{bloom, coder};
use crate::normal::nfc;

/// `\p{L}`
pub const LETTER: u8 = 1;
/// `\p{N}`
pub const NUMBER: u8 = 2;
/// `\s`
pub const SPACE: u8 = 4;
/// Everything else.
pub const OTHER: u8 = 0;

/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, a bit of [`case_classes`].
pub const UPPER: u8 = 8;
/// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`, a bit of [`case_classes`].
pub const LOWER: u8 = 16;
/// `\p{M}`, a bit of [`case_classes`].
pub const MARK: u8 = 32;

/// `[\p{P}\p{S}]`, in [`deepseek_classes`].
pub const PUNCTUATION: u8 = 3;
/// Chinese characters and kana, a bit of [`deepseek_classes`].
pub const IDEOGRAPH: u8 = 64;

/// Code points that differ in the last byte of their UTF-8 only.
const BLOCK: usize = 64;
const CODE_POINTS: u32 = 0x11_0000;

/// One small value for each code point, in two stages.
pub struct CharTable {
    stage: Vec<u16>,
    blocks: Vec<[u8; BLOCK]>,
    ascii: [u8; 128],
}

impl CharTable {
    /// The table of `value` over all code points.
    pub fn build(value: impl Fn(u32) -> u8) -> Self {
        let mut table = Self { stage: Vec::new(), blocks: Vec::new(), ascii: [0; 128] };
        for first in (0..CODE_POINTS).step_by(BLOCK) {
            let mut block = [0; BLOCK];
            for (code, slot) in (first..).zip(block.iter_mut()) {
                *slot = value(code);
            }
            let known = table.blocks.iter().rposition(|other| *other == block);
            let index = known.unwrap_or_else(|| {
                table.blocks.push(block);
                table.blocks.len() - 1
            });
            table.stage.push(u16::try_from(index).unwrap_or(0)); // at most 17,408 blocks
        }
        table.ascii = std::array::from_fn(|code| table.get(u32::try_from(code).unwrap_or(0)));
        table
    }

    /// Value of a code point.
    #[inline]
    pub fn get(&self, code: u32) -> u8 {
        let code = code as usize;
        self.blocks[usize::from(self.stage[code / BLOCK])][code % BLOCK]
    }

    /// Value and length in bytes of the character that starts at `bytes[at]`; `bytes` is UTF-8.
    #[inline(always)]
    #[allow(clippy::inline_always)] // a call costs more than the look-up of an ASCII character
    pub fn at(&self, bytes: &[u8], at: usize) -> (u8, usize) {
        let first = bytes[at];
        if first < 0x80 {
            return (self.ascii[usize::from(first)], 1);
        }
        self.beyond_ascii(bytes, at)
    }

    #[inline(never)]
    fn beyond_ascii(&self, bytes: &[u8], at: usize) -> (u8, usize) {
        let (code, length) = decode(bytes, at);
        (self.get(code), length)
    }

    /// Value of the character of several bytes that starts at `bytes[at]`; `bytes` is UTF-8.
    #[inline]
    pub fn wide(&self, bytes: &[u8], at: usize) -> u8 {
        let Some(&[first, second, third, fourth]) = bytes[at..].first_chunk() else {
            return self.beyond_ascii(bytes, at).0;
        };
        let bits = |byte: u8| usize::from(byte & 0x3F);
        let (block, last) = match first {
            ..0xE0 => (usize::from(first & 0x1F), second),
            0xE0..0xF0 => (usize::from(first & 0x0F) << 6 | bits(second), third),
            _ => (usize::from(first & 0x07) << 12 | bits(second) << 6 | bits(third), fourth),
        };
        self.blocks[usize::from(self.stage[block])][bits(last)]
    }
}

/// Code point and length of the character that starts at `bytes[at]`; `bytes` is UTF-8.
#[inline]
pub fn decode(bytes: &[u8], at: usize) -> (u32, usize) {
    let first = u32::from(bytes[at]);
    let tail = |offset: usize| bytes.get(at + offset).map_or(0, |&byte| u32::from(byte) & 0x3F);
    match first {
        0..0x80 => (first, 1),
        0x80..0xE0 => (((first & 0x1F) << 6) | tail(1), 2),
        0xE0..0xF0 => (((first & 0x0F) << 12) | (tail(1) << 6) | tail(2), 3),
        _ => (((first & 0x07) << 18) | (tail(1) << 12) | (tail(2) << 6) | tail(3), 4),
    }
}

/// Start of the character that ends just before `end`.
#[inline]
pub fn previous(bytes: &[u8], end: usize) -> usize {
    let mut start = end - 1;
    while start > 0 && bytes[start] & 0xC0 == 0x80 {
        start -= 1;
    }
    start
}

/// Letters, numbers and whitespace of the library's regex engine; `None` if the engine cannot be asked.
pub fn regex_classes() -> Option<&'static CharTable> {
    static TABLE: OnceLock<Option<CharTable>> = OnceLock::new();
    TABLE.get_or_init(|| probe(&[(r"\p{L}+", LETTER), (r"\p{N}+", NUMBER), (r"\s+", SPACE)])).as_ref()
}

/// The same where marks count as letters.
pub fn classes_with_marks() -> Option<&'static CharTable> {
    static TABLE: OnceLock<Option<CharTable>> = OnceLock::new();
    TABLE.get_or_init(|| probe(&[(r"[\p{L}\p{M}]+", LETTER), (r"\p{N}+", NUMBER), (r"\s+", SPACE)])).as_ref()
}

/// Letters with marks, [`PUNCTUATION`], numbers and whitespace, and [`IDEOGRAPH`].
pub fn deepseek_classes() -> Option<&'static CharTable> {
    const CLASSES: [(&str, u8); 4] =
        [(r"[\p{L}\p{M}]+", LETTER), (r"\p{N}+", NUMBER), (r"\s+", SPACE), (r"[\p{P}\p{S}]+", PUNCTUATION)];
    static TABLE: OnceLock<Option<CharTable>> = OnceLock::new();
    let ideograph = |code: u32| u8::from(matches!(code, 0x3040..=0x30FF | 0x4E00..=0x9FA5)) * IDEOGRAPH;
    let number = |class: u8| class & !IDEOGRAPH == NUMBER;
    let with = |classes: CharTable| CharTable::build(|code| classes.get(code) | ideograph(code));
    let apart = |all: &CharTable| (0..CODE_POINTS).all(|code| all.get(code) & IDEOGRAPH == 0 || !number(all.get(code)));
    TABLE.get_or_init(|| probe(&CLASSES).map(with).filter(apart)).as_ref()
}

/// [`LETTER`] for what BLOOM's words are made of.
pub fn bloom_classes() -> Option<&'static CharTable> {
    static TABLE: OnceLock<Option<CharTable>> = OnceLock::new();
    TABLE.get_or_init(|| probe(&[(bloom::WORD, LETTER)])).as_ref()
}

/// Letters, [`PUNCTUATION`] and whitespace, with what else `DeepSeek` Coder sets apart.
pub fn coder_classes() -> Option<&'static CharTable> {
    const CLASSES: [(&str, u8); 3] = [(r"\p{L}+", LETTER), (r"\p{P}+", PUNCTUATION), (r"\s+", SPACE)];
    static TABLE: OnceLock<Option<CharTable>> = OnceLock::new();
    let bits = |code: u32| {
        let ideograph = matches!(code, 0x0800..=0x9FA5 | 0xAC00..=0xD7FF);
        let digit = char::from_u32(code).is_some_and(char::is_numeric);
        let line_end = code == u32::from(b'\r') || code == u32::from(b'\n');
        let bit = |holds: bool, bit: u8| u8::from(holds) * bit;
        bit(ideograph, IDEOGRAPH) | bit(digit, coder::DIGIT) | bit(line_end, coder::LINE_END)
    };
    let with = |classes: CharTable| CharTable::build(|code| classes.get(code) | bits(code));
    TABLE.get_or_init(|| probe(&CLASSES).map(with)).as_ref()
}

/// Letters by case ([`UPPER`], [`LOWER`], both for caseless ones), marks, numbers and whitespace of that engine.
pub fn case_classes() -> Option<&'static CharTable> {
    const CASES: [(&str, u8); 6] = [
        (r"[\p{Lu}\p{Lt}]+", UPPER),
        (r"\p{Ll}+", LOWER),
        (r"[\p{Lm}\p{Lo}]+", UPPER | LOWER),
        (r"\p{M}+", UPPER | LOWER | MARK),
        (r"\p{N}+", NUMBER),
        (r"\s+", SPACE),
    ];
    static TABLE: OnceLock<Option<CharTable>> = OnceLock::new();
    let letters = |table: &CharTable, coarse: &CharTable| {
        let is_letter = |class: u8| class & (UPPER | LOWER) != 0 && class & MARK == 0;
        (0..CODE_POINTS).all(|code| is_letter(table.get(code)) == (coarse.get(code) == LETTER))
    };
    TABLE.get_or_init(|| probe(&CASES).filter(|table| regex_classes().is_some_and(|all| letters(table, all)))).as_ref()
}

/// For each character 1 if it is whitespace to that engine or to anybody else, or has some in its normal form (NFC).
pub fn may_be_space() -> Option<&'static CharTable> {
    static TABLE: OnceLock<CharTable> = OnceLock::new();
    let regex = regex_classes()?;
    let shows = |character: char| {
        let normal = nfc(character.encode_utf8(&mut [0; 4])).chars().any(char::is_whitespace);
        normal || character.is_whitespace() || regex.get(character as u32) == SPACE
    };
    Some(TABLE.get_or_init(|| CharTable::build(|code| u8::from(char::from_u32(code).is_some_and(shows)))))
}

/// The table of the patterns' values; `None` if two patterns share a character, since the scanners take them apart.
fn probe(patterns: &[(&str, u8)]) -> Option<CharTable> {
    let all: String = (0..CODE_POINTS).filter_map(char::from_u32).collect();
    let mut classes = vec![OTHER; CODE_POINTS as usize];
    for &(pattern, class) in patterns {
        let regex = SysRegex::new(pattern).ok()?;
        for (start, end) in regex.find_iter(&all) {
            for character in all[start..end].chars() {
                if classes[character as usize] != OTHER {
                    return None;
                }
                classes[character as usize] = class;
            }
        }
    }
    Some(CharTable::build(|code| classes[code as usize]))
}

/// A space may follow this character without joining its grapheme.
pub const ENDS: u8 = 1;
/// This character may follow a space without joining its grapheme.
pub const STARTS: u8 = 2;

/// For each character whether it forms a grapheme of its own beside a space ([`ENDS`], [`STARTS`]).
pub fn beside_space() -> &'static CharTable {
    static TABLE: OnceLock<CharTable> = OnceLock::new();
    TABLE.get_or_init(|| {
        let two = |text: &str| text.graphemes(true).count() == 2;
        CharTable::build(|code| match char::from_u32(code) {
            // Rare planes are left unproved: no cut is made beside them.
            Some(character) if code < 0x2_0000 => {
                u8::from(two(&format!("{character} "))) * ENDS + u8::from(two(&format!(" {character}"))) * STARTS
            }
            _ => 0,
        })
    })
}

/// For each character whether NFC leaves it alone whatever stands beside it: 1 if its canonical combining class is 0 and
/// its quick check says yes. A text of such characters is in that form (Unicode Standard Annex 15, section 9).
pub fn stable_under_nfc() -> &'static CharTable {
    use unicode_normalization_alignments::char::canonical_combining_class;
    use unicode_normalization_alignments::{IsNormalized, is_nfc_quick};
    static TABLE: OnceLock<CharTable> = OnceLock::new();
    let stable = |character| {
        canonical_combining_class(character) == 0 && is_nfc_quick(std::iter::once(character)) == IsNormalized::Yes
    };
    TABLE.get_or_init(|| CharTable::build(|code| u8::from(char::from_u32(code).is_some_and(stable))))
}

/// For each character 1 if its lowercase is itself.
pub fn stays_lowercase() -> &'static CharTable {
    static TABLE: OnceLock<CharTable> = OnceLock::new();
    let stays = |character: char| character.to_lowercase().eq([character]);
    TABLE.get_or_init(|| CharTable::build(|code| u8::from(char::from_u32(code).is_some_and(stays))))
}
