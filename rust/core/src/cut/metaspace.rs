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
    pub fn cut(&self, segment: &str, begins: bool, mut emit: impl FnMut(&[u8], usize, usize)) {
        let bytes = segment.as_bytes();
        let marked = segment.starts_with([' ', '▁']);
        let prepend = match self.prepend {
            Prepend::Blindly => true,
            Prepend::Always => !marked,
            Prepend::First => begins && !marked,
            Prepend::Never => false,
        };
        let first = next_mark(bytes, 0);
        if prepend {
            let mut piece = Vec::with_capacity(first + 1);
            piece.push(b' ');
            piece.extend_from_slice(&bytes[..first]);
            emit(&piece, 0, piece.len());
        } else {
            emit(bytes, 0, first);
        }
        let mut start = first;
        while start < bytes.len() {
            let end = next_mark(bytes, start);
            emit(bytes, start, end);
            start = end;
        }
    }
}

/// Where the piece that starts at `start` ends: before the first mark that follows something else.
fn next_mark(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    let mut text = false;
    while at < bytes.len() {
        let length = mark_length(&bytes[at..]);
        if length == 0 {
            text = true;
            at += 1;
        } else if text {
            return at;
        } else {
            at += length;
        }
    }
    at
}

#[inline]
fn mark_length(bytes: &[u8]) -> usize {
    match bytes[0] {
        b' ' => 1,
        0xE2 if bytes.starts_with(MARK.as_bytes()) => MARK.len(),
        _ => 0,
    }
}
