//! Many tests of one subject, asked at once: which of them can a value pass? Values to be equalled are looked up
//! as text, so that a test for one is still to be made; patterns are run side by side as one automaton.

use std::collections::HashMap;
use std::panic::{RefUnwindSafe, UnwindSafe};

use regex_automata::hybrid::dfa::{Cache, DFA, OverlappingState};
use regex_automata::nfa::thompson;
use regex_automata::util::pool::Pool;
use regex_automata::{Anchored, Input, MatchKind};

use super::super::condition::{Literal, Test};
use super::super::facts::Datum;
use super::super::pattern;

/// A rule that can match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its place in its set.
    pub place: usize,
    /// Whether its condition is known to hold; else it is to be asked.
    pub holds: bool,
}

impl Candidate {
    /// A rule that is to be asked.
    pub fn unsure(place: usize) -> Candidate {
        Candidate { place, holds: false }
    }
}

/// The compiled patterns of one lookup; larger ones are asked one by one.
const COMPILED_BYTES_MAX: usize = 32 << 20;

/// Rules by what passes their tests.
#[derive(Debug, Default)]
pub struct Lookup {
    texts: HashMap<String, Vec<Candidate>>,
    /// By the bits of the number.
    numbers: HashMap<u64, Vec<Candidate>>,
    nulls: Vec<Candidate>,
    patterns: Option<Patterns>,
}

/// Patterns run side by side.
#[derive(Debug)]
struct Patterns {
    automaton: DFA,
    caches: Pool<Cache, NewCache>,
    /// The rule of each pattern.
    rules: Vec<Candidate>,
}

type NewCache = Box<dyn Fn() -> Cache + Send + Sync + UnwindSafe + RefUnwindSafe>;

impl Lookup {
    /// A lookup of the tests of these rules; a candidate that `holds` is a rule whose condition is the test alone.
    /// `None` where they cannot be asked at once: one asks for presence, or the patterns are too large together.
    pub fn new<'t>(tests: impl Iterator<Item = (Candidate, &'t Test)>) -> Option<Lookup> {
        let mut lookup = Lookup::default();
        let mut patterns = Vec::new();
        for (rule, test) in tests {
            match test {
                Test::Exists(_) => return None,
                Test::Equals(literals) => literals.iter().for_each(|literal| lookup.add(literal, rule.place)),
                Test::Matches(some) => patterns.extend(some.iter().map(|p| (p.over_whole_value(), rule))),
                Test::Contains(texts) => {
                    let anywhere = |text: &String| pattern::anywhere(&regex_syntax::escape(text));
                    patterns.extend(texts.iter().map(|text| (anywhere(text), rule)));
                }
            }
        }
        if !patterns.is_empty() {
            lookup.patterns = Some(Patterns::new(patterns)?);
        }
        Some(lookup)
    }

    fn add(&mut self, literal: &Literal, place: usize) {
        let rule = Candidate::unsure(place);
        let text = match literal {
            Literal::Null => return self.nulls.push(rule),
            Literal::Text(text) => text.as_str(),
            Literal::Bool(true) => "true",
            Literal::Bool(false) => "false",
            Literal::Number(number) => {
                if let Some(bits) = bits(number) {
                    self.numbers.entry(bits).or_default().push(rule);
                }
                number
            }
        };
        self.texts.entry(text.to_owned()).or_default().push(rule);
    }

    /// The rules whose tests one of the values may pass, first to last; `None` where that cannot be told.
    pub fn passed_by(&self, values: &[Datum<'_>]) -> Option<Vec<Candidate>> {
        let mut rules = Vec::new();
        for value in values {
            match value.text() {
                None => rules.extend(&self.nulls),
                Some(text) => self.find(&text, &mut rules)?,
            }
        }
        // Of one rule, what holds comes first and stays.
        rules.sort_unstable_by_key(|rule| (rule.place, !rule.holds));
        rules.dedup_by_key(|rule| rule.place);
        Some(rules)
    }

    fn find(&self, text: &str, rules: &mut Vec<Candidate>) -> Option<()> {
        rules.extend(self.texts.get(text).into_iter().flatten());
        if !self.numbers.is_empty() {
            rules.extend(bits(text).and_then(|bits| self.numbers.get(&bits)).into_iter().flatten());
        }
        self.patterns.as_ref().map_or(Some(()), |patterns| patterns.find(text, rules))
    }
}

/// Numbers that are equal have the same bits, zero of either sign too.
fn bits(number: &str) -> Option<u64> {
    number.parse::<f64>().ok().map(|number| (number + 0.0).to_bits())
}

