//! Which status an error is answered with: the one it names, one for each of its codes, or the one that its words
//! speak of.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;

use super::candidate::{Candidate, Kind, Literal, Test};
use super::seen::{Mark, Observations, Seen};
use crate::traffic::signs::{self, Role};

/// Codes of one field that stand in a table.
const CODES_MAX: usize = 12;

/// How a rule finds its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// As the envelope says.
    Unwrapped,
    /// With the number at this path.
    From(usize),
    /// With the number in the title.
    Captured,
    /// By the value at this path.
    Table { path: usize, rows: BTreeMap<Literal, u16>, default: u16 },
    /// With this one.
    With(u16),
}

impl Answered {
    /// What fits the answers that a condition holds for.
    pub fn choose(candidate: &Candidate, observations: &Observations) -> Answered {
        let matching = Matching { candidate, observations };
        match (candidate.kind, candidate.path) {
            (Kind::Envelope, _) => Answered::Unwrapped,
            (Kind::Title, _) => Answered::Captured,
            (Kind::Status, Some(path)) => Answered::From(path),
            _ => matching
                .status_beside()
                .or_else(|| matching.table())
                .unwrap_or_else(|| Answered::With(matching.usual())),
        }
    }

    /// The status that it comes to for one answer, where that can be told without its body.
    pub fn status(&self, seen: &Seen, observations: &Observations) -> Option<u16> {
        match self {
            Answered::Unwrapped | Answered::Captured => None,
            Answered::From(path) => observations.values.name(seen.mark(*path)?.value).parse().ok(),
            Answered::Table { path, rows, default } => {
                let row = seen.mark(*path).and_then(|mark| rows.get(&literal(mark, observations)));
                Some(row.copied().unwrap_or(*default))
            }
            Answered::With(status) => Some(*status),
        }
    }
}

fn literal(mark: &Mark, observations: &Observations) -> Literal {
    Literal { text: observations.values.name(mark.value).to_owned(), is_text: mark.is_text }
}

/// The answers that a condition holds for.
struct Matching<'m> {
    candidate: &'m Candidate,
    observations: &'m Observations,
}

impl Matching<'_> {
    fn seen(&self) -> impl Iterator<Item = &Seen> {
        self.candidate.matches.iter().filter_map(|index| self.observations.seen.get(*index))
    }

    /// A field with a status in nearly all of them.
    fn status_beside(&self) -> Option<Answered> {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for mark in self.seen().flat_map(|seen| &seen.marks) {
            if mark.role == Role::Number && mark.is_bad {
                *counts.entry(mark.path).or_default() += 1;
            }
        }
        let all = self.candidate.matches.len();
        let path = counts.into_iter().find(|(_, count)| *count == all).map(|(path, _)| path)?;
        Some(Answered::From(path))
    }

    /// The field whose values tell the status best: its own, or one beside it.
    fn table(&self) -> Option<Answered> {
        let mut paths: BTreeSet<usize> = BTreeSet::new();
        for mark in self.seen().flat_map(|seen| &seen.marks) {
            if matches!(mark.role, Role::Number | Role::Name | Role::Error) {
                paths.insert(mark.path);
            }
        }
        let default = self.unknown();
        let tables = paths.into_iter().filter_map(|path| Some((self.rows(path, default)?, path)));
        // The first of those that know most.
        let ((_, rows), path) = tables.max_by_key(|((known, _), path)| (*known, std::cmp::Reverse(*path)))?;
        Some(match rows.values().all(|status| *status == default) {
            true => Answered::With(default),
            false => Answered::Table { path, rows, default },
        })
    }

    /// The status for each value at a path, and how many answers that is for.
    fn rows(&self, path: usize, default: u16) -> Option<(usize, BTreeMap<Literal, u16>)> {
        let mut values: BTreeMap<Literal, Vec<Option<u16>>> = BTreeMap::new();
        for seen in self.seen() {
            if let Some(mark) = seen.mark(path) {
                values.entry(literal(mark, self.observations)).or_default().push(seen.says);
            }
        }
        let is_code =
            |literal: &Literal| !literal.text.is_empty() && !literal.text.contains(char::is_whitespace);
        if values.is_empty() || values.len() > CODES_MAX || !values.keys().all(is_code) {
            return None;
        }
        let mut known = 0;
        let rows = values.into_iter().map(|(literal, says)| {
            let told = status_of_code(&literal.text).or_else(|| usual(says.iter().flatten().copied()));
            known += if told.is_some() { says.len() } else { 0 };
            (literal, told.unwrap_or(default))
        });
        let rows = rows.collect();
        (known * 2 >= self.candidate.matches.len()).then_some((known, rows))
    }

    /// What most of them speak of.
    fn usual(&self) -> u16 {
        let told = usual(self.seen().filter_map(|seen| seen.says));
        told.or_else(|| self.of_words()).unwrap_or_else(|| self.unknown())
    }

    /// The status where nothing speaks of one.
    fn unknown(&self) -> u16 {
        if self.candidate.kind == Kind::Flag { 422 } else { 500 }
    }

    /// The status that the words of the condition itself speak of.
    fn of_words(&self) -> Option<u16> {
        match (&self.candidate.kind, &self.candidate.test) {
            (Kind::Message | Kind::Complaint, Test::Search(words)) => signs::status_of(words),
            _ => None,
        }
    }
}

/// The most frequent; of equally frequent ones the smallest.
fn usual(statuses: impl Iterator<Item = u16>) -> Option<u16> {
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    statuses.for_each(|status| *counts.entry(status).or_default() += 1);
    counts
        .into_iter()
        .max_by_key(|(status, count)| (*count, std::cmp::Reverse(*status)))
        .map(|(status, _)| status)
}

/// The status that a code speaks of by itself: `404`, `1404`, `40401`, `-32601`, `soap:Client`, `NOT_FOUND`.
fn status_of_code(code: &str) -> Option<u16> {
    let is_error = |number: u64| {
        let status = u16::try_from(number).ok().and_then(|number| StatusCode::from_u16(number).ok())?;
        let is_known = status.canonical_reason().is_some();
        (is_known && (status.is_client_error() || status.is_server_error())).then(|| status.as_u16())
    };
    if let Ok(number) = code.parse::<i64>() {
        return match number {
            // JSON-RPC 2.0, section 5.1.
            -32_601 => Some(404),
            -32_700 | -32_600 | -32_602 => Some(400),
            -32_768..=-32_000 => Some(500),
            _ => {
                let number = number.unsigned_abs();
                let last = is_error(number % 1000);
                // Of five digits the first three are the status: `40401`.
                is_error(number).or_else(|| is_error(number / 100)).or(last)
            }
        };
    }
    let local = code.rsplit([':', '.', '#']).next().unwrap_or(code);
    match local {
        "Client" | "Sender" => Some(400),
        "Server" | "Receiver" => Some(500),
        _ => signs::status_of(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_speak_of_a_status() {
        let check = |code: &str, expected: Option<u16>| assert_eq!(status_of_code(code), expected, "{code}");
        check("404", Some(404));
        check("1404", Some(404));
        check("40401", Some(404));
        check("-32601", Some(404));
        check("-32042", Some(500));
        check("7", None);
        check("soap:Client", Some(400));
        check("channel_not_found", Some(404));
        check("BAD_USER_INPUT", Some(400));
        check("E17", None);
    }
}
