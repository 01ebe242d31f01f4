//! Native and generic paths against the crate, row by row, on tiny vocabularies that make rare cases frequent.

mod pipelines;

use std::sync::{Arc, LazyLock};

use pipelines::fuzz::{self, Family, Random};
use pipelines::random::{self, Gaps, Kind, NO_GAPS};
use pipelines::{PIPELINES, text};
use proptest::prelude::*;
use prunus_core::{Counter, Engine, EngineOptions, Path};

fn engine(json: &str, path: Path, special: bool) -> Arc<Engine> {
    let options = EngineOptions { path, add_special_tokens: special, ..EngineOptions::default() };
    Arc::new(Engine::new(json.as_bytes(), options).unwrap_or_else(|e| panic!("{e}\n{json}")))
}

fn counted(engine: &Arc<Engine>, rows: &[String], memory: usize) -> Vec<(u32, u64)> {
    let mut counter = Counter::new(Arc::clone(engine), memory);
    for row in rows {
        counter.row(row, None, 1).unwrap_or_else(|e| panic!("{e}: {row:?}"));
    }
    counter.finish().unwrap_or_else(|e| panic!("{e}")).histogram.iter().collect()
}

fn expected(engine: &Engine, rows: &[String]) -> Vec<(u32, u64)> {
    let mut counts = std::collections::BTreeMap::new();
    for row in rows {
        for id in engine.encode(row, None).unwrap_or_else(|e| panic!("{e}: {row:?}")) {
            *counts.entry(id).or_insert(0) += 1;
        }
    }
    counts.into_iter().collect()
}

#[test]
fn every_pipeline_takes_the_path_it_should() {
    for (name, path, json) in PIPELINES.iter() {
        let engine = engine(json, Path::Auto, true);
        assert_eq!(engine.path(), *path, "{name}: {}", engine.path_reason());
    }
}

fn cases(default: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    ProptestConfig { cases, ..ProptestConfig::default() }
}

/// The engines of each pipeline: whole rows first, then the paths to compare.
static ENGINES: LazyLock<Vec<[Arc<Engine>; 3]>> = LazyLock::new(|| {
    let paths = [Path::Row, Path::Auto, Path::Generic];
    PIPELINES.iter().map(|(_, _, json)| paths.map(|path| engine(json, path, true))).collect()
});

/// Every path, with a roomy table and with one that is flushed in the middle of rows.
fn agree(engines: &[Arc<Engine>; 3], rows: &[String]) {
    let wanted = expected(&engines[0], rows);
    for engine in engines {
        for memory in [1 << 16, 200] {
            assert_eq!(counted(engine, rows, memory), wanted, "path {} on {rows:?}", engine.path());
        }
    }
}

proptest! {
    #![proptest_config(cases(60))]
    #[test]
    fn all_paths_agree_with_the_crate(rows in proptest::collection::vec(text(), 1..4)) {
        for engines in ENGINES.iter() {
            agree(engines, &rows);
        }
    }
}

proptest! {
    #![proptest_config(cases(400))]
    #[test]
    fn safe_splits_of_random_vocabularies(
        kind in proptest::sample::select(vec![Kind::Bytes, Kind::Marked]),
        picks in proptest::collection::vec((0usize..60, 0usize..60), 0..40),
        ignore_merges in any::<bool>(),
        (lost, unknown) in (0u32..8, proptest::option::of(Just("<unk>"))),
        rows in proptest::collection::vec(random::row(), 8),
    ) {
        let gaps = if let Kind::Bytes = kind { Gaps { unknown, bytes: 256 - lost } } else { NO_GAPS };
        let json = random::tokenizer(kind, &picks, ignore_merges, gaps);
        let native = engine(&json, Path::Native, true);
        let split = native.path_reason().contains("split where no merge");
        prop_assert_eq!(split, gaps.unknown.is_none() || gaps.bytes == 256, "{}", native.path_reason());
        prop_assert_eq!(counted(&native, &rows, 1 << 16), expected(&native, &rows));
    }

    /// A character that leaves no symbol lets `▁` merge across it; such models must not be cut there.
    #[test]
    fn characters_that_vanish_between_marks(
        unknown in proptest::option::of(proptest::sample::select(vec!["<unk>", "▁", "a▁a", "x", "▁▁", ""])),
        bytes in proptest::sample::select(vec![0, 0, 128, 255, 256]),
        picks in proptest::collection::vec((0usize..60, 0usize..60), 0..20),
        rows in proptest::collection::vec("([ ▁]{1,3}[aбx]{0,2}){1,5}|[a ▁xб😀中\n]{0,12}", 8),
    ) {
        let json = random::tokenizer(Kind::Marked, &picks, false, Gaps { unknown, bytes });
        let auto = engine(&json, Path::Auto, true);
        let native = auto.path() != "generic";
        prop_assert_eq!(native, !matches!(unknown, Some("a▁a" | "")) && (bytes == 256 || matches!(unknown, Some("<unk>" | "x"))));
        prop_assert_eq!(counted(&auto, &rows, 1 << 16), expected(&auto, &rows), "{}", json);
    }
}

