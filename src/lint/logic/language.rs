//! The texts that a test lets pass, as an automaton over bytes: exact, or not there at all.

use regex_automata::Anchored;
use regex_automata::MatchKind;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::{primitives::StateID, start};

use crate::engine::pattern::Pattern;

/// Bytes that one automaton, and the making of it, may take.
const TABLE_BYTES_MAX: usize = 4 << 20;

/// A set of texts.
#[derive(Debug)]
pub struct Language {
    dfa: dense::DFA<Vec<u32>>,
    start: StateID,
}

/// The texts that one pattern fits, or that equal one of a list.
#[derive(Debug)]
pub struct Texts {
    /// All of them, unless that would be too large.
    pub language: Option<Language>,
    /// Tells of one text what the automaton cannot.
    pattern: Option<Pattern>,
}

impl Texts {
    /// The values that a pattern fits.
    pub fn of(pattern: &Pattern) -> Texts {
        Texts { language: Language::of(&[pattern.over_whole_value()]), pattern: Some(pattern.clone()) }
    }

    /// Whether a text is one of them.
    pub fn holds(&self, text: &str) -> Option<bool> {
        let told = self.language.as_ref().and_then(|language| language.holds(text));
        told.or_else(|| self.pattern.as_ref().map(|pattern| pattern.is_match(text)))
    }
}

impl From<Option<Language>> for Texts {
    fn from(language: Option<Language>) -> Texts {
        Texts { language, pattern: None }
    }
}

/// What comes of a step.
pub enum Next {
    /// There is a way on.
    To(StateID),
    /// Nothing that begins so is in the set.
    Dead,
    /// The automaton does not know (a Unicode word boundary beside a character that is not ASCII).
    Unknown,
}

impl Language {
    /// The texts that one of the patterns fits from end to end. `None` where the automaton would be too large.
    pub fn of(patterns: &[String]) -> Option<Language> {
        let config = dense::Config::new()
            .match_kind(MatchKind::All)
            .start_kind(StartKind::Anchored)
            .unicode_word_boundary(true)
            .dfa_size_limit(Some(TABLE_BYTES_MAX))
            .determinize_size_limit(Some(TABLE_BYTES_MAX));
        let thompson =
            thompson::Config::new().which_captures(WhichCaptures::None).nfa_size_limit(Some(TABLE_BYTES_MAX));
        let dfa = dense::Builder::new().configure(config).thompson(thompson).build_many(patterns).ok()?;
        let start = dfa.start_state(&start::Config::new().anchored(Anchored::Yes)).ok()?;
        Some(Language { dfa, start })
    }

    /// Exactly these texts.
    pub fn exactly<'t>(texts: impl IntoIterator<Item = &'t str>) -> Option<Language> {
        let patterns: Vec<String> =
            texts.into_iter().map(|text| format!("^(?:{})$", regex_syntax::escape(text))).collect();
        Language::of(&patterns)
    }

    /// Whether the text is in the set; `None` where the automaton does not know.
    pub fn holds(&self, text: &str) -> Option<bool> {
        let mut state = self.start;
        for byte in text.bytes() {
            match self.next(state, byte) {
                Next::To(next) => state = next,
                Next::Dead => return Some(false),
                Next::Unknown => return None,
            }
        }
        self.accepts(state)
    }

    /// The state before the first byte.
    pub fn start(&self) -> StateID {
        self.start
    }

    /// One byte on.
    pub fn next(&self, state: StateID, byte: u8) -> Next {
        let next = self.dfa.next_state(state, byte);
        match () {
            () if self.dfa.is_dead_state(next) => Next::Dead,
            () if self.dfa.is_quit_state(next) => Next::Unknown,
            () => Next::To(next),
        }
    }

    /// Whether a text that ends here is in the set.
    pub fn accepts(&self, state: StateID) -> Option<bool> {
        let end = self.dfa.next_eoi_state(state);
        (!self.dfa.is_quit_state(end)).then(|| self.dfa.is_match_state(end))
    }

    /// A number for each byte; bytes of equal number are never told apart.
    pub fn class(&self, byte: u8) -> u8 {
        self.dfa.byte_classes().get(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_as_the_pattern_does() {
        let check = |pattern: &str, text: &str, expected: Option<bool>| {
            let language = Language::of(&[pattern.to_owned()]).unwrap();
            assert_eq!(language.holds(text), expected, "{pattern} on {text:?}");
        };
        check(r"^(?:4\d{2})$", "404", Some(true));
        check(r"^(?:4\d{2})$", "1404", Some(false));
        check("^(?:4|404)$", "404", Some(true));
        check("^(?:.*)$", "a\nb", Some(false));
        check("^(?s:.*)(?:é)(?s:.*)$", "caf\u{e9}!", Some(true));
        check(r"^(?s:.*)(?:\bfull\b)(?s:.*)$", "is full.", Some(true));
        check(r"^(?s:.*)(?:\bfull\b)(?s:.*)$", "é full", None);
        check("^(?:a|ab)$", "ab", Some(true));
        check("^(?:)$", "", Some(true));
    }

    #[test]
    fn several_patterns_are_one_set() {
        let language = Language::exactly(["a.c", "b"]).unwrap();
        assert_eq!(language.holds("a.c"), Some(true));
        assert_eq!(language.holds("b"), Some(true));
        assert_eq!(language.holds("abc"), Some(false));
    }

    #[test]
    fn what_is_too_large_is_not_there() {
        assert!(Language::of(&[r"^(?:(?:\w{40}|x){60})$".to_owned()]).is_none());
    }
}
