//! Long runs over random vocabularies, family by family: no shrinking, but millions of rows in minutes.

use serde_json::{Map, Value, json};

use super::random::{self, Gaps, Kind};
use super::{FRAGMENTS, PIPELINES, suffixed};

/// Models that have a native path.
#[derive(Debug, Clone, Copy)]
pub enum Family {
    /// Byte-level BPE, behind each of its pre-tokenisers.
    Bytes,
    /// BPE with `▁` for spaces.
    Marked,
    /// `WordPiece` behind BERT's normaliser.
    WordPiece,
    /// Unigram or BPE behind `Precompiled`, T5's way or XLM-R's.
    Unigram,
}

/// A small generator (splitmix64): the same rows for a seed everywhere.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap_or(0) % end
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

const BYTE_LEVEL: &[&str] = &[
    "gpt2-added",
    "gpt2-prefix",
    "digits",
    "digit-runs",
    "neox",
    "cl100k",
    "qwen",
    "qwen-marks",
    "o200k",
    "tekken",
    "falcon",
    "deepseek",
    "bloom",
    "coder",
    "clip",
    "clip-named",
];

/// A pipeline of the family with a random vocabulary; `charsmap` is a real `Precompiled` table, if there is one.
pub fn tokenizer(family: Family, random: &mut Random, charsmap: Option<&Value>) -> String {
    let picks = |random: &mut Random| -> Vec<(usize, usize)> {
        (0..random.below(60)).map(|_| (random.below(80), random.below(80))).collect()
    };
    let (names, model): (&[&str], Option<Value>) = match family {
        Family::Bytes => {
            let ignore = random.below(3) == 0;
            let unknown = random.pick(&[None, None, Some("<unk>")]);
            let gaps = Gaps { unknown, bytes: random.pick(&[256, 256, 255, 253, 249]) };
            let model = model_of(&random::tokenizer(Kind::Bytes, &picks(random), ignore, gaps));
            // Else the pipelines' own vocabulary, whose merges reach across the borders of every expression.
            (BYTE_LEVEL, (random.below(3) > 0).then_some(model))
        }
        Family::Marked => {
            let unknown = random.pick(&[None, Some("<unk>"), Some("<unk>"), Some("x")]);
            let gaps = Gaps { unknown, bytes: random.pick(&[0, 200, 256, 256]) };
            let model = model_of(&random::tokenizer(Kind::Marked, &picks(random), false, gaps));
            (&["phi3", "phi3-late", "gemma", "mistral", "always", "never"], Some(model))
        }
        Family::WordPiece => (&["bert", "bert-late", "bert-cased", "bert-dirty"], Some(word_piece(random))),
        Family::Unigram => (&["unigram", "unigram", "unigram", "collapsed"], Some(unigram(random))),
    };
    let name = random.pick(names);
    let found = PIPELINES.iter().find(|(other, _, _)| *other == name);
    let mut document: Value = found.and_then(|(_, _, json)| serde_json::from_str(json).ok()).unwrap_or_default();
    if let Some(model) = model {
        document["model"] = if name.starts_with("clip") { suffixed(model) } else { model };
    }
    if let ("unigram", Some(table)) = (name, charsmap) {
        rewrite(&mut document, random, json!({"type": "Precompiled", "precompiled_charsmap": table}), &picks);
    }
    document.to_string()
}

/// Puts a tokenizer behind `Precompiled`, alone or with what else is found beside it.
fn rewrite(
    document: &mut Value,
    random: &mut Random,
    first: Value,
    picks: &impl Fn(&mut Random) -> Vec<(usize, usize)>,
) {
    let mark = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    let collapse = |content: &str| json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": content});
    let strip = |left: bool| json!({"type": "Strip", "strip_left": left, "strip_right": true});
    let sequence = |key: &str, parts: &[Value]| json!({"type": "Sequence", key: parts});
    let normalizer = match random.below(6) {
        0 | 1 => first,
        2 => sequence("normalizers", &[first, collapse(" ")]),
        3 => sequence("normalizers", &[first, strip(false), collapse("▁")]),
        4 => sequence("normalizers", &[strip(true), first, collapse(" ")]),
        _ => sequence("normalizers", &[first]),
    };
    let t5 = normalizer["type"] == "Precompiled" && random.below(2) == 0;
    document["pre_tokenizer"] = match random.below(2) {
        _ if t5 => sequence("pretokenizers", &[json!({"type": "WhitespaceSplit"}), mark]),
        0 => sequence("pretokenizers", &[mark]),
        _ => mark,
    };
    document["normalizer"] = normalizer;
    if !t5 && random.below(3) == 0 {
        let gaps = Gaps { unknown: random.pick(&[None, Some("<unk>")]), bytes: random.pick(&[0, 200, 256]) };
        document["model"] = model_of(&random::tokenizer(Kind::Marked, &picks(random), false, gaps));
    }
}

