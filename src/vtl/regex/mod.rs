//! Java's regular expressions, which `matches`, `replaceAll`, `replaceFirst` and `split` of templates use and which
//! API Gateway's selection patterns are written in.
//!
//! Why our own engine: `regex` lacks look-around, back-references and half of Java's syntax; `fancy-regex` has its own
//! dialect and counts backtracks, not the work between them; `java_regex` 0.1 copies the text for every call and takes
//! a pattern that goes too far for one that does not match. Here every step counts against the render's bound, and a
//! pattern that backtracks without end is handed to the linear engine of `regex-automata` where that can take it.

mod class;
mod escape;
mod linear;
mod matcher;
mod parse;
mod program;
mod replacement;
mod required;
mod syntax;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::rc::Rc;

use super::fault::Fault;
use super::heap::{Heap, ListKind};
use super::limits::Meter;
use super::methods::utf16;
use super::value::{Text, Value};
use linear::Linear;
use matcher::Matcher;
use program::Program;
use replacement::Part;
use required::Required;
pub use syntax::PatternError;

/// A compiled pattern in Java's dialect.
#[derive(Debug)]
pub struct JavaRegex {
    program: Program,
    groups: usize,
    names: Vec<(String, usize)>,
    required: Required,
    linear: Linear,
}

/// Where a match and its groups stand, bytes; the whole match first.
pub type Groups = Vec<Option<(usize, usize)>>;

impl JavaRegex {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Where Java throws a `PatternSyntaxException`, and for a pattern that is too long or nested too deep.
    ///
    /// ```
    /// use candor::vtl::{Limits, Meter, regex::JavaRegex};
    /// let pattern = JavaRegex::new(r"(?i)order-(?!0)\d++").unwrap();
    /// assert_eq!(pattern.is_full_match("ORDER-17", &mut Meter::new(Limits::default())), Ok(true));
    /// ```
    pub fn new(pattern: &str) -> Result<JavaRegex, PatternError> {
        let parsed = parse::parse(pattern)?;
        let program = Program::new(&parsed.node, parsed.groups);
        Ok(JavaRegex {
            program,
            groups: parsed.groups,
            names: parsed.names,
            required: Required::of(&parsed.node),
            linear: Linear::new(parsed.node),
        })
    }

    /// Whether all of the text matches: Java's `matches`.
    ///
    /// # Errors
    /// When the bound of steps is reached.
    pub fn is_full_match(&self, text: &str, meter: &mut Meter) -> Result<bool, Fault> {
        meter.work(text.len() as u64 / 64)?;
        if !self.required.is_in(text) {
            return Ok(false);
        }
        let mut matcher = self.matcher(text, meter);
        let result = matcher.is_full_match();
        meter.work(matcher.steps() / 2)?;
        match result {
            Ok(matches) => Ok(matches),
            Err(_) => {
                meter.work(linear::STEPS_TO_BUILD)?;
                self.linear.is_full_match(text, meter)
            }
        }
    }

    /// The first match at a byte or after it; `last` is where the one before ended (`\G`).
    ///
    /// # Errors
    /// When the bound of steps is reached.
    pub fn find_at(
        &self,
        text: &str,
        from: usize,
        last: usize,
        meter: &mut Meter,
    ) -> Result<Option<Groups>, Fault> {
        self.find(text, from, last, &mut Course::Java, meter)
    }

    fn find(
        &self,
        text: &str,
        from: usize,
        last: usize,
        course: &mut Course,
        meter: &mut Meter,
    ) -> Result<Option<Groups>, Fault> {
        if *course == Course::Java {
            let mut matcher = self.matcher(text, meter);
            let result = matcher.find(from, last);
            meter.work(matcher.steps() / 2)?;
            match result {
                Ok(true) => return Ok(Some((0..=self.groups).map(|group| matcher.group(group)).collect())),
                Ok(false) => return Ok(None),
                Err(_) => {
                    meter.work(linear::STEPS_TO_BUILD)?;
                    *course = Course::Linear;
                }
            }
        }
        self.linear.find_at(text, from, self.groups, meter)
    }

    /// A search in a text is given some steps for each byte; one that needs more goes astray.
    fn matcher<'p, 't>(&'p self, text: &'t str, meter: &Meter) -> Matcher<'p, 't> {
        let fair = match self.linear.is_possible() {
            true => STEPS_MIN.saturating_add(text.len() as u64 * STEPS_A_BYTE),
            false => u64::MAX,
        };
        Matcher::new(&self.program, text, fair.min(meter.steps_left().saturating_mul(2)))
    }

