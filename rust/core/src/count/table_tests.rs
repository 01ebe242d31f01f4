//! The table against a standard map: all key lengths, NUL bytes, growth, clearing, and a hash that always collides.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

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

type Counts = HashMap<Vec<u8>, u64>;

/// Takes pieces out of a table, all or to make room; each lies in one slot, but that a short one may also lie before it.
fn take_out<S: BuildHasher>(table: &mut PieceTable<S>, all: bool, got: &mut Counts) {
    let mut long = HashSet::new();
    let note = |key: &[u8], count: u64| -> Result<(), ()> {
        assert!(key.len() <= INLINE || long.insert(key.to_vec()), "{key:?} lies in two slots");
        *got.entry(key.to_vec()).or_default() += count;
        Ok(())
    };
    if all { table.drain(note) } else { table.make_room(note) }.ok();
    let mask = table.slots.len() - 1;
    for (at, slot) in table.slots.iter().enumerate().filter(|(_, slot)| slot.count > 0) {
        let home = table.home(table.hash_of(slot));
        let way = at.wrapping_sub(home) & mask;
        assert!((0..way).all(|step| table.slots[(home + step) & mask].count > 0), "what stays is not found again");
    }
}

/// Counts a piece, making room as often as it takes.
fn put_in<S: BuildHasher>(
    table: &mut PieceTable<S>,
    text: &[u8],
    (start, end): (usize, usize),
    weight: u64,
    got: &mut Counts,
) {
    if end - start <= INLINE {
        let mut outcome = table.add(text, start, end, weight);
        while outcome.is_err() {
            take_out(table, false, got);
            outcome = table.settle();
        }
    } else if table.add_long(&text[start..end], weight).is_err() {
        take_out(table, false, got);
        if table.add_long(&text[start..end], weight).is_err() {
            *got.entry(text[start..end].to_vec()).or_default() += weight;
        }
    }
}

fn check<S: BuildHasher>(mut table: PieceTable<S>, text: &[u8], cuts: &[(usize, usize, u64)]) {
    let (mut expected, mut got) = (Counts::new(), Counts::new());
    for &(start, length, weight) in cuts {
        let start = start % text.len();
        let end = (start + length).min(text.len());
        *expected.entry(text[start..end].to_vec()).or_default() += weight;
        put_in(&mut table, text, (start, end), weight, &mut got);
    }
    let all = |counts: &Counts| counts.values().sum::<u64>();
    assert_eq!(table.occurrences() + all(&got), all(&expected), "what waits is held too");
    while table.settle().is_err() {
        take_out(&mut table, false, &mut got);
    }
    take_out(&mut table, true, &mut got);
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
fn by_part<S: BuildHasher>(tables: Vec<PieceTable<S>>) -> HashMap<Vec<u8>, (u64, usize)> {
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

/// Pieces made of numbers, shared out to three tables.
fn add_up<S: BuildHasher + Clone>(pieces: &[(usize, u32, usize)], memory: usize, hasher: &S, spread: u64) {
    let new = || PieceTable::with_hasher(memory, hasher.clone(), spread);
    let mut tables = vec![new(), new(), new()];
    let (mut expected, mut got) = (Counts::new(), Counts::new());
    for &(table, number, length) in pieces {
        let piece: Vec<u8> = number.to_le_bytes().into_iter().cycle().take(length).collect();
        *expected.entry(piece.clone()).or_default() += 1;
        put_in(&mut tables[table], &piece, (0, length), 1, &mut got);
    }
    for table in &mut tables {
        while table.settle().is_err() {
            take_out(table, false, &mut got);
        }
    }
    let found = by_part(tables);
    let used: HashSet<usize> = found.values().map(|&(_, part)| part).collect();
    assert!(spread == 0 || found.len() < 5000 || used.len() == PARTS);
    found.into_iter().for_each(|(piece, (count, _))| *got.entry(piece).or_default() += count);
    assert_eq!(got, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn tables_of_several_workers_add_up(
        pieces in proptest::collection::vec((0usize..3, 0u32..6000, 0usize..24), 0..9000),
        few in 1u32..30,
        memory in prop_oneof![Just(2000usize), Just(3000), Just(20_000), Just(1 << 20), Just(4 << 20)],
    ) {
        // Some pieces come so often that they stay when room is made.
        let often = |&(table, number, length): &(usize, u32, usize)| match number % 3 {
            0 => (table, number, length),
            _ => (table, number % few, 16 + length % 2),
        };
        let some: Vec<_> = pieces.iter().map(often).collect();
        add_up(&some, memory, &foldhash::fast::FixedState::default(), 0x9e37_79b9_7f4a_7c15);
        add_up(&pieces, memory, &foldhash::fast::FixedState::default(), 0x9e37_79b9_7f4a_7c15);
        add_up(&pieces[..pieces.len().min(300)], memory, &BuildHasherDefault::<Weak>::default(), 0);
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
