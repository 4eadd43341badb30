//! The exchanges of a recording counted by what becomes of them before and after a change, and which changes are
//! allowed.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use http::StatusCode;

use super::Recorded;
use super::judge::Judged;

/// How the client's answer differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Not at all.
    None,
    /// Another status.
    Status,
    /// The same status, other headers or another body.
    Answer,
}

/// What becomes of an exchange before and after.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The status before.
    pub from: StatusCode,
    /// The status after.
    pub to: StatusCode,
    /// How the answers differ.
    pub difference: Difference,
    /// Who or what decided before.
    pub by: String,
    /// Who or what decides after.
    pub now_by: String,
}

impl Change {
    /// The change between two judgements of the same exchange.
    pub fn between(before: &Judged, after: &Judged, recorded: &Recorded) -> Change {
        let difference = match (before.status == after.status, before.answers_like(after, recorded)) {
            (true, true) => Difference::None,
            (true, false) => Difference::Answer,
            (false, _) => Difference::Status,
        };
        let (by, now_by) = (before.said().into_owned(), after.said().into_owned());
        Change { from: before.status, to: after.status, difference, by, now_by }
    }

    /// Whether the client sees it.
    pub fn is_seen(&self) -> bool {
        self.difference != Difference::None
    }
}

/// How often each change came.
#[derive(Debug, Clone, Default)]
pub struct Tally(BTreeMap<Change, u64>);

impl Tally {
    /// Counts one; says how often it came before.
    pub fn count(&mut self, change: Change) -> u64 {
        let count = self.0.entry(change).or_default();
        *count += 1;
        *count - 1
    }

    /// Every change, by its statuses, and how often it came.
    pub fn rows(&self) -> impl Iterator<Item = (&Change, u64)> {
        self.0.iter().map(|(change, count)| (change, *count))
    }

    /// How many exchanges changed.
    pub fn changed(&self) -> u64 {
        self.rows().filter(|(change, _)| change.is_seen()).map(|(_, count)| count).sum()
    }

    /// How many exchanges changed in a way that is not allowed.
    pub fn forbidden(&self, allowed: &[Allowed]) -> u64 {
        let is_forbidden = |change: &Change| change.is_seen() && !allowed.iter().any(|it| it.covers(change));
        self.rows().filter(|(change, _)| is_forbidden(change)).map(|(_, count)| count).sum()
    }
}

/// Changes that are allowed: `200->404`, `2xx->4xx`, `*->503`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    from: Statuses,
    to: Statuses,
}

impl Allowed {
    /// Whether this change is one of them.
    pub fn covers(&self, change: &Change) -> bool {
        self.from.covers(change.from) && self.to.covers(change.to)
    }
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Allowed, String> {
        let (from, to) = text.split_once("->").ok_or("write it as `200->404`, `2xx->4xx` or `*->503`")?;
        Ok(Allowed { from: from.trim().parse()?, to: to.trim().parse()? })
    }
}

/// Statuses by their digits, of which `x` is any.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Statuses([Option<u8>; 3]);

impl Statuses {
    fn covers(&self, status: StatusCode) -> bool {
        let text = status.as_str().as_bytes();
        self.0.iter().zip(text).all(|(digit, own)| digit.is_none_or(|digit| digit == *own))
    }
}

impl FromStr for Statuses {
    type Err = String;

    fn from_str(text: &str) -> Result<Statuses, String> {
        let wrong = || format!("`{text}` is neither a status nor a class of them such as `4xx`");
        let digit = |byte: u8| match byte {
            b'x' | b'X' => Ok(None),
            b'0'..=b'9' => Ok(Some(byte)),
            _ => Err(wrong()),
        };
        match *text.as_bytes() {
            [b'*'] => Ok(Statuses([None; 3])),
            [a, b, c] => Ok(Statuses([digit(a)?, digit(b)?, digit(c)?])),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by == self.now_by {
            true => f.write_str(&self.by)?,
            false => write!(f, "{} -> {}", self.by, self.now_by)?,
        }
        if self.difference == Difference::Answer { f.write_str(", another answer") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_allowed_by_their_digits() {
        let check = |allowed: &str, from: u16, to: u16, expected: bool| {
            let status = |code| StatusCode::from_u16(code).unwrap();
            let change = Change {
                from: status(from),
                to: status(to),
                difference: Difference::Status,
                by: String::new(),
                now_by: String::new(),
            };
            assert_eq!(allowed.parse::<Allowed>().unwrap().covers(&change), expected, "{allowed}");
        };
        check("200->404", 200, 404, true);
        check("200->404", 200, 400, false);
        check("2xx -> 4XX", 201, 422, true);
        check("2xx->4xx", 201, 500, false);
        check("*->50x", 404, 503, true);
        check("*->50x", 404, 511, false);
    }

    #[test]
    fn what_is_no_change_is_refused() {
        let check = |text: &str, expected: &str| {
            let error = text.parse::<Allowed>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("404", "write it as");
        check("200->4", "`4` is neither");
        check("2?0->404", "`2?0` is neither");
        check("->404", "`` is neither");
    }
}