    /// Calls with every match in turn, until told to stop.
    fn each_match(
        &self,
        text: &str,
        heap: &mut Heap<'_>,
        mut found: impl FnMut(&mut Heap<'_>, &Groups, (usize, usize)) -> Result<More, Fault>,
    ) -> Result<(), Fault> {
        let (mut from, mut last, mut course) = (0, 0, Course::Java);
        while let Some(groups) = self.find(text, from, last, &mut course, &mut heap.meter)? {
            let Some(Some(whole)) = groups.first().copied() else { break };
            if found(heap, &groups, whole)? == More::No {
                break;
            }
            last = whole.1;
            // After a match of nothing the next one starts a character later.
            let step = text.get(last..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            from = if whole.0 == whole.1 { last + step } else { last };
            if from > text.len() {
                break;
            }
        }
        Ok(())
    }
}

/// Before this many steps no pattern is suspected.
const STEPS_MIN: u64 = 20_000;
const STEPS_A_BYTE: u64 = 16;

/// Which engine searches; the first one that goes astray is the last in that text.
#[derive(PartialEq)]
enum Course {
    Java,
    Linear,
}

#[derive(PartialEq)]
enum More {
    Yes,
    No,
}

/// The patterns that were used last, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Patterns(Vec<(Box<str>, Rc<JavaRegex>)>);

/// How many are kept.
const KEPT: usize = 64;
/// Longer ones are not kept.
const KEPT_LENGTH_MAX: usize = 1024;

impl Patterns {
    const NONE: Patterns = Patterns(Vec::new());

    fn named(&self, pattern: &str) -> Option<Rc<JavaRegex>> {
        self.0.iter().rev().find(|(kept, _)| **kept == *pattern).map(|(_, regex)| Rc::clone(regex))
    }

    fn keep(&mut self, pattern: &str, regex: &Rc<JavaRegex>) {
        if pattern.len() > KEPT_LENGTH_MAX {
            return;
        }
        if self.0.len() >= KEPT {
            self.0.remove(0);
        }
        self.0.push((pattern.into(), Rc::clone(regex)));
    }
}

thread_local! {
    /// What the renders of a thread have compiled.
    static PATTERNS: RefCell<Patterns> = const { RefCell::new(Patterns::NONE) };
}

/// The pattern, compiled or kept from before. Each render counts it as work once, whatever the thread has kept, so that
/// no render depends on another.
fn compiled(pattern: &str, heap: &mut Heap<'_>) -> Result<Rc<JavaRegex>, Fault> {
    if let Some(regex) = heap.patterns.named(pattern) {
        return Ok(regex);
    }
    heap.meter.work(100 + 10 * pattern.len() as u64)?;
    let regex = match PATTERNS.with_borrow(|patterns| patterns.named(pattern)) {
        Some(regex) => regex,
        None => {
            let regex = Rc::new(JavaRegex::new(pattern).map_err(|error| {
                let shown: String = pattern.chars().take(60).collect();
                Fault::thrown(format!("pattern `{shown}`: {error}"))
            })?);
            PATTERNS.with_borrow_mut(|patterns| patterns.keep(pattern, &regex));
            regex
        }
    };
    heap.patterns.keep(pattern, &regex);
    Ok(regex)
}

/// `text.matches(pattern)`.
pub(super) fn is_full_match(pattern: &str, text: &str, heap: &mut Heap<'_>) -> Result<bool, Fault> {
    compiled(pattern, heap)?.is_full_match(text, &mut heap.meter)
}

/// `text.replaceAll(pattern, replacement)`.
pub(super) fn replace_all<'a>(
    text: &Text<'a>,
    pattern: &str,
    replacement: &str,
    heap: &mut Heap<'a>,
) -> Result<Value<'a>, Fault> {
    replace(text, pattern, replacement, More::Yes, heap)
}

/// `text.replaceFirst(pattern, replacement)`.
pub(super) fn replace_first<'a>(
    text: &Text<'a>,
    pattern: &str,
    replacement: &str,
    heap: &mut Heap<'a>,
) -> Result<Value<'a>, Fault> {
    replace(text, pattern, replacement, More::No, heap)
}

fn replace<'a>(
    text: &Text<'a>,
    pattern: &str,
    replacement: &str,
    more: More,
    heap: &mut Heap<'a>,
) -> Result<Value<'a>, Fault> {
    let regex = compiled(pattern, heap)?;
    let (mut out, mut copied) = (String::new(), 0);
    // Java notices a mistake in the replacement only when there is something to replace.
    let mut parts: Option<Vec<Part>> = None;
    regex.each_match(text, heap, |heap, groups, (begin, end)| {
        let parts = match &mut parts {
            Some(parts) => parts,
            none => none.insert(replacement::parse(replacement, regex.groups, &regex.names)?),
        };
        heap.push_text(text.get(copied..begin).unwrap_or_default(), &mut out)?;
        for part in parts {
            let part = match part {
                Part::Text(part) => part.as_str(),
                Part::Group(group) => {
                    let place = groups.get(*group).copied().flatten();
                    place.and_then(|(begin, end)| text.get(begin..end)).unwrap_or_default()
                }
            };
            heap.push_text(part, &mut out)?;
        }
        copied = end;
        Ok(if more == More::Yes { More::Yes } else { More::No })
    })?;
    if parts.is_none() {
        return Ok(Value::String(text.clone()));
    }
    heap.push_text(text.get(copied..).unwrap_or_default(), &mut out)?;
    heap.text(out)
}

/// `text.split(pattern, limit)`: at most `limit` parts; with zero without the empty ones at the end.
pub(super) fn split<'a>(
    text: &Text<'a>,
    pattern: &str,
    limit: i32,
    heap: &mut Heap<'a>,
) -> Result<Value<'a>, Fault> {
    let regex = compiled(pattern, heap)?;
    let parts_max = usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let (mut places, mut copied) = (Vec::new(), 0);
    regex.each_match(text, heap, |heap, _, (begin, end)| {
        if places.len() + 1 >= parts_max {
            return Ok(More::No);
        }
        // Nothing before the first character is no part.
        if end > 0 {
            heap.meter.allocate(size_of::<Value<'_>>())?;
            places.push((copied, begin));
            copied = end;
        }
        Ok(More::Yes)
    })?;
    places.push((copied, text.len()));
    if limit == 0 && places.len() > 1 {
        while places.last().is_some_and(|(begin, end)| begin == end) {
            places.pop();
        }
    }
    let mut parts = Vec::with_capacity(places.len());
    for (begin, end) in places {
        parts.push(utf16::slice(text, text.get(begin..end).unwrap_or_default(), heap)?);
    }
    heap.make_list(ListKind::Array, parts)
}
