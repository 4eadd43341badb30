//! Whether some text is in all of these sets and in none of those: their automata run side by side, from the
//! shortest text to longer ones. Bounded; over the bound it is not decided, and nobody guesses.

use std::cell::Cell;
use std::collections::HashSet;

use regex_automata::util::primitives::StateID;

use super::language::{Language, Next};

/// States that are looked at before it is given up.
const STATES_MAX: usize = 20_000;
/// Steps of single automata that one question may cost: a few tenths of a second.
const STEPS_MAX: usize = 4_000_000;

/// The steps that are left for one question, which may need several products.
#[derive(Debug)]
pub struct Budget(Cell<usize>);

impl Default for Budget {
    fn default() -> Budget {
        Budget(Cell::new(STEPS_MAX))
    }
}

impl Budget {
    /// For the next question.
    pub fn renew(&self) {
        self.0.set(STEPS_MAX);
    }

    /// Whether there were so many left.
    fn spend(&self, steps: usize) -> bool {
        let left = self.0.get().checked_sub(steps);
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }
}

/// What there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// This text, as short as any.
    Found(String),
    /// No text at all.
    None,
    /// It was not decided.
    Unknown,
}

/// A text that is in all of `inside` and in none of `outside`. One of `inside` holds UTF-8 only.
pub fn member(inside: &[&Language], outside: &[&Language], budget: &Budget) -> Member {
    let bytes = alphabet(inside, outside);
    let start = State {
        inside: inside.iter().map(|language| language.start()).collect(),
        outside: outside.iter().map(|language| Some(language.start())).collect(),
    };
    let mut seen = HashSet::from([start.clone()]);
    // Each state with the one it came from and by which byte.
    let mut reached = vec![(start, 0, 0)];
    let (mut at, mut unknown) = (0, false);
    let steps_each = bytes.len() * (inside.len() + outside.len());
    while let Some((state, _, _)) = reached.get(at) {
        if !budget.spend(steps_each) {
            return Member::Unknown;
        }
        let state = state.clone();
        match state.accepts(inside, outside) {
            Some(true) => return text(&reached, at),
            Some(false) => {}
            None => unknown = true,
        }
        for byte in &bytes {
            match state.next(*byte, inside, outside) {
                Step::To(next) => {
                    if seen.insert(next.clone()) {
                        reached.push((next, at, *byte));
                    }
                }
                Step::Nowhere => {}
                Step::Unknown => unknown = true,
            }
        }
        if reached.len() > STATES_MAX {
            return Member::Unknown;
        }
        at += 1;
    }
    if unknown { Member::Unknown } else { Member::None }
}

/// Where each automaton stands; `None` is one that can say no more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    inside: Vec<StateID>,
    outside: Vec<Option<StateID>>,
}

enum Step {
    To(State),
    Nowhere,
    Unknown,
}

impl State {
    fn accepts(&self, inside: &[&Language], outside: &[&Language]) -> Option<bool> {
        for (state, language) in self.inside.iter().zip(inside) {
            if !language.accepts(*state)? {
                return Some(false);
            }
        }
        for (state, language) in self.outside.iter().zip(outside) {
            if let Some(state) = state
                && language.accepts(*state)?
            {
                return Some(false);
            }
        }
        Some(true)
    }

    fn next(&self, byte: u8, inside: &[&Language], outside: &[&Language]) -> Step {
        let mut next = State { inside: Vec::with_capacity(inside.len()), outside: Vec::new() };
        let mut unknown = false;
        for (state, language) in self.inside.iter().zip(inside) {
            match language.next(*state, byte) {
                Next::To(state) => next.inside.push(state),
                Next::Dead => return Step::Nowhere,
                Next::Unknown => unknown = true,
            }
        }
        next.outside.reserve(outside.len());
        for (state, language) in self.outside.iter().zip(outside) {
            let state = state.map(|state| language.next(state, byte));
            next.outside.push(match state {
                Some(Next::To(state)) => Some(state),
                Some(Next::Dead) | None => None,
                Some(Next::Unknown) => return Step::Unknown,
            });
        }
        if unknown { Step::Unknown } else { Step::To(next) }
    }
}

/// One byte of each kind that the automata tell apart, those that people read best first.
fn alphabet(inside: &[&Language], outside: &[&Language]) -> Vec<u8> {
    let mut seen = HashSet::new();
    let key = |byte: &u8| -> Vec<u8> {
        inside.iter().chain(outside).map(|language| language.class(*byte)).collect()
    };
    readable().filter(|byte| seen.insert(key(byte))).collect()
}

