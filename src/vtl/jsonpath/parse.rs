//! Text to [`Path`]. Brackets are matched without regard to quotes, and the first telling character inside them decides
//! what they are: so it is in Jayway 2.0.0.

use std::borrow::Cow;

use super::filter::{self, Filter};
use super::function::Function;
use super::{Path, PathError, Slice, Step};

/// How deep filters may stand in the paths of filters.
const DEPTH_MAX: u32 = 16;

/// The path, and whether it starts at the root (`$`) rather than at the item a filter looks at (`@`).
pub(super) fn path(text: &str, depth: u32) -> Result<(Path, bool), PathError> {
    let trimmed = text.trim_matches(|c| c <= ' ');
    if trimmed.is_empty() {
        return Err(error("a JSON path must not be empty"));
    }
    if trimmed.ends_with("..") {
        return Err(error(format!("the JSON path `{trimmed}` ends with `..`")));
    }
    if depth > DEPTH_MAX {
        return Err(error("the filters of a JSON path are nested too deep"));
    }
    let rooted = match trimmed.starts_with(['$', '@']) {
        true => Cow::Borrowed(trimmed),
        false => Cow::Owned(format!("$.{trimmed}")),
    };
    let steps = rooted.get(1..).unwrap_or_default();
    if !(steps.is_empty() || steps.starts_with(['.', '['])) {
        return Err(error(format!("in the JSON path `{trimmed}`, `.` or `[` must follow the `$`")));
    }
    let steps = Steps { whole: trimmed, rest: steps, depth }.read()?;
    let last_open = steps.iter().rposition(|step| !step.is_definite());
    let function = match steps.last() {
        Some(Step::Name(name)) => Function::named(name),
        _ => None,
    };
    Ok((Path { steps, last_open, function }, !trimmed.starts_with('@')))
}

pub(super) fn error(message: impl Into<String>) -> PathError {
    PathError { message: message.into() }
}

struct Steps<'t> {
    whole: &'t str,
    rest: &'t str,
    depth: u32,
}

impl<'t> Steps<'t> {
    fn read(mut self) -> Result<Vec<Step>, PathError> {
        let mut steps = Vec::new();
        while let Some(first) = self.rest.chars().next() {
            match first {
                ' ' => {
                    return Err(error(format!(
                        "the JSON path `{}` has a space; names with spaces stand in brackets: `['my name']`",
                        self.whole
                    )));
                }
                '[' => {
                    let length = bracket_length(self.rest);
                    let bracket = self.take(length);
                    steps.push(self.bracket(bracket)?);
                }
                '.' if self.rest.starts_with("..") => {
                    self.take(2);
                    steps.push(Step::Scan);
                }
                '.' => {
                    self.take(1);
                    match self.name() {
                        "" => {}
                        "*" => steps.push(Step::Every),
                        name => steps.push(Step::Name(name.into())),
                    }
                }
                '*' => {
                    self.take(1);
                    steps.push(Step::Every);
                }
                // Jayway puts the root here once more, which leads nowhere else.
                '$' => {
                    self.take(1);
                }
                _ => steps.push(Step::Name(self.name().into())),
            }
        }
        Ok(steps)
    }

    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn name(&mut self) -> &'t str {
        self.take(self.rest.find(['.', '[', ' ']).unwrap_or(self.rest.len()))
    }

    fn bracket(&self, bracket: &str) -> Result<Step, PathError> {
        if bracket == "[*]" {
            return Ok(Step::Every);
        }
        if is_placeholder(bracket) {
            return Ok(Step::Filter(Filter::Placeholder));
        }
        let telling = |c: char| matches!(c, '?' | '\'' | ':' | '-' | '@') || c.is_ascii_digit();
        let split = bracket.find(telling).and_then(|at| bracket.split_at_checked(at));
        let step = split.and_then(|(before, rest)| match rest.as_bytes().first() {
            Some(b'?') => Some(self.filter(before, bracket)),
            Some(b'\'') => names(rest).map(Ok),
            Some(b'@') => from_end(rest).map(Ok),
            _ => indexes(rest).map(Ok),
        });
        step.unwrap_or_else(|| {
            let help = if bracket.contains('"') { "; names stand in single quotes" } else { "" };
            Err(error(format!("`{bracket}` in the JSON path `{}` is not understood{help}", self.whole)))
        })
    }

    fn filter(&self, before: &str, bracket: &str) -> Result<Step, PathError> {
        let start = before.rfind('[').unwrap_or_default();
        let bracket = bracket.get(start..).unwrap_or_default();
        let filter = filter_length(bracket).and_then(|length| bracket.get(..length));
        let filter =
            filter.ok_or_else(|| error(format!("the brackets of the filter `{bracket}` do not match")))?;
        filter::parse(filter, self.depth).map(Step::Filter)
    }
}