impl Patterns {
    fn new(patterns: Vec<(String, Candidate)>) -> Option<Patterns> {
        let (texts, rules): (Vec<String>, Vec<Candidate>) = patterns.into_iter().unzip();
        let config = DFA::config()
            .match_kind(MatchKind::All)
            // Gives up at the first character that is not ASCII.
            .unicode_word_boundary(true)
            .skip_cache_capacity_check(true)
            // Gives up where it would go on building states and throwing them away, as `regex` does.
            .minimum_cache_clear_count(Some(3))
            .minimum_bytes_per_state(Some(10));
        let automaton = DFA::builder()
            .configure(config)
            .thompson(thompson::Config::new().nfa_size_limit(Some(COMPILED_BYTES_MAX)))
            .build_many(&texts)
            .ok()?;
        let new_cache: NewCache = {
            let automaton = automaton.clone();
            Box::new(move || automaton.create_cache())
        };
        Some(Patterns { automaton, caches: Pool::new(new_cache), rules })
    }

    /// Adds the rules whose patterns fit the whole value; `None` where the automaton gave up.
    fn find(&self, text: &str, rules: &mut Vec<Candidate>) -> Option<()> {
        let input = Input::new(text).anchored(Anchored::Yes);
        let mut cache = self.caches.get();
        let mut state = OverlappingState::start();
        loop {
            self.automaton.try_search_overlapping_fwd(&mut cache, &input, &mut state).ok()?;
            let Some(fitting) = state.get_match() else { return Some(()) };
            rules.extend(self.rules.get(fitting.pattern().as_usize()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::json::JsonText;
    use super::super::super::pattern::{Extent, Pattern};
    use super::*;

    fn pattern(text: &str, extent: Extent) -> Test {
        Test::Matches(vec![Pattern::parse(text, extent).unwrap()])
    }

    fn tests() -> Vec<Test> {
        let literal = |literal| Test::Equals(vec![Literal::Text("no".to_owned()), literal]);
        let mut tests =
            vec![literal(Literal::Null), literal(Literal::Bool(true)), literal(Literal::Bool(false))];
        for text in ["1", "1.0", "0", "-0", "1e2", "true", "E1", "é", ""] {
            tests.push(literal(Literal::Text(text.to_owned())));
            tests.push(literal(Literal::Number(text.to_owned())));
        }
        for text in
            ["E1", "E[12]", "1|1.0", "(?s).*é.*", "(?i)e1(?x) # both", "(?m)^E1$", "", r"\w\d?", "[^1]*"]
        {
            tests.push(pattern(text, Extent::Whole));
        }
        for text in ["E", "^1", "é$", "(?x) E # e", "(?m)^E1$", "1|é", ""] {
            tests.push(pattern(text, Extent::Anywhere));
        }
        tests.extend(
            ["E1", "é", "\n", ".", "\"", "[^1]*"]
                .map(|text| Test::Contains(vec!["no".to_owned(), text.to_owned()])),
        );
        tests
    }

    fn lookup(tests: &[Test]) -> Lookup {
        let rules = tests.iter().enumerate().map(|(place, test)| (Candidate { place, holds: true }, test));
        Lookup::new(rules).unwrap()
    }

    #[track_caller]
    fn check(value: Datum<'_>) {
        let tests = tests();
        let values = [Datum::Text("elsewhere".into()), value];
        let passed = lookup(&tests).passed_by(&values).unwrap();
        assert!(passed.is_sorted_by(|a, b| a.place < b.place));
        for (place, test) in tests.iter().enumerate() {
            let candidate = passed.iter().find(|rule| rule.place == place);
            let exact = !matches!(test, Test::Equals(_));
            match test.holds(&values) {
                true => assert_eq!(candidate.map(|rule| rule.holds), Some(exact), "{test} on {values:?}"),
                false => assert!(candidate.is_none_or(|rule| !rule.holds), "{test} on {values:?}"),
            }
        }
    }

    #[test]
    fn what_a_value_passes_is_found() {
        for json in [
            "1",
            "1.0",
            "10e-1",
            "100",
            "0",
            "-0.0",
            "true",
            "false",
            "null",
            r#""1""#,
            r#""true""#,
            r#""E1""#,
            r#""E2""#,
            r#""a\nE1\nb""#,
            r#""\u00e9""#,
            r#""caf\u00e9 1""#,
            r#""""#,
            "[1]",
            r#"{"E1":"é"}"#,
        ] {
            check(Datum::Json(JsonText::new(json.as_bytes())));
        }
        for text in ["", "1", "1.0", "E1", "e1", "true", "é", "a.b\n", "nan"] {
            check(Datum::Text(text.into()));
        }
        check(Datum::Present);
    }

    #[test]
    fn a_word_boundary_is_told_in_ascii_only() {
        let lookup = lookup(&[pattern(r"\bE1\b", Extent::Anywhere)]);
        let passed =
            |text: &'static str| lookup.passed_by(&[Datum::Text(text.into())]).map(|rules| rules.len());
        assert_eq!([passed("an E1"), passed("anE1"), passed("é E1")], [Some(1), Some(0), None]);
    }

    #[test]
    fn presence_is_not_looked_up() {
        assert!(Lookup::new([(Candidate::unsure(0), &Test::Exists(true))].into_iter()).is_none());
    }
}
