//! Which rows a sample takes: decided by their bytes alone, so that threads, batches, files and machines cannot matter.

/// Ends a text, as no byte of UTF-8 does: a pair is not its two texts joined.
const END: u8 = 0xff;

/// Hash of a row: FNV-1a over its texts, mixed by the finaliser of `MurmurHash3`. Part of the meaning of a sample: never change it.
pub fn row_hash(texts: &[&[u8]]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for text in texts {
        for &byte in text.iter().chain(&[END]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