fn model_of(json: &str) -> Value {
    serde_json::from_str::<Value>(json).unwrap_or_default()["model"].take()
}

const SYMBOLS: &[&str] =
    &["a", "b", "é", "e", "中", "文", "б", "1", "2", "s", "A", "B", "'", ".", "x", "😀", "\u{301}", "K"];

fn word(random: &mut Random, longest: usize) -> String {
    (0..=random.below(longest)).map(|_| random.pick(SYMBOLS)).collect()
}

fn word_piece(random: &mut Random) -> Value {
    let prefix = random.pick(&["##", "##", "##", "@", ""]);
    let mut entries = Map::new();
    entries.insert("[UNK]".to_owned(), json!(0));
    for _ in 0..random.below(50) {
        let entry = [random.pick(&["", prefix]), &word(random, 3)].concat();
        let next = entries.len();
        entries.entry(entry).or_insert(json!(next));
    }
    json!({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": prefix,
        "max_input_chars_per_word": random.pick(&[100, 100, 6, 1]), "vocab": entries})
}

/// Few different scores, so that ties are frequent; one as large as the penalty for unknown characters, nearly.
fn unigram(random: &mut Random) -> Value {
    let mut entries = vec![json!(["<unk>", 0.0]), json!(["▁", -2.0])];
    for _ in 0..random.below(50) {
        let score = random.pick(&[-1.0, -2.0, -3.0, -4.0, -0.1, -0.2, -0.3, 0.5, -7.25, 9.5]);
        let piece = [random.pick(&["", "▁"]), &word(random, 4)].concat();
        entries.push(json!([piece, score]));
    }
    json!({"type": "Unigram", "unk_id": 0, "byte_fallback": random.below(2) == 0, "vocab": entries})
}

/// A row of up to twelve parts: symbols that the vocabularies hold, and what troubles pipelines.
pub fn row(random: &mut Random) -> String {
    let mut row = String::new();
    for _ in 0..random.below(13) {
        match random.below(256) {
            0..130 => row.push_str(random.pick(SYMBOLS)),
            130..160 => row.push(' '),
            160..175 => row.push('▁'),
            175..255 => row.push_str(random.pick(FRAGMENTS)),
            // Seldom: most of these are unassigned.
            _ => row.extend(u32::try_from(random.below(0x11_0000)).ok().and_then(char::from_u32)),
        }
    }
    row
}

/// A row of little else than what becomes spaces, vanishes or joins: where `Precompiled` text may be cut.
pub fn spaced(random: &mut Random) -> String {
    const PARTS: &[&str] = &[
        " ", " ", " ", "a", "中", "क", "\u{93f}", "\u{301}", "\u{a0}", "\n", "\r", "\t", "\u{200b}", "\u{feff}",
        "\u{3000}", "\u{600}", "\0", "▁", "¨",
    ];
    (0..random.below(10)).map(|_| random.pick(PARTS)).collect()
}

/// A row of ordinary prose: words that come again, with numbers and punctuation, some of it not ASCII.
pub fn prose(random: &mut Random) -> String {
    const WORDS: &[&str] = &[
        "the",
        "of",
        "and",
        "to",
        "a",
        "in",
        "that",
        "is",
        "was",
        "he",
        "for",
        "it",
        "with",
        "as",
        "his",
        "on",
        "The",
        "It",
        "people",
        "between",
        "tokenizer",
        "vocabulary",
        "government",
        "naïve",
        "für",
        "größer",
        "привет",
        "мир",
        "中文",
        "1984",
        "12",
        "3.5",
        "don't",
        "well-known",
        "(see",
        "below)",
        "end.",
        "comma,",
        "said:",
        "\"quoted\"",
        "\n",
    ];
    let mut row = String::new();
    for _ in 0..120 {
        // Small numbers are frequent, as frequent words are.
        let end = random.below(WORDS.len()) + 1;
        row.push_str(WORDS[random.below(end)]);
        row.push(' ');
    }
    row
}
