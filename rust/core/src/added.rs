//! Added tokens (`<mask>`, `<|endoftext|>`) found in raw text exactly as the crate finds them, or not at all.
//!
//! The crate searches twice, leftmost-longest: tokens with `normalized: false` in the raw row, then, in what lies
//! between, tokens with `normalized: true` in the normalised text. A token that strips neighbouring whitespace or
//! asks for word borders sends its row to the crate; so does a possible match of a normalised token where the
//! normaliser is not followed here.

use std::borrow::Cow;
use std::ops::Range;

use aho_corasick::{AhoCorasick, Input, Match, MatchKind};
use memchr::memmem::Finder;
use tokenizers::AddedToken;
use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;

use crate::normal::{lowercase, nfc};
use crate::tokenizer::Loaded;
use crate::unicode::decode;

/// A part of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// An added token.
    Token(u32),
    /// Text between added tokens, by its place in the row.
    Text(Range<usize>),
    /// The same after a normaliser that changed it; `true` if it begins the row.
    Owned(String, bool),
}

/// How the normaliser acts on text between added tokens, as far as finding tokens is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalization {
    /// There is none.
    None,
    /// Unicode NFC, followed here.
    Nfc,
    /// NFC, each stretch of whitespace made one space, lowercase; followed here but for whitespace, which the tokens looked
    /// for do not hold and the cutter leaves out.
    NfcLowercase,
    /// Left to the piece tokeniser; tokens that match after it are looked for by [`Guard`].
    Later(Guard),
}

impl Normalization {
    /// What is followed here of a text's normal form.
    fn of(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::None | Self::Later(_) => Cow::Borrowed(text),
            Self::Nfc => nfc(text),
            Self::NfcLowercase => Cow::Owned(lowercase(nfc(text).into_owned())),
        }
    }
}

/// A test that no match of a normalised token can slip through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// There may be no normalised tokens at all.
    Forbid,
    /// Only spaces become another character: the token's own text must occur.
    Spaces,
    /// BERT's cleaning: characters may vanish, lose accents or case, but an opening mark such as `[` comes from itself.
    Bert,
}

#[derive(Debug)]
struct Matcher {
    search: AhoCorasick,
    /// What all tokens begin with, if that is more than a byte: often there is none of it in a row.
    beginning: Option<Finder<'static>>,
    ids: Vec<u32>,
    plain: Vec<bool>,
}

impl Matcher {
    fn new(tokens: &[(u32, &AddedToken, String)]) -> Result<Option<Self>, String> {
        if tokens.is_empty() {
            return Ok(None);
        }
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(tokens.iter().map(|(_, _, pattern)| pattern))
            .map_err(|e| e.to_string())?;
        let beginning = common_beginning(tokens.iter().map(|(_, _, pattern)| pattern.as_bytes()));
        Ok(Some(Self {
            search,
            beginning: (beginning.len() > 1).then(|| Finder::new(beginning).into_owned()),
            ids: tokens.iter().map(|&(id, _, _)| id).collect(),
            plain: tokens.iter().map(|(_, token, _)| !(token.lstrip || token.rstrip || token.single_word)).collect(),
        }))
    }

    /// What is found, leftmost-longest.
    fn find<'h>(&self, haystack: &'h str) -> impl Iterator<Item = Match> + use<'_, 'h> {
        let from = self.beginning.as_ref().map_or(Some(0), |beginning| beginning.find(haystack.as_bytes()));
        from.into_iter().flat_map(move |from| self.search.find_iter(Input::new(haystack).range(from..)))
    }

    /// Calls `token` and `text` for the parts of `haystack`; false if a token here needs the crate.
    fn split(&self, haystack: &str, mut part: impl FnMut(Option<u32>, Range<usize>)) -> bool {
        let mut done = 0;
        for found in self.find(haystack) {
            let index = found.pattern().as_usize();
            if !self.plain[index] {
                return false;
            }
            if done < found.start() {
                part(None, done..found.start());
            }
            part(Some(self.ids[index]), found.start()..found.end());
            done = found.end();
        }
        if done < haystack.len() {
            part(None, done..haystack.len());
        }
        true
    }
}

