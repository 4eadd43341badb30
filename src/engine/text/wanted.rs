//! What to search a text for, so that it is found exactly where a test holds. A pattern for the whole value is
//! anchored at both ends, save where it says itself that anything may come before or after: `(?s).*not found.*`
//! is a search for `not found`, and known to fit as soon as that has gone by.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look};

use super::super::condition::{Literal, Test};
use super::super::pattern::{Extent, Pattern};

/// What a test searches a body for: it holds when one of these is found. `None` for a test that is no search.
pub fn of(test: &Test) -> Option<Vec<Hir>> {
    match test {
        Test::Matches(patterns) => patterns.iter().map(of_pattern).collect(),
        Test::Contains(needles) => Some(needles.iter().map(|needle| literal(needle)).collect()),
        Test::Equals(literals) => Some(literals.iter().filter_map(of_literal).collect()),
        Test::Exists(_) => None,
    }
}

fn of_pattern(pattern: &Pattern) -> Option<Hir> {
    let hir = pattern.hir()?;
    Some(match pattern.extent() {
        Extent::Anywhere => hir,
        Extent::Whole => whole(&hir),
    })
}

/// As [`Literal::equals`] compares text; a body is never `null`.
fn of_literal(value: &Literal) -> Option<Hir> {
    match value {
        Literal::Text(text) | Literal::Number(text) => Some(whole(&literal(text))),
        Literal::Bool(value) => Some(whole(&literal(if *value { "true" } else { "false" }))),
        Literal::Null => None,
    }
}

fn literal(text: &str) -> Hir {
    Hir::literal(text.as_bytes())
}

fn whole(hir: &Hir) -> Hir {
    if is_anything(hir) { Hir::empty() } else { to_end(&from_start(hir)) }
}

/// Anchored at the start of the text, where it does not begin with anything.
fn from_start(hir: &Hir) -> Hir {
    match hir.kind() {
        _ if is_anything(hir) => Hir::empty(),
        HirKind::Capture(capture) => from_start(&capture.sub),
        HirKind::Alternation(choices) => Hir::alternation(choices.iter().map(from_start).collect()),
        HirKind::Concat(parts) => match parts.split_first() {
            Some((first, rest)) => Hir::concat([&[from_start(first)], rest].concat()),
            None => Hir::look(Look::Start),
        },
        _ => Hir::concat(vec![Hir::look(Look::Start), hir.clone()]),
    }
}

/// Anchored at the end of the text, where it does not end with anything.
fn to_end(hir: &Hir) -> Hir {
    match hir.kind() {
        _ if is_anything(hir) => Hir::empty(),
        HirKind::Capture(capture) => to_end(&capture.sub),
        HirKind::Alternation(choices) => Hir::alternation(choices.iter().map(to_end).collect()),
        HirKind::Concat(parts) => match parts.split_last() {
            Some((last, rest)) => Hir::concat([rest, &[to_end(last)]].concat()),
            None => Hir::look(Look::End),
        },
        _ => Hir::concat(vec![hir.clone(), Hir::look(Look::End)]),
    }
}

/// `(?s).*`, greedy or not, or what comes to the same: `[\s\S]*`, `(?:.|\n)*`.
fn is_anything(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Capture(capture) => is_anything(&capture.sub),
        HirKind::Repetition(repetition) => {
            repetition.min == 0 && repetition.max.is_none() && is_any_character(&repetition.sub)
        }
        _ => false,
    }
}

fn is_any_character(hir: &Hir) -> bool {
    let all = ClassUnicode::new([ClassUnicodeRange::new('\0', char::MAX)]);
    characters(hir).is_some_and(|class| class == all)
}

/// The class of one character.
pub fn only(character: char) -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new(character, character)])
}

/// The characters of which the pattern is one.
fn characters(hir: &Hir) -> Option<ClassUnicode> {
    match hir.kind() {
        HirKind::Capture(capture) => characters(&capture.sub),
        HirKind::Class(Class::Unicode(class)) => Some(class.clone()),
        HirKind::Literal(literal) => {
            let mut text = std::str::from_utf8(&literal.0).ok()?.chars();
            let (one, None) = (text.next()?, text.next()) else { return None };
            Some(only(one))
        }
        HirKind::Alternation(choices) => choices.iter().try_fold(ClassUnicode::empty(), |mut all, choice| {
            all.union(&characters(choice)?);
            Some(all)
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pattern for the whole value is searched for as `expected` would be.
    #[track_caller]
    fn check(pattern: &str, expected: &str) {
        let pattern = Pattern::parse(pattern, Extent::Whole).unwrap();
        let expected = Pattern::parse(expected, Extent::Anywhere).unwrap();
        assert_eq!(of_pattern(&pattern), expected.hir(), "{pattern}");
    }

    #[test]
    fn what_may_stand_around_a_pattern_is_not_searched_for() {
        check("(?s).*not found.*", "not found");
        check("(?s).*?not found.*?", "not found");
        check(r"[\s\S]*no[\s\S]*", "no");
        check("(.|\n)*no(?:.|\n)*", "no");
        check(r"(.|\r|\n)*no(?:\s|\S)*", "no");
        check("(?s)(.*)no(.*)", "no");
        check("(?s)(.*no.*)", "no");
        check("(?s).*a.*|.*b.*", "a|b");
        check("(?s).*", "");
    }

    #[test]
    fn a_closed_end_is_anchored() {
        check("404", r"\A404\z");
        check("(?s)404.*", r"\A404");
        check("(?s).*404", r"404\z");
        check("(?s)(?:a.*|b)", r"\Aa|\Ab\z");
        check("(?s)(?:.*a|b)c", r"(?:a|\Ab)c\z");
        check(".*no.*", r"\A.*no.*\z");
        check("(?s).+no", r"\A(?s:.)+no\z");
    }
}
