//! Tests of the body's text, decided while it goes by: all of a rule set's in one pass, each as soon as the text
//! so far tells. A pattern that is searched for holds with the byte that ends its match; one for the whole value
//! is ruled out by the first byte that does not fit. What a table cannot tell waits for the end of the body.

use std::ops::Range;

use super::condition::{Test, Truth};
use alphabet::Alphabet;
use automaton::{At, Automaton, first_candidate};
use findings::Findings;
use regex_automata::util::prefilter::Prefilter;
use table::Search;

mod alphabet;
mod automaton;
mod findings;
mod table;
mod wanted;

/// Bytes of all tables of a rule set.
const TABLES_BYTES_MAX: usize = 8 << 20;

/// The searches of a rule set.
#[derive(Debug, Default)]
pub struct TextSet {
    count: usize,
    parts: Vec<Part>,
}

/// Searches that share an alphabet.
#[derive(Debug)]
struct Part {
    alphabet: Alphabet,
    automata: Vec<Automaton>,
    /// Finds where a match of any automaton may begin that skips; only if there are several, which would each look.
    prefilter: Option<Prefilter>,
}

/// The searches that one test asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought(Range<usize>);

/// What has been learnt of a text so far.
#[derive(Debug, Default)]
pub struct Watch {
    places: Vec<At>,
    findings: Findings,
}

impl TextSet {
    /// A set for these tests, and what to ask it for each of them; nothing for a test that it cannot decide.
    pub fn new<'t>(tests: impl IntoIterator<Item = &'t Test>) -> (TextSet, Vec<Option<Sought>>) {
        let mut searches: Vec<Search> = Vec::new();
        let mut seek = |test| {
            let first = searches.len();
            searches.extend(wanted::of(test)?.into_iter().zip(first..).map(|(hir, number)| (number, hir)));
            Some(Sought(first..searches.len()))
        };
        let sought = tests.into_iter().map(&mut seek).collect();
        let mut set = TextSet { count: searches.len(), parts: Vec::new() };
        set.add(&searches, &mut { TABLES_BYTES_MAX });
        (set, sought)
    }

    /// Whether there is nothing to watch for.
    pub fn is_empty(&self) -> bool {
        self.automata().next().is_none()
    }

    fn add(&mut self, searches: &[Search], bytes_left: &mut usize) {
        if searches.is_empty() {
            return;
        }
        match Alphabet::new(searches.iter().map(|(_, hir)| hir)) {
            Some(alphabet) => {
                let automata = table::automata(searches, &alphabet, bytes_left);
                let several =
                    automata.iter().filter(|automaton| automaton.skips(automaton.start())).count() > 1;
                let prefilter = several.then(|| table::common_prefilter(searches, &alphabet)).flatten();
                self.parts.push(Part { alphabet, automata, prefilter });
            }
            None if searches.len() > 1 => {
                let (first, second) = searches.split_at(searches.len() / 2);
                self.add(first, bytes_left);
                self.add(second, bytes_left);
            }
            None => {}
        }
    }

    fn automata(&self) -> impl Iterator<Item = &Automaton> {
        self.parts.iter().flat_map(|part| &part.automata)
    }
}

impl Watch {
    /// Before the first character.
    pub fn new(set: &TextSet) -> Watch {
        Watch { places: set.automata().map(Automaton::start).collect(), findings: Findings::new(set.count) }
    }

    /// Reads the next characters.
    pub fn feed(&mut self, set: &TextSet, text: &str) {
        let mut places = self.places.iter_mut();
        for part in &set.parts {
            let text = part.alphabet.write(text);
            let skipping = part.prefilter.as_ref().map_or(0, |prefilter| first_candidate(prefilter, &text));
            for (automaton, place) in part.automata.iter().zip(places.by_ref()) {
                let begin = if automaton.skips(*place) { skipping } else { 0 };
                *place = automaton.feed(*place, text.get(begin..).unwrap_or_default(), &mut self.findings);
            }
        }
    }

    /// The text has ended.
    pub fn finish(&mut self, set: &TextSet) {
        let Watch { places, findings } = self;
        let ended = || places.iter().copied().zip(set.automata());
        ended().for_each(|(place, automaton)| automaton.note_end(place, findings));
        let read: usize =
            ended().filter(|(place, _)| *place != At::Stopped).map(|(_, automaton)| automaton.width()).sum();
        if read == set.count {
            findings.rule_out_rest();
        } else {
            ended().for_each(|(place, automaton)| automaton.rule_out_rest(place, findings));
        }
        places.clear();
    }