/// The longest beginning that all have.
fn common_beginning<'t>(mut texts: impl Iterator<Item = &'t [u8]>) -> &'t [u8] {
    let first = texts.next().unwrap_or_default();
    texts.fold(first, |common, text| {
        let length = common.iter().zip(text).take_while(|(one, other)| one == other).count();
        &common[..length]
    })
}

/// The added tokens of a tokenizer, ready for the search.
#[derive(Debug)]
pub struct AddedTokens {
    raw: Option<Matcher>,
    normalized: Option<Matcher>,
    normalization: Normalization,
    needles: Option<AhoCorasick>,
    marks: Vec<Vec<u8>>,
    lowercase: bool,
}

impl AddedTokens {
    /// Prepares the search; `Err` says why this tokenizer's added tokens cannot be followed here.
    pub fn new(loaded: &Loaded, normalization: Normalization, lowercase: bool) -> Result<Self, String> {
        let decoder = loaded.inner.get_added_vocabulary().get_added_tokens_decoder();
        let mut tokens: Vec<(u32, &AddedToken)> = decoder.iter().map(|(&id, token)| (id, token)).collect();
        tokens.sort_unstable_by_key(|&(id, _)| id);
        // Of a normalised token the crate looks for what it keeps beside its id, which may be of another that had it before.
        let kept = |id: u32| loaded.inner.get_added_vocabulary().simple_id_to_token(id).unwrap_or_default();
        let pattern = |id, token: &AddedToken| if token.normalized { kept(id) } else { token.content.clone() };
        let (late, raw): (Vec<_>, Vec<_>) = tokens
            .into_iter()
            .map(|(id, token)| (id, token, pattern(id, token)))
            .partition(|(_, token, _)| token.normalized);
        let raw = Matcher::new(&raw)?;
        let mut this = Self { raw, normalized: None, normalization, needles: None, marks: Vec::new(), lowercase };
        match normalization {
            Normalization::NfcLowercase if late.iter().any(|(_, _, pattern)| pattern.contains(' ')) => {
                return Err("an added token with a space is matched after normalisation".to_owned());
            }
            Normalization::None | Normalization::Nfc | Normalization::NfcLowercase => {
                this.normalized = Matcher::new(&late)?;
            }
            Normalization::Later(guard) => this.guard(guard, &late)?,
        }
        Ok(this)
    }

