//! A regular expression over one value. `matches` means the whole value, as API Gateway's selection patterns do
//! (Java's `Matcher.matches()`); `search` means anywhere in it. Linear time, bounded size.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use regex::{Captures, Regex, RegexBuilder};
use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::start;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

/// A compiled pattern; a larger one is refused at load.
const COMPILED_BYTES_MAX: usize = 4 << 20;

/// Bytes of a table for short values; a pattern that needs a larger one goes without.
const TABLE_BYTES_MAX: usize = 16 << 10;

/// How long a short value may be: the table reads every byte, which a [`Regex`] need not.
const SHORT_MAX: usize = 64;

/// Which part of the value must fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The whole value; `.` does not match a line feed.
    Whole,
    /// Any part of it.
    Anywhere,
}

/// A pattern as the user wrote it, compiled.
#[derive(Debug, Clone)]
pub struct Pattern {
    written: String,
    extent: Extent,
    regex: Regex,
    /// Matches the same values, and sooner.
    shortcut: Option<Regex>,
    /// For short values in ASCII. A [`Regex`] borrows memory to match in from a pool that all threads share.
    table: Option<Arc<dense::DFA<Vec<u32>>>>,
}

/// A pattern that does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// What is wrong, in words that follow "pattern … ".
    pub message: String,
    /// Where in the pattern, in characters from 0.
    pub offset: usize,
}

impl Pattern {
    /// Compiles a pattern in the syntax of the `regex` crate (no look-around, no back-references).
    pub fn parse(written: &str, extent: Extent) -> Result<Pattern, PatternError> {
        let parsed = match regex_syntax::parse(written) {
            Ok(parsed) => parsed,
            Err(error) => return Err(syntax_error(written, &error)),
        };
        let (text, shortcut) = match extent {
            Extent::Whole => (whole(written), without_margins(&parsed)),
            Extent::Anywhere => (written.to_owned(), None),
        };
        let regex = compiled(&text)
            .map_err(|_| PatternError { message: "is too large once compiled".to_owned(), offset: 0 })?;
        let shortcut = shortcut.and_then(|text| compiled(&text).ok());
        let table = table(&text).map(Arc::new);
        Ok(Pattern { written: written.to_owned(), extent, regex, shortcut, table })
    }

    /// Whether the value fits.
    pub fn is_match(&self, value: &str) -> bool {
        if value.len() <= SHORT_MAX
            && let Some(table) = &self.table
            && let Ok(end) = table.try_search_fwd(&Input::new(value).earliest(true))
        {
            return end.is_some();
        }
        self.shortcut.as_ref().unwrap_or(&self.regex).is_match(value)
    }

    /// Where it matches first, in bytes.
    pub fn find(&self, value: &str) -> Option<Range<usize>> {
        self.regex.find(value).map(|found| found.range())
    }

    /// The groups of a match.
    pub fn captures<'v>(&self, value: &'v str) -> Option<Captures<'v>> {
        self.regex.captures(value)
    }

    /// The names of the named groups.
    pub fn group_names(&self) -> impl Iterator<Item = &str> {
        self.regex.capture_names().flatten()
    }

    /// Which part of the value must fit.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// The compiled text: two patterns of equal text match the same values.
    pub fn compiled_text(&self) -> &str {
        self.regex.as_str()
    }

    /// A pattern that matches the same values, each from end to end.
    pub fn over_whole_value(&self) -> String {
        match self.extent {
            Extent::Whole => self.compiled_text().to_owned(),
            Extent::Anywhere => anywhere(&self.written),
        }
    }

    /// The pattern's meaning, as written: not anchored. `None` would be a pattern that did not compile.
    pub fn hir(&self) -> Option<Hir> {
        regex_syntax::parse(&self.written).ok()
    }

    /// For a value that does not match as a whole: how many bytes of it could still have begun a match.
    /// `None` where that cannot be told (search patterns, Unicode word boundaries).
    pub fn viable_prefix(&self, value: &str) -> Option<usize> {
        if self.extent == Extent::Anywhere {
            return None;
        }
        let dfa = DFA::new(self.regex.as_str()).ok()?;
        let mut cache = dfa.create_cache();
        let mut state = dfa.start_state(&mut cache, &start::Config::new().anchored(Anchored::Yes)).ok()?;
        for (index, byte) in value.bytes().enumerate() {
            state = dfa.next_state(&mut cache, state, byte).ok()?;
            if state.is_quit() {
                return None;
            }
            if state.is_dead() {
                return Some(value.floor_char_boundary(index));
            }
        }
        Some(value.len())
    }
}

