//! Sixty-four bytes at a time, as bits of a word.

/// Bytes that are looked at together.
pub const WINDOW: usize = 64;

/// The last bytes of a text, and zeros.
#[inline]
pub fn padded(rest: &[u8]) -> [u8; WINDOW] {
    let mut block = [0; WINDOW];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// Which of the first bytes are `first` or higher.
#[inline]
pub fn from_byte(rest: &[u8], first: u8) -> u64 {
    match rest.first_chunk() {
        Some(block) => high(block, first),
        None => high(&padded(rest), first),
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn high(block: &[u8; WINDOW], first: u8) -> u64 {
    // SAFETY: every x86-64 processor has SSE2; it belongs to the architecture.
    #[allow(unsafe_code)]
    unsafe {
        high_sse2(block, first)
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn high_sse2(block: &[u8; WINDOW], first: u8) -> u64 {
    let sixteens = block.as_chunks::<16>().0.iter().enumerate();
    sixteens.fold(0, |bits, (index, sixteen)| {
        bits | sse2::bits(sse2::among(sse2::load(sixteen), first, 0u8.wrapping_sub(first))) << (16 * index)
    })
}

/// The same one byte at a time.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn high_portable(block: &[u8; WINDOW], first: u8) -> u64 {
    block.iter().enumerate().fold(0, |bits, (index, &byte)| bits | u64::from(byte >= first) << index)
}

#[cfg(not(target_arch = "x86_64"))]
use high_portable as high;

/// Sixteen bytes at a time: comparisons give bytes of ones where they hold.
#[cfg(target_arch = "x86_64")]
pub mod sse2 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
        _mm_sub_epi8,
    };

    /// The bytes as a vector.
    #[target_feature(enable = "sse2")]
    #[inline]
    pub fn load(bytes: &[u8; 16]) -> __m128i {
        let value = u128::from_le_bytes(*bytes).cast_signed();
        #[allow(clippy::cast_possible_truncation)] // the two halves
        _mm_set_epi64x((value >> 64) as i64, value as i64)
    }

    /// The highest bit of each byte.
    #[target_feature(enable = "sse2")]
    #[inline]
    pub fn bits(of: __m128i) -> u64 {
        u64::from(_mm_movemask_epi8(of).cast_unsigned())
    }

    /// Bytes that are this one.
    #[target_feature(enable = "sse2")]
    #[inline]
    pub fn is(bytes: __m128i, byte: u8) -> __m128i {
        _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()))
    }

    /// Bytes among `count` that begin with `first`.
    #[target_feature(enable = "sse2")]
    #[inline]
    pub fn among(bytes: __m128i, first: u8, count: u8) -> __m128i {
        let above = _mm_sub_epi8(bytes, _mm_set1_epi8(first.cast_signed()));
        _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8((count - 1).cast_signed())), above)
    }

    /// ASCII letters.
    #[target_feature(enable = "sse2")]
    #[inline]
    pub fn letters(bytes: __m128i) -> __m128i {
        among(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), b'a', 26)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{WINDOW, high, high_portable};

    proptest! {
        #[test]
        fn the_same_as_one_byte_at_a_time(bytes in proptest::collection::vec(any::<u8>(), WINDOW), first in 1u8..) {
            let block: [u8; WINDOW] = std::array::from_fn(|at| bytes[at]);
            prop_assert_eq!(high(&block, first), high_portable(&block, first));
        }
    }
}