    /// What follows cannot be read: what is not known now stays so.
    pub fn stop(&mut self) {
        self.places.clear();
    }

    /// Whether reading on would tell nothing.
    pub fn is_idle(&self) -> bool {
        self.places.iter().all(|place| *place == At::Stopped)
    }

    /// How much is known. Grows, so a change says that something new is known.
    pub fn settled(&self) -> usize {
        self.findings.settled()
    }

    /// Whether it is known that no test holds.
    pub fn none_holds(&self) -> bool {
        self.findings.none_matches()
    }

    /// Whether the test holds that asked for this.
    pub fn truth(&self, sought: &Sought) -> Truth {
        self.findings.any(&sought.0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::super::condition::Literal;
    use super::super::pattern::{Extent, Pattern};
    use super::*;

    fn matches(pattern: &str) -> Test {
        Test::Matches(vec![Pattern::parse(pattern, Extent::Whole).unwrap()])
    }

    fn search(pattern: &str) -> Test {
        Test::Matches(vec![Pattern::parse(pattern, Extent::Anywhere).unwrap()])
    }

    fn contains(needle: &str) -> Test {
        Test::Contains(vec![needle.to_owned()])
    }

    fn equals(text: &str) -> Test {
        Test::Equals(vec![Literal::Text(text.to_owned())])
    }

    /// After each chunk, and at the end: `+` holds, `-` does not, `.` not known.
    fn watched((set, sought): &(TextSet, Vec<Option<Sought>>), chunks: &[&str]) -> Vec<String> {
        let mut watch = Watch::new(set);
        let marks = |watch: &Watch| {
            let mark = |sought: &Option<Sought>| match watch.truth(sought.as_ref().unwrap()) {
                Truth::True => '+',
                Truth::False => '-',
                Truth::Unknown => '.',
            };
            sought.iter().map(mark).collect()
        };
        let mut seen = Vec::new();
        for chunk in chunks {
            watch.feed(set, chunk);
            seen.push(marks(&watch));
        }
        watch.finish(set);
        seen.push(marks(&watch));
        seen
    }

    #[track_caller]
    fn check(test: Test, chunks: &[&str], expected: &str) {
        assert_eq!(watched(&TextSet::new([&test]), chunks).concat(), expected, "{test} on {chunks:?}");
    }

    #[test]
    fn a_search_holds_with_the_byte_that_ends_its_match() {
        check(search("not found"), &["record not", " foun", "d", " here"], "..+++");
        check(search("(?i)not found"), &["All is NOT Found"], "++");
        check(search("not found"), &["all is well, no", "thing lost"], "..-");
        check(contains("ü"), &["gr", "ün"], ".++");
        check(contains(""), &[], "+");
        check(contains(""), &["a"], "++");
        check(search("a|b"), &["x", "b"], ".++");
        check(search(r"\d{3}"), &["1", "2", "3"], "..++");
        check(matches("(?is).*record not found.*"), &["\n", "Record not found", "."], ".+++");
        check(matches("(?s)Error.*"), &["Err", "or", "!"], ".+++");
    }

    #[test]
    fn a_whole_value_is_ruled_out_by_the_first_byte_that_does_not_fit() {
        check(matches("no such order"), &["no such", " item", "!"], ".---");
        check(matches("no such order"), &["no such", " order", "!"], "..--");
        check(matches("no such order"), &["no such order"], ".+");
        check(matches(".*not found.*"), &["all\n", "not found"], "---");
        check(matches("(?s).*end"), &["end", "ing", " at the end"], "...+");
        check(equals("no"), &["n", "o"], "..+");
        check(equals("no"), &["<html>"], "--");
        check(equals("no"), &[], "-");
        check(Test::Equals(vec![Literal::Null]), &["null"], "--");
    }

    #[test]
    fn what_follows_may_matter() {
        check(search("foo$"), &["foo"], ".+");
        check(search("foo$"), &["foo", "l"], "..-");
        check(search("(?m)^at x$"), &["no", "\nat x", "\n"], "..++");
        check(search(r"(?-u)\bno\b"), &["no", "de", " no", " "], "...++");
    }

    #[test]
    fn with_a_word_boundary_letters_beyond_ascii_end_the_reading() {
        check(search(r"\bno\b"), &["a no", " b", " grün", " c"], ".++++");
        check(search(r"\bno\b"), &["a", " grün", " no "], "....");
        check(search(r"\bno\b"), &["«", "no", "» ", "€"], "..+++");
    }

    #[test]
    fn each_of_several_is_settled_by_itself() {
        let tests = [search("found"), matches("record.*"), search("^no"), contains("lost")];
        assert_eq!(
            watched(&TextSet::new(&tests), &["rec", "ord", " not found", " and lost"]),
            ["..-.", "..-.", "+.-.", "+.-+", "++-+"]
        );
    }

    #[test]
    fn searches_that_need_too_large_a_table_together_are_divided() {
        let tests: Vec<Test> = (0..20).map(|n| search(&format!("(?s)a{n}x.*b{n}x"))).collect();
        let seen = watched(&TextSet::new(&tests), &["b3x a3x ", "b3 b3x", " a12x b12x"]);
        assert_eq!(
            seen,
            ["....................", "...+................", "...+........+.......", "---+--------+-------"]
        );
    }

    #[test]
    fn many_tables_skip_together_and_miss_nothing() {
        let tests: Vec<Test> = (0..400).map(|n| search(&format!("(?i)error {n}x"))).collect();
        let (set, sought) = TextSet::new(&tests);
        assert!(set.automata().count() > 1 && set.parts[0].prefilter.is_some());
        let mut watch = Watch::new(&set);
        for chunk in ["nothing here, ", "an ERR", "or 37", "7x error 3x and err", "or 1000x error 4"] {
            watch.feed(&set, chunk);
        }
        watch.finish(&set);
        let found = |n: usize| watch.truth(sought[n].as_ref().unwrap()) == Truth::True;
        assert_eq!((0..400).filter(|n| found(*n)).collect::<Vec<_>>(), [3, 377]);
    }

    #[test]
    fn what_no_table_can_hold_waits() {
        check(search(r"[01]*1[01]{20}x"), &["1"], "..");
        let (set, _) = TextSet::new(&[search(r"[01]*1[01]{20}x")]);
        assert!(set.is_empty());
    }

    static TESTS: LazyLock<Vec<Test>> = LazyLock::new(|| {
        vec![
            search("not found"),
            search("(?i)no?t"),
            search("(?s)a.*b"),
            search("a.*b"),
            search(r"\bno\b"),
            search(r"(?m)^\s*at .+:\d$"),
            search("^a|b$"),
            search("[^a]é"),
            search("(?i)K"),
            search("x*"),
            matches("(?is).*not? found.*"),
            matches("a.*"),
            matches("(?s).*a|.*b.*"),
            matches("(?s)(.*)(no)(.*)"),
            matches("(?s).+"),
            matches(""),
            contains("é"),
            contains("\u{fffd}"),
            contains("not found"),
            equals("no"),
            equals(""),
            Test::Contains(vec!["ab".to_owned(), "ba".to_owned()]),
        ]
    });

    static SET: LazyLock<(TextSet, Vec<Option<Sought>>)> = LazyLock::new(|| TextSet::new(TESTS.iter()));

    const PIECES: &[&str] = &[
        "no", "not", " found", "a", "b", "é", "\u{fffd}", "\n", " at x:1", ":", "k", "\u{212a}", "x", " ",
        "\r\n",
    ];

    proptest! {
        #[test]
        fn a_text_in_pieces_is_tested_as_the_whole(
            pieces in proptest::collection::vec(select(PIECES), 0..12),
            cuts in proptest::collection::vec(any::<Index>(), 0..5),
        ) {
            let text = pieces.concat();
            let mut ends: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len() + 1))).collect();
            ends.push(text.len());
            ends.sort_unstable();
            let begins = [0].into_iter().chain(ends.clone());
            let chunks: Vec<&str> = begins.zip(ends).map(|(begin, end)| text.get(begin..end).unwrap()).collect();
            let seen = watched(&SET, &chunks);
            for (number, test) in TESTS.iter().enumerate() {
                let expected = if test.holds_of(&text) { b'+' } else { b'-' };
                let told: Vec<u8> = seen.iter().map(|marks| marks.as_bytes()[number]).collect();
                prop_assert!(told.iter().all(|told| [b'.', expected].contains(told)), "{} on {:?}", test, chunks);
                prop_assert!(!text.is_ascii() || told.ends_with(&[expected]), "{} on {:?}", test, chunks);
            }
        }
    }
}