    fn guard<'t>(&mut self, guard: Guard, late: &'t [(u32, &AddedToken, String)]) -> Result<(), String> {
        if late.is_empty() {
            return Ok(());
        }
        let refusal = |token: &AddedToken| format!("added token {:?} is matched after normalisation", token.content);
        match guard {
            Guard::Forbid => return Err(refusal(late[0].1)),
            Guard::Spaces => {
                // One `▁` may have come from the normaliser.
                let own = |pattern: &'t str| pattern.strip_prefix('▁').unwrap_or(pattern);
                let refused = |text: &str| text.is_empty() || text.contains([' ', '▁']);
                if let Some((_, token, _)) = late.iter().find(|(_, _, pattern)| refused(own(pattern))) {
                    return Err(refusal(token));
                }
                let needles = AhoCorasick::new(late.iter().map(|(_, _, pattern)| own(pattern)));
                self.needles = Some(needles.map_err(|e| e.to_string())?);
            }
            Guard::Bert => {
                for (_, token, pattern) in late {
                    let opening = pattern.bytes().next().is_some_and(|b| b"[](){}".contains(&b));
                    if !opening || !pattern.bytes().all(|b| b.is_ascii_graphic()) {
                        return Err(refusal(token));
                    }
                    self.marks.push(pattern.clone().into_bytes());
                }
            }
        }
        Ok(())
    }

    /// Splits a row; `false` if only the crate can tell.
    pub fn split(&self, row: &str, parts: &mut Vec<Part>) -> bool {
        parts.clear();
        if self.may_match_later(row.as_bytes()) {
            return false;
        }
        let mut follow = true;
        let mut text = |range: Range<usize>, parts: &mut Vec<Part>| {
            follow = follow && self.split_normalized(row, range, parts);
        };
        let plain = match &self.raw {
            None => {
                text(0..row.len(), parts);
                true
            }
            Some(raw) => raw.split(row, |id, range| match id {
                Some(id) => parts.push(Part::Token(id)),
                None => text(range, parts),
            }),
        };
        plain && follow
    }

    /// Whether [`AddedTokens::split`] would give a row back as one text, as it is.
    pub fn leaves_whole(&self, row: &str) -> bool {
        let absent = |tokens: &Option<Matcher>| tokens.as_ref().is_none_or(|tokens| tokens.find(row).next().is_none());
        let normal = || match self.normalization.of(row) {
            Cow::Borrowed(_) => true,
            Cow::Owned(text) => text == row,
        };
        !row.is_empty()
            && !self.may_match_later(row.as_bytes())
            && absent(&self.raw)
            && absent(&self.normalized)
            && normal()
    }

    fn split_normalized(&self, row: &str, range: Range<usize>, parts: &mut Vec<Part>) -> bool {
        let segment = &row[range.clone()];
        let normalized = self.normalization.of(segment);
        let owned = matches!(normalized, Cow::Owned(_));
        let text = |part: Range<usize>| {
            let begins = range.start + part.start == 0;
            if owned {
                Part::Owned(normalized[part].to_owned(), begins)
            } else {
                Part::Text(range.start + part.start..range.start + part.end)
            }
        };
        match &self.normalized {
            None if normalized.is_empty() => true,
            None => {
                parts.push(text(0..normalized.len()));
                true
            }
            Some(late) => late.split(&normalized, |id, part| parts.push(id.map_or_else(|| text(part), Part::Token))),
        }
    }

    fn may_match_later(&self, row: &[u8]) -> bool {
        if let Some(needles) = &self.needles {
            return needles.is_match(row);
        }
        self.marks.iter().any(|mark| memchr::memchr_iter(mark[0], row).any(|at| self.mark_at(mark, &row[at..])))
    }

    /// Whether cleaned text could spell `mark` from here; what may vanish or become ASCII counts as yes.
    fn mark_at(&self, mark: &[u8], text: &[u8]) -> bool {
        for (index, &wanted) in mark.iter().enumerate() {
            let Some(&byte) = text.get(index) else { return false };
            let printable = byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            if !printable {
                return char::from_u32(decode(text, index).0).is_none_or(may_spell);
            }
            let same = byte == wanted || (self.lowercase && byte.eq_ignore_ascii_case(&wanted));
            if !same {
                return false;
            }
        }
        true
    }
}

/// Whether BERT's normaliser may remove a character, or make something of it that holds ASCII, with or without accents;
/// but for whitespace, which becomes a space, and no token that is looked for here holds one.
///
/// All others leave a character that is not ASCII where they stood. NFD may move it, if it is a combining mark, but not
/// beyond the next character that is none, such as any of an added token; so no such token is spelled across it.
fn may_spell(character: char) -> bool {
    let removed = character == '\0' || character == '\u{fffd}' || character.is_other();
    let text = character.to_string();
    let decomposed = || text.chars().nfd().map(|(part, _)| part);
    removed
        || decomposed().all(UnicodeCategories::is_mark_nonspacing)
        || decomposed().chain([character]).flat_map(char::to_lowercase).any(|part| part.is_ascii())
}

#[cfg(test)]
#[path = "added_tests.rs"]
mod tests;
