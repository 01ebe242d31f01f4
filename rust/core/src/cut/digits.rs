//! `Digits`, then GPT-2's expression (`StarCoder`): numeric characters stand apart before the expression sees them.

use super::bytelevel::Gpt2;
use crate::unicode::CharTable;

/// The scanner for digits set apart.
#[derive(Debug)]
pub struct Digits {
    /// GPT-2's expression.
    pub gpt2: Gpt2,
    /// 1 for numeric characters, as the library's `Digits` sees them.
    pub numeric: CharTable,
    /// Each of them stands alone.
    pub individual: bool,
}

impl Digits {
    /// Emits the pieces of a segment.
    #[inline]
    pub fn cut(&self, bytes: &[u8], mut emit: impl FnMut(usize, usize)) {
        let mut at = 0;
        while at < bytes.len() {
            let (kind, length) = self.numeric.at(bytes, at);
            let mut end = at + length;
            while end < bytes.len() && !(kind == 1 && self.individual) {
                let (found, length) = self.numeric.at(bytes, end);
                if found != kind {
                    break;
                }
                end += length;
            }
            self.gpt2.cut(bytes, at, end, &mut emit);
            at = end;
        }
    }
}