fn compiled(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(COMPILED_BYTES_MAX).build()
}

/// A small pattern as a table of states by bytes. It gives up at the first that is not ASCII: without what Unicode adds
/// to `\d` and `\w` most patterns are small.
fn table(text: &str) -> Option<dense::DFA<Vec<u32>>> {
    let ascii = (0x80..=0xff).fold(dense::Config::new(), |config, byte| config.quit(byte, true));
    let config = ascii
        .start_kind(StartKind::Unanchored)
        .dfa_size_limit(Some(TABLE_BYTES_MAX))
        .determinize_size_limit(Some(TABLE_BYTES_MAX));
    let thompson =
        thompson::Config::new().which_captures(WhichCaptures::None).nfa_size_limit(Some(4 * TABLE_BYTES_MAX));
    dense::Builder::new().configure(config).thompson(thompson).build(text).ok()
}

/// A pattern that need not go over the whole value to match the same values: `(?s).*X.*` matches what has an `X`
/// in it, and that can be found by its letters (107 kB: 4 µs in place of 144 µs). Which part of the value a
/// group captures may differ. `None` where neither end is `(?s).*`.
fn without_margins(pattern: &Hir) -> Option<String> {
    let HirKind::Concat(parts) = pattern.kind() else { return None };
    let (parts, begin) = match parts.split_first() {
        Some((margin, parts)) if takes_anything(margin) => (parts, ""),
        _ => (parts.as_slice(), r"\A"),
    };
    let (parts, end) = match parts.split_last() {
        Some((margin, parts)) if takes_anything(margin) => (parts, ""),
        _ => (parts, r"\z"),
    };
    let cut = begin.is_empty() || end.is_empty();
    cut.then(|| format!("{begin}(?:{}){end}", Hir::concat(parts.to_vec())))
}

/// Whether it matches every text: `(?s).*`, `[\s\S]*`, `(\n|.)*`.
fn takes_anything(pattern: &Hir) -> bool {
    let HirKind::Repetition(repetition) = pattern.kind() else { return false };
    let mut outside = characters(&repetition.sub);
    outside.iter_mut().for_each(ClassUnicode::negate);
    repetition.min == 0
        && repetition.max.is_none()
        && outside.is_some_and(|outside| outside.ranges().is_empty())
}

/// The characters that a pattern of one character matches.
fn characters(pattern: &Hir) -> Option<ClassUnicode> {
    match pattern.kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class.clone()),
        HirKind::Capture(group) => characters(&group.sub),
        HirKind::Alternation(choices) => {
            let mut all = ClassUnicode::empty();
            for choice in choices {
                all.union(&characters(choice)?);
            }
            Some(all)
        }
        HirKind::Literal(literal) => {
            let mut chars = std::str::from_utf8(&literal.0).ok()?.chars();
            let char = chars.next()?;
            chars.next().is_none().then(|| ClassUnicode::new([ClassUnicodeRange::new(char, char)]))
        }
        _ => None,
    }
}

/// Anchors a pattern at both ends.
fn whole(written: &str) -> String {
    format!("^{}$", group(written))
}

/// A pattern that matches from end to end every value in which this one matches somewhere.
pub(super) fn anywhere(written: &str) -> String {
    format!("^(?s:.*){}(?s:.*)$", group(written))
}

/// In verbose mode (`(?x)`) a trailing `# comment` would swallow what follows on its line, so the closing
/// parenthesis goes on a line of its own there.
fn group(written: &str) -> String {
    let verbose_at_end = written.contains("(?") && Regex::new(&format!("{written}#(")).is_ok();
    let line_end = if verbose_at_end { "\n" } else { "" };
    format!("(?:{written}{line_end})")
}

