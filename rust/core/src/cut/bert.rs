//! `BertNormalizer` + `BertPreTokenizer`, cut in the raw text.
//!
//! Every step of that normaliser works on single characters, except NFD, which may only reorder combining marks that
//! follow each other. ASCII whitespace, ASCII punctuation and ideographs are no combining marks and are separators
//! (or words of their own) afterwards too, so both sides of such a character are normalised and split independently.
//! Everything else stays in the piece and is left to the crate.

use crate::unicode::decode;

const WORD: u8 = 0;
const SEPARATOR: u8 = 1;
const ALONE: u8 = 2;

const ASCII: [u8; 256] = {
    let mut table = [WORD; 256];
    let mut byte = 0u8;
    while byte < 128 {
        if byte.is_ascii_punctuation() {
            table[byte as usize] = ALONE;
        }
        byte += 1;
    }
    table[b' ' as usize] = SEPARATOR;
    table[b'\t' as usize] = SEPARATOR;
    table[b'\n' as usize] = SEPARATOR;
    table[b'\r' as usize] = SEPARATOR;
    table
};

/// The scanner for BERT.
#[derive(Debug)]
pub struct Bert {
    /// The normaliser puts spaces around ideographs.
    pub ideographs: bool,
}

impl Bert {
    /// Emits the pieces of a segment.
    #[inline]
    pub fn cut(&self, bytes: &[u8], mut emit: impl FnMut(usize, usize)) {
        let mut start = 0;
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            let length = match ASCII[usize::from(byte)] {
                // No ideograph starts with a byte below 0xE3.
                WORD if byte < 0xE3 || !self.ideographs => {
                    at += 1;
                    continue;
                }
                WORD => {
                    let (code, length) = decode(bytes, at);
                    if !is_ideograph(code) {
                        at += length;
                        continue;
                    }
                    length
                }
                _ => 1,
            };
            if start < at {
                emit(start, at);
            }
            if ASCII[usize::from(byte)] != SEPARATOR {
                emit(at, at + length);
            }
            at += length;
            start = at;
        }
        if start < at {
            emit(start, at);
        }
    }
}

/// What the crate's normaliser takes for a Chinese character.
fn is_ideograph(code: u32) -> bool {
    matches!(code,
        0x4E00..=0x9FFF | 0x3400..=0x4DBF | 0x2_0000..=0x2_A6DF | 0x2_A700..=0x2_B73F | 0x2_B740..=0x2_B81F
        | 0x2_B920..=0x2_CEAF | 0xF900..=0xFAFF | 0x2_F800..=0x2_FA1F)
}
