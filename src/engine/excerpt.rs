//! The part of a value that a test speaks of, with what stands around it: what matched, or how much of the value still
//! fitted. For traces; costs nothing where none is asked for.

use std::ops::Range;

use super::condition::{Leaf, Test, Truth};
use super::facts::Datum;

/// Characters shown before and after the marked part.
const AROUND_CHARS: usize = 60;

/// Characters of the marked part that are shown at its beginning, and the same at its end.
const MARKED_CHARS: usize = 120;

/// A value, or the part of it that matters, and what is marked in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// What stands before the marked part; begins with `…` where the value does not begin here.
    pub before: String,
    /// What matched; for a test that does not hold, what still fitted. Has `…` within where it is long.
    pub marked: String,
    /// What stands after it; ends with `…` where the value goes on.
    pub after: String,
}

impl Excerpt {
    /// What a test says of these values; `None` where it says nothing of any.
    pub(super) fn of(leaf: &Leaf, values: &[Datum<'_>], truth: Truth) -> Option<Excerpt> {
        let found = values.iter().find_map(|value| {
            let text = value.text()?;
            let range = marked(&leaf.test, value, &text, truth)?;
            Some(Excerpt::around(&text, range))
        });
        found.or_else(|| Some(Excerpt::around(&values.first()?.text()?, 0..0)))
    }

    fn around(text: &str, range: Range<usize>) -> Excerpt {
        let part = |range: Range<usize>| text.get(range).unwrap_or_default();
        let (before, after) = (part(0..range.start), part(range.end..text.len()));
        Excerpt {
            before: last(before, AROUND_CHARS),
            marked: middle(part(range)),
            after: first(after, AROUND_CHARS),
        }
    }
}

/// Where in a value that makes the test true, or false, the reason stands.
fn marked(test: &Test, value: &Datum<'_>, text: &str, truth: Truth) -> Option<Range<usize>> {
    let whole = 0..text.len();
    match (test, truth) {
        (Test::Matches(patterns), Truth::True) => patterns.iter().find_map(|pattern| pattern.find(text)),
        (Test::Matches(patterns), _) => patterns.first()?.viable_prefix(text).map(|end| 0..end),
        (Test::Contains(needles), Truth::True) => {
            needles.iter().find_map(|needle| text.find(needle.as_str()).map(|at| at..at + needle.len()))
        }
        (Test::Equals(literals), Truth::True) => literals.iter().any(|it| it.equals(value)).then_some(whole),
        (Test::Exists(true), Truth::True) => (!value.is_null()).then_some(whole),
        _ => None,
    }
}

fn first(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn last(text: &str, chars: usize) -> String {
    match text.char_indices().rev().nth(chars) {
        Some((at, first)) => format!("…{}", text.get(at + first.len_utf8()..).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn middle(text: &str) -> String {
    if text.chars().nth(2 * MARKED_CHARS).is_none() {
        return text.to_owned();
    }
    let end: String = last(text, MARKED_CHARS);
    text.chars().take(MARKED_CHARS).chain(end.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, range: Range<usize>, expected: [&str; 3]) {
        let Excerpt { before, marked, after } = Excerpt::around(text, range);
        assert_eq!([before.as_str(), marked.as_str(), after.as_str()], expected);
    }

    #[test]
    fn what_is_far_from_the_mark_is_left_out() {
        check("abc", 1..2, ["a", "b", "c"]);
        check("", 0..0, ["", "", ""]);
        let (long, shown) = ("é".repeat(100), "é".repeat(60));
        check(&format!("{long}x{long}"), 200..201, [&format!("…{shown}"), "x", &format!("{shown}…")]);
        let long = "é".repeat(300);
        check(&long, 0..600, ["", &format!("{0}…{0}", "é".repeat(120)), ""]);
    }
}
