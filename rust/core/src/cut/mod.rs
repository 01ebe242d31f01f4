//! Where a row may be cut without changing its tokens: one file per kind of pipeline.
//!
//! A cutter gets a segment (a row, or what lies between two added tokens) and calls `emit` with the pieces. The
//! pieces, tokenised one by one by the matching [`crate::piece::PieceTokenizer`], give the ids of the segment. Which
//! cutter fits is decided in [`recognise`], from the crate's canonical form of the pipeline, literally.

mod ascii;
pub mod bert;
pub mod bloom;
pub mod bytelevel;
pub mod clip;
pub mod coder;
pub mod collapsed;
pub mod deepseek;
pub mod digits;
pub mod falcon;
pub mod marks;
pub mod metaspace;
pub mod o200k;
mod precompiled;
mod recognise;
mod safe;
mod window;
pub mod words;

pub use recognise::{Native, recognise};
use safe::LONGEST_WHOLE;
pub use safe::SafeSplits;

/// A native scanner.
#[derive(Debug)]
pub enum Scanner {
    /// GPT-2's regular expression.
    Gpt2(bytelevel::Gpt2),
    /// The same, where a segment that does not begin with a space gets one.
    Gpt2Prefixed(bytelevel::Gpt2),
    /// Digits apart, then GPT-2's expression.
    Digits(Box<digits::Digits>),
    /// The expression of cl100k, Llama-3 and Qwen.
    Cl100k(bytelevel::Cl100k),
    /// The expression of o200k and Tekken.
    O200k(o200k::O200k),
    /// `DeepSeek` Coder's expressions.
    Coder(coder::Coder),
    /// `DeepSeek`'s numbers, ideographs and expression.
    DeepSeek(deepseek::DeepSeek),
    /// BLOOM's expression.
    Bloom(bloom::Bloom),
    /// CLIP's expression.
    Clip(clip::Clip),
    /// Falcon's sequence of punctuation, GPT-2, digits and groups of three.
    Falcon(Box<falcon::Falcon>),
    /// BERT's whitespace, punctuation and ideographs.
    Bert(bert::Bert),
    /// Whitespace-separated words.
    Words(words::Words),
    /// Words with the space before them.
    Marks(Box<marks::Marks>),
    /// The same without `Precompiled`.
    Collapsed(collapsed::Collapsed),
    /// A byte-pair model without pre-tokeniser, cut before `▁`.
    Metaspace(metaspace::Metaspace),
}

impl Scanner {
    /// The same pieces as [`Scanner::cut`], long ones divided where it is safe; `is_whole` as in [`SafeSplits::split`].
    #[inline]
    pub fn cut_and_split(
        &self,
        splits: &SafeSplits,
        is_whole: Option<impl Fn(&[u8]) -> bool + Copy>,
        segment: &str,
        begins: bool,
        mut emit: impl FnMut(&[u8], usize, usize),
    ) {
        self.cut_where(Some(splits), segment, begins, |buffer, start, end| {
            if end - start <= LONGEST_WHOLE {
                return emit(buffer, start, end);
            }
            splits.split(&buffer[start..end], is_whole, |from, to| emit(buffer, start + from, start + to));
        });
    }

    /// Cuts a segment; `begins` if it is the beginning of its row. `emit(buffer, start, end)` gets each piece.
    #[inline]
    pub fn cut(&self, segment: &str, begins: bool, emit: impl FnMut(&[u8], usize, usize)) {
        self.cut_where(None, segment, begins, emit);
    }

    /// The same; where safe splits are known, the scanner may use them.
    #[inline]
    fn cut_where(
        &self,
        splits: Option<&SafeSplits>,
        segment: &str,
        begins: bool,
        mut emit: impl FnMut(&[u8], usize, usize),
    ) {
        let bytes = segment.as_bytes();
        match self {
            Self::Gpt2(scanner) => scanner.cut(bytes, 0, bytes.len(), |start, end| emit(bytes, start, end)),
            Self::Gpt2Prefixed(scanner) if !segment.starts_with(' ') => {
                let prefixed = [b" ", bytes].concat();
                scanner.cut(&prefixed, 0, prefixed.len(), |start, end| emit(&prefixed, start, end));
            }
            Self::Gpt2Prefixed(scanner) => scanner.cut(bytes, 0, bytes.len(), |start, end| emit(bytes, start, end)),
            Self::Digits(scanner) => scanner.cut(bytes, |start, end| emit(bytes, start, end)),
            Self::Cl100k(scanner) => scanner.cut(bytes, |start, end| emit(bytes, start, end)),
            Self::O200k(scanner) => scanner.cut(bytes, |start, end| emit(bytes, start, end)),
            Self::Coder(scanner) => scanner.cut(bytes, |start, end| emit(bytes, start, end)),
            Self::DeepSeek(scanner) => scanner.cut(bytes, |start, end| emit(bytes, start, end)),
            Self::Bloom(scanner) => scanner.cut(bytes, |start, end| emit(bytes, start, end)),
            Self::Clip(scanner) => scanner.cut(bytes, |start, end| emit(bytes, start, end)),
            Self::Falcon(scanner) => scanner.cut(bytes, |start, end| emit(bytes, start, end)),
            Self::Bert(scanner) => scanner.cut(bytes, |start, end| emit(bytes, start, end)),
            Self::Words(scanner) => scanner.cut(bytes, |start, end| emit(bytes, start, end)),
            Self::Marks(scanner) => scanner.cut(segment, |start, end| emit(bytes, start, end)),
            Self::Collapsed(scanner) => scanner.cut(bytes, |start, end| emit(bytes, start, end)),
            Self::Metaspace(scanner) => scanner.cut(segment, begins, splits, emit),
        }
    }
}
