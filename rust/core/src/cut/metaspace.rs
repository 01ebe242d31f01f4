//! BPE models that see the whole row with `▁` for spaces (Llama-2, Mistral, Phi-3).
//!
//! Safe split: if no entry of the vocabulary holds `x▁` with `x` other than `▁`, no merge ever joins across such a
//! place, because its result would have to hold that pair. The sequence of merges inside one side depends on the
//! ranks within that side alone, so both sides end as if they stood alone. `▁` itself is an entry, so a run of
//! unknown characters (fused or not) ends before it as well.
//!
//! The proof needs a symbol other than `▁` where the text has such a character. A character without an entry gives
//! none if there is neither an unknown token nor a byte for it (`▁x▁` is `▁▁` to the model then), and `▁` itself, or
//! an empty string, if that is the unknown token. Such models are refused, as are those with two entries of one id,
//! of which one may merge in the other's place.
//!
//! Where the model's safe splits are known ([`super::SafeSplits`]), a piece also ends where letters, digits and marks
//! meet (`word|,`) if no merge joins two such bytes.

use super::safe::SafeSplits;
use super::window::Window;
use crate::block::WINDOW;

/// The scanner for `▁`-models; pieces carry a space or `▁` where the model sees `▁`.
#[derive(Debug)]
pub struct Metaspace {
    /// When a segment that does not begin with `▁` gets one.
    pub prepend: Prepend,
}

/// When `▁` is put before a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepend {
    /// Before each segment, also one that begins with `▁` (normaliser `Prepend`).
    Blindly,
    /// Before each segment that does not begin with one.
    Always,
    /// Before the first segment of a row that does not begin with one.
    First,
    /// Never.
    Never,
}

const MARK: &str = "▁";

impl Metaspace {
    /// Emits the pieces of a segment; `begins` if it is the beginning of its row.
    #[inline]
    pub fn cut(
        &self,
        segment: &str,
        begins: bool,
        splits: Option<&SafeSplits>,
        mut emit: impl FnMut(&[u8], usize, usize),
    ) {
        let bytes = segment.as_bytes();
        let marked = segment.starts_with([' ', '▁']);
        let prepend = match self.prepend {
            Prepend::Blindly => true,
            Prepend::Always => !marked,
            Prepend::First => begins && !marked,
            Prepend::Never => false,
        };
        let mut start = 0;
        borders(bytes, splits, |border| {
            if start == 0 && prepend {
                prefixed(&bytes[..border], &mut emit);
            } else {
                emit(bytes, start, border);
            }
            start = border;
        });
    }
}

/// Emits the first piece with a space before it.
#[inline(never)]
fn prefixed(piece: &[u8], emit: &mut impl FnMut(&[u8], usize, usize)) {
    let piece = [b" ", piece].concat();
    emit(&piece, 0, piece.len());
}

/// Calls `found` with each border after the beginning, and with the end of the text.
#[inline]
fn borders(bytes: &[u8], splits: Option<&SafeSplits>, mut found: impl FnMut(usize)) {
    // The byte before a window, as the lowest bit of each class.
    let mut before = Window::default();
    for at in (0..bytes.len()).step_by(WINDOW) {
        let window = Window::narrow(bytes, at);
        let mut pending = possible(&window, &before);
        if at == 0 {
            pending &= !1;
        }
        while pending != 0 {
            let border = at + pending.trailing_zeros() as usize;
            pending &= pending - 1;
            if is_border(bytes, border, splits) {
                found(border);
            }
        }
        before = Window {
            letters: window.letters >> 63,
            numbers: window.numbers >> 63,
            blanks: window.blanks >> 63,
            wide: window.wide >> 63,
            ..before
        };
    }
    found(bytes.len());
}

/// Places with another class than the one before, none behind a space. A `▁` behind another character that is not ASCII
/// is not among them.
#[inline]
fn possible(window: &Window, before: &Window) -> u64 {
    let alike = |of: fn(&Window) -> u64| of(window) & (of(window) << 1 | of(before));
    let same = alike(|window| window.letters) | alike(|window| window.numbers) | alike(|window| window.wide);
    let known = window.letters | window.numbers | window.spaces | window.others | window.wide;
    known & !(same | window.blanks << 1 | before.blanks)
}

/// Whether the text may be cut here, at a possible border (never behind a space).
#[inline]
fn is_border(bytes: &[u8], at: usize, splits: Option<&SafeSplits>) -> bool {
    let (last, first) = (bytes[at - 1], bytes[at]);
    if first == b' ' || (first == MARK.as_bytes()[0] && bytes[at..].starts_with(MARK.as_bytes())) {
        return !bytes[..at].ends_with(MARK.as_bytes());
    }
    splits.is_some_and(|splits| splits.are_apart(last, first))
}
