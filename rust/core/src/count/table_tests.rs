//! The table against a standard map: all key lengths, NUL bytes, growth, clearing, and a hash that always collides.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use proptest::prelude::*;

use super::super::{Handed, INLINE, PARTS, Union};
use super::PieceTable;

#[derive(Default)]
struct Weak;
impl Hasher for Weak {
    fn finish(&self) -> u64 {
        1
    }
    fn write(&mut self, _: &[u8]) {}
}

fn check<S: std::hash::BuildHasher>(mut table: PieceTable<S>, text: &[u8], cuts: &[(usize, usize, u64)]) {
    let mut expected: HashMap<Vec<u8>, u64> = HashMap::new();
    let mut got: HashMap<Vec<u8>, u64> = HashMap::new();
    for &(start, length, weight) in cuts {
        let start = start % text.len();
        let end = (start + length).min(text.len());
        *expected.entry(text[start..end].to_vec()).or_default() += weight;
        let mut note = |key: &[u8], count: u64| -> Result<(), ()> {
            *got.entry(key.to_vec()).or_default() += count;
            Ok(())
        };
        if end - start <= INLINE {
            let mut outcome = table.add(text, start, end, weight);
            while outcome.is_err() {
                table.make_room(&mut note).ok();
                outcome = table.settle();
            }
        } else if table.add_long(&text[start..end], weight).is_err() {
            table.make_room(&mut note).ok();
            if table.add_long(&text[start..end], weight).is_err() {
                note(&text[start..end], weight).ok();
            }
        }
    }
    while table.settle().is_err() {
        table
            .make_room(|key, count| -> Result<(), ()> {
                *got.entry(key.to_vec()).or_default() += count;
                Ok(())
            })
            .ok();
    }
    table
        .drain(|key, count| -> Result<(), ()> {
            *got.entry(key.to_vec()).or_default() += count;
            Ok(())
        })
        .ok();
    assert_eq!(got, expected);
    assert_eq!(table.len(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn counts_like_a_map(
        text in proptest::collection::vec(prop_oneof![Just(0u8), Just(b'a'), any::<u8>()], 1..80),
        cuts in proptest::collection::vec((0usize..80, 0usize..40, 1u64..5), 0..400),
        memory in prop_oneof![Just(0usize), Just(400), Just(3000), Just(1 << 20)],
    ) {
        check(PieceTable::new(memory), &text, &cuts);
        check(PieceTable::with_hasher(memory, BuildHasherDefault::<Weak>::default(), 0), &text, &cuts);
    }
}

/// Pieces by text, each with its count and the part it lies in.
fn by_part<S: std::hash::BuildHasher + Clone>(tables: Vec<PieceTable<S>>) -> HashMap<Vec<u8>, (u64, usize)> {
    let handed: Vec<_> = tables.into_iter().map(Handed).collect();
    let handed: Vec<_> = handed.iter().collect();
    let mut union = Union::default();
    let mut found: HashMap<Vec<u8>, (u64, usize)> = HashMap::new();
    for part in 0..PARTS {
        union
            .visit(&handed, part, |piece, count| -> Result<(), ()> {
                let before = found.insert(piece.to_vec(), (count, part));
                assert!(before.is_none(), "{piece:?} comes twice");
                Ok(())
            })
            .ok();
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn tables_of_several_workers_add_up(
        lengths in proptest::collection::vec((0usize..3, 0u32..6000, 0usize..24), 0..9000),
        memory in prop_oneof![Just(1usize << 20), Just(4 << 20)],
        weak in any::<bool>(),
    ) {
        let spread = if weak { 0 } else { 0x9e37_79b9_7f4a_7c15 };
        let lengths = if weak { &lengths[..lengths.len().min(300)] } else { &lengths[..] };
        let new = || PieceTable::with_hasher(memory, foldhash::fast::FixedState::default(), spread);
        let mut tables = vec![new(), new(), new()];
        let mut expected: HashMap<Vec<u8>, u64> = HashMap::new();
        for &(table, number, length) in lengths {
            let piece: Vec<u8> = number.to_le_bytes().into_iter().cycle().take(length).collect();
            *expected.entry(piece.clone()).or_default() += 1;
            if length <= INLINE {
                prop_assert!(tables[table].add(&piece, 0, length, 1).is_ok());
            } else {
                prop_assert!(tables[table].add_long(&piece, 1).is_ok());
            }
        }
        for table in &mut tables {
            prop_assert!(table.settle().is_ok());
        }
        let found = by_part(tables);
        let used: std::collections::HashSet<usize> = found.values().map(|&(_, part)| part).collect();
        prop_assert!(weak || found.len() < 4000 || used.len() == PARTS);
        prop_assert_eq!(found.into_iter().map(|(piece, (count, _))| (piece, count)).collect::<HashMap<_, _>>(), expected);
    }
}

#[test]
fn lengths_around_the_inline_limit_and_growth() {
    let text: Vec<u8> = (0..60_000u32).flat_map(u32::to_le_bytes).collect();
    for length in [0, 1, 7, 8, 14, 15, 16, 17, 40] {
        let cuts: Vec<_> = (0..20_000).map(|i| (i * 4, length, 1)).chain([(text.len() - 3, length, 2)]).collect();
        check(PieceTable::new(1 << 24), &text, &cuts);
    }
}