/// A long run: `PRUNUS_FUZZ_ROWS` rows (few by default) of the family, from `PRUNUS_FUZZ_SEED` on.
fn fuzz(family: Family) {
    const BATCH: usize = 50;
    let number = |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (rows, seed): (u64, u64) = (number("PRUNUS_FUZZ_ROWS", 20_000), number("PRUNUS_FUZZ_SEED", 1));
    let charsmap = std::fs::read_to_string(format!("{}/t5-small/tokenizer.json", real_tokenizers())).ok();
    let charsmap: Option<serde_json::Value> = charsmap.and_then(|json| serde_json::from_str(&json).ok());
    let charsmap = charsmap.map(|json| json["normalizer"]["precompiled_charsmap"].clone());
    let (mut random, mut done, mut natives) = (Random(seed), 0, 0);
    while done < rows {
        let json = fuzz::tokenizer(family, &mut random, charsmap.as_ref());
        let engine = engine(&json, Path::Auto, true);
        natives += u64::from(engine.path().starts_with("native"));
        for _ in 0..(rows / 50_000).max(20) {
            let row = |random: &mut Random| match family {
                Family::Unigram if random.below(2) == 0 => fuzz::spaced(random),
                _ => fuzz::row(random),
            };
            let batch: Vec<String> = (0..BATCH).map(|_| row(&mut random)).collect();
            if counted(&engine, &batch, 1 << 14) != expected(&engine, &batch) {
                let differs = |row: &&String| {
                    let row = std::slice::from_ref(*row);
                    counted(&engine, row, 1 << 14) != expected(&engine, row)
                };
                panic!("{family:?}, seed {seed}, row {:?} of {}: {json}", batch.iter().find(differs), engine.path());
            }
            done += BATCH as u64;
        }
    }
    eprintln!("{family:?}: {done} rows from seed {seed}, {natives} native vocabularies, none differs");
}

#[test]
fn fuzz_bytes() {
    fuzz(Family::Bytes);
}

#[test]
fn fuzz_marked() {
    fuzz(Family::Marked);
}

#[test]
fn fuzz_word_piece() {
    fuzz(Family::WordPiece);
}

#[test]
fn fuzz_unigram() {
    fuzz(Family::Unigram);
}

/// What `benchmarks/instructions.py` counts the instructions of: `PRUNUS_HOT=PIPELINE:TIMES` over the same prose.
#[test]
fn hot_loop() {
    let Ok(hot) = std::env::var("PRUNUS_HOT") else { return };
    let Some((name, times)) = hot.split_once(':') else { panic!("{hot:?} is not PIPELINE:TIMES") };
    let found = PIPELINES.iter().find(|(other, _, _)| *other == name).unwrap_or_else(|| panic!("no {name}"));
    let engine = engine(&found.2, Path::Native, true);
    let mut random = Random(1);
    let rows: Vec<String> = (0..200).map(|_| fuzz::prose(&mut random)).collect();
    let mut counter = Counter::new(engine, 8 << 20);
    for _ in 0..times.parse().unwrap_or_else(|e| panic!("{e}: {hot:?}")) {
        rows.iter().for_each(|row| counter.row(row, None, 1).unwrap_or_else(|e| panic!("{e}")));
    }
    eprintln!("bytes {}", rows.iter().map(String::len).sum::<usize>());
    assert!(counter.finish().is_ok_and(|counts| counts.rows > 0));
}

fn real_tokenizers() -> String {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    format!("{}/data/tokenizers", std::env::var("PRUNUS_SHARED").unwrap_or_else(|_| beside.to_owned()))
}

/// The real tokenizers beside the repository, if they are there: row path and chosen path.
static REAL: LazyLock<Vec<[Arc<Engine>; 2]>> = LazyLock::new(|| {
    let only = std::env::var("PRUNUS_FUZZ").unwrap_or_default();
    let Ok(folders) = std::fs::read_dir(real_tokenizers()) else { return Vec::new() };
    let files = folders.flatten().filter(|folder| folder.file_name().to_string_lossy().contains(&only));
    let texts = files.filter_map(|folder| std::fs::read_to_string(folder.path().join("tokenizer.json")).ok());
    texts.map(|json| [Path::Row, Path::Auto].map(|path| engine(&json, path, false))).collect()
});

proptest! {
    #![proptest_config(cases(40))]
    #[test]
    fn real_tokenizers_agree_with_the_crate(rows in proptest::collection::vec(text(), 1..60)) {
        for [row, native] in REAL.iter() {
            prop_assert_eq!(counted(native, &rows, 1 << 16), expected(row, &rows), "{}: {:?}", native.path(), rows);
        }
    }
}
