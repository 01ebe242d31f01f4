//! Runs of ASCII letters, eight bytes at a time.

/// Where the ASCII letters that begin at `at` end.
///
/// Within a byte of a word: with bit 5 set both cases of a letter are lower case, then adding carries into bit 7 from
/// `a` on and from beyond `z` on; bytes beyond ASCII are taken out before, so that no sum reaches the next byte.
#[inline]
pub fn ascii_letters(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*eight);
        let lower = (word | (ONES * 0x20)) & (ONES * 0x7F);
        let from_a = lower + ONES * u64::from(0x80 - b'a');
        let beyond_z = lower + ONES * u64::from(0x7F - b'z');
        let letters = from_a & !beyond_z & !word & (ONES * 0x80);
        let others = !letters & (ONES * 0x80);
        if others != 0 {
            return at + (others.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + bytes[at..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::ascii_letters;

    fn one_by_one(bytes: &[u8], at: usize) -> usize {
        at + bytes[at..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count()
    }

    #[test]
    fn every_byte_at_every_place_among_letters() {
        for place in 0..20 {
            for byte in 0..=255u8 {
                let mut bytes = [b'a', b'Z', b'q'].repeat(8);
                bytes[place] = byte;
                for at in 0..=place {
                    assert_eq!(ascii_letters(&bytes, at), one_by_one(&bytes, at), "{byte:#x} at {place} from {at}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..40), at in 0usize..40) {
            let at = at.min(bytes.len());
            prop_assert_eq!(ascii_letters(&bytes, at), one_by_one(&bytes, at));
        }
    }
}