/// Up to the bracket that closes the first one, or to the end.
fn bracket_length(text: &str) -> usize {
    let mut open = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => open += 1,
            b']' if open == 1 => return at + 1,
            b']' => open -= 1,
            _ => {}
        }
    }
    text.len()
}

/// Up to the first `]` outside of quotes and parentheses; nothing if brackets are left open.
fn filter_length(text: &str) -> Option<usize> {
    let (mut square, mut round, mut quoted, mut before) = (0_i32, 0_i32, false, b' ');
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\'' if before != b'\\' => quoted = !quoted,
            _ if quoted => {}
            b'(' => round += 1,
            b')' => round -= 1,
            b'[' => square += 1,
            b']' => {
                square -= 1;
                if round == 0 {
                    return (square == 0).then_some(at + 1);
                }
            }
            _ => {}
        }
        before = byte;
    }
    None
}

/// `[?]`, `[?,?]`: places for filters that are given from Java.
fn is_placeholder(bracket: &str) -> bool {
    let inside = bracket.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).map(str::trim_start);
    let allowed = |c: char| matches!(c, ',' | '*' | '?') || c.is_ascii_whitespace();
    inside.is_some_and(|inside| inside.starts_with('?') && inside.chars().all(allowed))
}

/// `'a', 'b'`: what stands between quotes, up to the first `]`.
fn names(text: &str) -> Option<Step> {
    let (inside, _) = text.split_once(']')?;
    let pieces: Vec<&str> = inside.split('\'').collect();
    let closed = pieces.len().saturating_sub(1);
    let names = pieces.iter().take(closed).skip(1).step_by(2).map(|name| Box::from(*name));
    let mut names: Vec<Box<str>> = names.collect();
    Some(match names.len() {
        1 => Step::Name(names.remove(0)),
        _ => Step::Names(names),
    })
}

/// `@.length-1)`, `@.size() - 1)`.
fn from_end(text: &str) -> Option<Step> {
    let (name, number) = text.split_at_checked(text.find('-')?)?;
    let name: String = name.chars().skip(2).filter(|c| !matches!(c, ' ' | '(' | ')')).collect();
    let (number, _) = number.split_once(')')?;
    let number: i32 = number.replace(' ', "").parse().ok()?;
    matches!(name.as_str(), "size" | "length").then_some(Step::FromEnd(number))
}

/// `2`, `0,2`, `1:`, `:2`, `1:2`.
fn indexes(text: &str) -> Option<Step> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, ',' | ' ' | ':' | '-')))?;
    let text = text.get(..end)?.replace(' ', "");
    let mut chars = text.chars().peekable();
    let (mut numbers, mut number) = (Vec::<i32>::new(), String::new());
    let (mut many, mut from, mut to) = (false, false, false);
    while let Some(c) = chars.next() {
        match c {
            ',' => {
                numbers.push(std::mem::take(&mut number).parse().ok()?);
                many = true;
            }
            ':' => {
                let start = std::mem::take(&mut number);
                let end = std::iter::from_fn(|| chars.next_if(|c| !matches!(c, ':' | ',')));
                let end: String = end.collect();
                // Whatever ends a slice is passed over.
                chars.next();
                to |= start.is_empty();
                from |= !start.is_empty() && end.is_empty();
                if !start.is_empty() {
                    numbers.push(start.parse().ok()?);
                }
                if start.is_empty() || !end.is_empty() {
                    numbers.push(end.parse().ok()?);
                }
            }
            c => number.push(c),
        }
    }
    if !number.is_empty() {
        numbers.push(number.parse().ok()?);
    }
    Some(match *numbers.as_slice() {
        [index] if !from && !to => Step::Index(index),
        _ if many => Step::Indexes(numbers),
        [start, ..] if from => Step::Slice(Slice::From(start)),
        [end, ..] if to => Step::Slice(Slice::To(end)),
        [start, end, ..] => Step::Slice(Slice::Between(start, end)),
        _ => return None,
    })
}