/// All bytes: digits, letters, other printable ASCII, line feed, the rest.
fn readable() -> impl Iterator<Item = u8> {
    let first = (b'0'..=b'9').chain(b'a'..=b'z').chain(b'A'..=b'Z');
    let printable = (b' '..=b'~').filter(|byte| !byte.is_ascii_alphanumeric());
    first
        .chain(printable)
        .chain([b'\n'])
        .chain((0..=u8::MAX).filter(|byte| *byte != b'\n' && !(b' '..=b'~').contains(byte)))
}

/// The bytes that led to a state.
fn text(reached: &[(State, usize, u8)], mut at: usize) -> Member {
    let mut bytes = Vec::new();
    while at != 0
        && let Some((_, before, byte)) = reached.get(at)
    {
        bytes.push(*byte);
        at = *before;
    }
    bytes.reverse();
    String::from_utf8(bytes).map_or(Member::Unknown, Member::Found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::pattern::{Extent, Pattern};

    fn language(pattern: &str) -> Language {
        Language::of(&[Pattern::parse(pattern, Extent::Whole).unwrap().over_whole_value()]).unwrap()
    }

    fn asked(inside: &[&str], outside: &[&str]) -> Member {
        let text = language("(?s).*");
        let (inside, outside): (Vec<_>, Vec<_>) =
            (inside.iter().map(|p| language(p)).collect(), outside.iter().map(|p| language(p)).collect());
        let inside: Vec<&Language> = inside.iter().chain([&text]).collect();
        member(&inside, &outside.iter().collect::<Vec<_>>(), &Budget::default())
    }

    #[test]
    fn the_shortest_text_that_people_read_best_is_found() {
        let check = |inside: &[&str], outside: &[&str], expected: Option<&str>| {
            let expected = expected.map_or(Member::None, |text| Member::Found(text.to_owned()));
            assert_eq!(asked(inside, outside), expected, "{inside:?} without {outside:?}");
        };
        check(&[r"4\d{2}"], &[], Some("400"));
        check(&[r"4\d{2}"], &["404"], Some("400"));
        check(&[r"4\d{2}"], &["40."], Some("410"));
        check(&["4[0-9]{2}"], &["40.", "4[1-9]."], None);
        // `\d` is a digit of any script.
        check(&[r"4\d{2}"], &["[0-9]+"], Some("40\u{660}"));
        check(&[r"4\d{2}", "...4"], &[], None);
        check(&[r"(?s).*4\d{2}.*", "[1-9][0-9]*"], &[r"4\d{2}"], Some("1400"));
        check(&["(?s).*not found.*"], &[".*not found.*"], Some("not found\n"));
        check(&["(?s).*"], &[".*"], Some("\n"));
        check(&[".*"], &["(?s).*"], None);
        check(&["é|ü"], &["é"], Some("ü"));
        check(&["(?i)busy"], &["busy", "BUSY"], Some("busY"));
        check(&["a{3,}"], &["(aa)*"], Some("aaa"));
    }

    #[test]
    fn too_much_is_not_decided() {
        let words: Vec<String> = ('a'..='z').map(|letter| format!("(?s).*{letter}{letter}.*")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(asked(&words, &[]), Member::Unknown);
    }

    fn pattern() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "a", "b", ".", ".*", "[ab]*", "(?:a|bb)", "a?", "b+", "é", "\\d", "(?s:.)", "\n",
        ]);
        prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn a_member_is_one_and_where_there_is_none_no_text_is(
            inside in prop::collection::vec(pattern(), 1..3),
            outside in prop::collection::vec(pattern(), 0..3),
            texts in prop::collection::vec("[ab1é\n]{0,5}", 20),
        ) {
            let parsed = |patterns: &[String]| -> Vec<Pattern> {
                patterns.iter().map(|p| Pattern::parse(p, Extent::Whole).unwrap()).collect()
            };
            let (ins, outs) = (parsed(&inside), parsed(&outside));
            let is_member = |text: &str| {
                ins.iter().all(|p| p.is_match(text)) && !outs.iter().any(|p| p.is_match(text))
            };
            let inside: Vec<&str> = inside.iter().map(String::as_str).collect();
            let outside: Vec<&str> = outside.iter().map(String::as_str).collect();
            match asked(&inside, &outside) {
                Member::Found(text) => prop_assert!(is_member(&text), "{text:?}"),
                Member::None => prop_assert!(!texts.iter().any(|text| is_member(text))),
                Member::Unknown => prop_assert!(false, "small patterns are decided"),
            }
        }
    }
}