fn syntax_error(written: &str, error: &regex_syntax::Error) -> PatternError {
    let (message, byte) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start.offset),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span().start.offset),
        other => (other.to_string(), 0),
    };
    let offset = written.get(..byte).map_or(0, |before| before.chars().count());
    PatternError { message: format!("is not valid: {message}"), offset }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, value: &str, expected: bool) {
        let pattern = Pattern::parse(pattern, Extent::Whole).unwrap();
        assert_eq!(pattern.is_match(value), expected, "{pattern} on {value:?}");
    }

    #[test]
    fn matches_means_the_whole_value() {
        check(r"4\d{2}", "404", true);
        check(r"4\d{2}", "1404", false);
        check("4|404", "404", true);
        check("Internal*", "Internal Error: x", false);
        check(".*not found.*", "order not found\n at line 2", false);
        check("(?s).*not found.*", "order not found\n at line 2", true);
        check(r"(\n|.)+", "a\nb", true);
        check("", "", true);
        check("^404$", "404", true);
        check("404", "404\n", false);
        check("(?x) 4 \\d{2} # any client error", "404", true);
        check("(?x) 4 \\d{2} # any client error", "1404", false);
        check("(?i)(?:not)#", "NOT#", true);
    }

    #[test]
    fn mistakes_have_a_place() {
        let check = |pattern: &str, offset: usize, message: &str| {
            let error = Pattern::parse(pattern, Extent::Whole).unwrap_err();
            assert_eq!(error.offset, offset, "{error:?}");
            assert!(error.message.contains(message), "{error:?}");
        };
        check("4[", 1, "unclosed character class");
        check("é(", 1, "unclosed group");
        check("(?!400)4..", 0, "look-around");
        check(r"(a)\1", 3, "backreferences");
        check(r"\w{1000}{1000}", 0, "too large");
    }

    #[test]
    fn a_miss_tells_how_far_it_got() {
        let check = |pattern: &str, value: &str, expected: Option<usize>| {
            let pattern = Pattern::parse(pattern, Extent::Whole).unwrap();
            assert_eq!(pattern.viable_prefix(value), expected, "{pattern} on {value:?}");
        };
        check(r"4\d{2}", "200", Some(0));
        check(r"4\d{2}", "41x", Some(2));
        check(r"4\d{2}", "41", Some(2));
        check(r"4\d{2}", "4044", Some(3));
        check(".*x.*", "a\nx", Some(1));
        check("né", "nü", Some(1));
    }

    #[test]
    fn a_shortcut_is_taken_where_an_end_matches_anything() {
        let check = |pattern: &str, expected: Option<&str>| {
            let pattern = Pattern::parse(pattern, Extent::Whole).unwrap();
            assert_eq!(pattern.shortcut.as_ref().map(Regex::as_str), expected, "{pattern}");
        };
        check("(?s).*not found.*", Some("(?:(?:not found))"));
        check("(?s).*not found", Some(r"(?:(?:not found))\z"));
        check(r"(\n|.)*x[\s\S]*", Some("(?:x)"));
        check("(?s)error: .*", Some(r"\A(?:(?:error: ))"));
        check(".*not found.*", None);
        check("(?s).+x.+", None);
        check("(?s).*a|b.*", None);
        check("404", None);
    }

    #[test]
    fn usual_patterns_have_a_table_for_short_values() {
        let check = |pattern: &str, value: &str, expected: bool| {
            let pattern = Pattern::parse(pattern, Extent::Whole).unwrap();
            assert!(pattern.table.is_some(), "{pattern}");
            assert_eq!(pattern.is_match(value), expected, "{pattern} on {value:?}");
        };
        check(r"[1-5]\d{2}", "404", true);
        check(r"[1-5]\d{2}", "4\u{660}4", true);
        check(r"[1-5]\d{2}", "4a4", false);
        check(r"\w+_error\b.*", "client_error: no such widget", true);
        check("(?i)k", "\u{212a}", true);
    }

    /// Pieces of patterns; a join of some is a pattern.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "(?s)",
            "(?s:.*)",
            ".*",
            ".*?",
            "(?i)",
            "[\\s\\S]*",
            "(\\n|.)*",
            ".+",
            "a",
            "ab",
            "A",
            "b?",
            "\n",
            "é",
            "^",
            "$",
            "\\b",
            "\\B",
            "\\b{start}",
            "\\d",
            "\\w{2}",
            "(?i:k)",
            "(?m)",
            "(a|b)",
            "|",
            "[^a]",
        ]);
        prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn tables_and_shortcuts_match_the_same_values(written in pieces(), values in prop::collection::vec("[aAb1kKé\n ]{0,6}", 8)) {
            for extent in [Extent::Whole, Extent::Anywhere] {
                let Ok(pattern) = Pattern::parse(&written, extent) else { continue };
                let without_table = Pattern { table: None, ..pattern.clone() };
                for value in values.iter().flat_map(|value| [value.clone(), format!("{value}\u{85}{}", "b".repeat(SHORT_MAX))]) {
                    let expected = pattern.regex.is_match(&value);
                    prop_assert_eq!(pattern.is_match(&value), expected, "{:?} on {:?}", &pattern, value);
                    prop_assert_eq!(without_table.is_match(&value), expected, "{:?} on {:?}", &without_table, value);
                }
            }
        }
    }
}
