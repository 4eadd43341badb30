//! What is remembered of every answer: not its body, but its route, its shape, and the fields that may say how it
//! went. Bodies are kept of a few answers of each kind, for the cases.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::engine::Exchange;
use crate::engine::hold::Inspect;
use crate::traffic::Recorded;
use crate::traffic::signs::{self, Role, Wording};
use crate::traffic::traits::{Field, Form, Traits};

/// Longer bodies make poor examples.
const EXAMPLE_BYTES_MAX: usize = 4096;
/// Examples of each kind of answer.
const EXAMPLES: usize = 2;
/// All examples together.
const EXAMPLES_MAX: usize = 4000;
/// Values that are longer are no codes.
const VALUE_CHARS_MAX: usize = 60;

/// Texts by number, each once.
#[derive(Debug, Default)]
pub struct Names {
    numbers: BTreeMap<String, usize>,
    names: Vec<String>,
}

/// All answers.
#[derive(Debug, Default)]
pub struct Observations {
    /// `GET /orders/{id}`.
    pub routes: Names,
    pub shapes: Names,
    /// Paths of fields.
    pub paths: Names,
    pub values: Names,
    pub files: Names,
    /// Every answer, in the order in which they came.
    pub seen: Vec<Seen>,
    /// Some of them whole, by their place among all.
    pub examples: BTreeMap<usize, Exchange>,
    kept: BTreeMap<Sort, usize>,
}

/// Answers that are alike: of one route and shape, with the same values where it matters.
type Sort = (usize, usize, Vec<usize>);

/// One answer.
#[derive(Debug)]
pub struct Seen {
    pub file: usize,
    /// Its number in the file.
    pub number: u64,
    pub route: usize,
    pub shape: usize,
    pub form: Form,
    pub marks: Vec<Mark>,
    pub wording: Option<Wording>,
    /// The status that its messages speak of.
    pub says: Option<u16>,
    /// Fields of the outermost object that hold something.
    pub payload: Vec<usize>,
    /// Whether it describes another answer: status, headers and body.
    pub is_envelope: bool,
    pub bytes: usize,
    /// How long it took, where that was recorded.
    pub took: Option<Duration>,
}

/// A field that may say how it went.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    pub path: usize,
    pub role: Role,
    pub value: usize,
    /// Whether the value is a text, so that it is not taken for a number.
    pub is_text: bool,
    /// Whether the value alone speaks of an error.
    pub is_bad: bool,
}

impl Names {
    /// The number of a text.
    pub fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), self.names.len() - 1);
        self.names.len() - 1
    }

    /// The text of a number.
    pub fn name(&self, number: usize) -> &str {
        self.names.get(number).map_or("", String::as_str)
    }
}

impl Seen {
    /// Whether something in it speaks of an error.
    pub fn is_suspect(&self) -> bool {
        self.marks.iter().any(|mark| mark.is_bad) || self.wording.is_some() || self.says.is_some()
    }

    /// What it says at a path.
    pub fn mark(&self, path: usize) -> Option<&Mark> {
        self.marks.iter().find(|mark| mark.path == path)
    }
}

impl Observations {
    pub fn add(&mut self, file: &str, recorded: &Recorded, inspect: &Inspect) {
        let traits = Traits::of(&recorded.exchange, inspect);
        let request = &recorded.exchange.request;
        let route = match &recorded.noted {
            Some(noted) if noted.route.contains('{') && !noted.route.contains("+}") => noted.route.clone(),
            _ => route_of(request.uri.path()),
        };
        let marks: Vec<Mark> = signs::signs(&traits).iter().map(|sign| self.mark(sign)).collect();
        let payload = traits.fields.iter().filter(|(path, field)| is_payload(path, field));
        let payload = payload.map(|(path, _)| self.paths.number(path)).collect();
        let seen = Seen {
            file: self.files.number(file),
            number: recorded.number,
            route: self.routes.number(&format!("{} {route}", request.method)),
            shape: self.shapes.number(&traits.shape),
            form: traits.form,
            marks,
            wording: signs::wording(&traits),
            says: signs::status_of_messages(&traits),
            payload,
            is_envelope: is_envelope(&traits),
            bytes: traits.bytes,
            took: recorded.took,
        };
        self.keep(&seen, &recorded.exchange);
        self.seen.push(seen);
    }

    fn mark(&mut self, sign: &signs::Sign) -> Mark {
        let value: String = sign.field.text().chars().take(VALUE_CHARS_MAX).collect();
        Mark {
            path: self.paths.number(&sign.path),
            role: sign.role,
            value: self.values.number(&value),
            is_text: matches!(sign.field, Field::Text(_)),
            is_bad: sign.is_bad(),
        }
    }

    /// Keeps the exchange whole if there are not enough of its kind.
    fn keep(&mut self, seen: &Seen, exchange: &Exchange) {
        if exchange.answer.body.len() > EXAMPLE_BYTES_MAX || self.examples.len() >= EXAMPLES_MAX {
            return;
        }
        let values = seen.marks.iter().map(|mark| mark.value).collect();
        let kept = self.kept.entry((seen.route, seen.shape, values)).or_default();
        if *kept < EXAMPLES {
            *kept += 1;
            self.examples.insert(self.seen.len(), exchange.clone());
        }
    }

    /// The answer, as people find it again.
    pub fn place(&self, seen: &Seen) -> String {
        format!("{} #{}", self.files.name(seen.file), seen.number)
    }

    /// Routes and shapes of answers in which nothing speaks of an error.
    pub fn good_shapes(&self) -> BTreeSet<(usize, usize)> {
        self.seen.iter().filter(|seen| !seen.is_suspect()).map(|seen| (seen.route, seen.shape)).collect()
    }
}

fn is_payload(path: &str, field: &Field) -> bool {
    let is_outermost = path.strip_prefix("$.").is_some_and(|name| !name.contains(['.', '[']));
    is_outermost && *field != Field::Null
}

/// What an envelope has, and nothing else.
const ENVELOPE: [&str; 6] =
    ["statusCode", "headers", "multiValueHeaders", "cookies", "body", "isBase64Encoded"];

fn is_envelope(traits: &Traits) -> bool {
    let mut names = traits
        .fields
        .keys()
        .filter_map(|path| path.strip_prefix("$."))
        .filter(|name| !name.contains(['.', '[']));
    let has = |name: &str| traits.fields.contains_key(&format!("$.{name}"));
    has("statusCode") && has("body") && names.all(|name| ENVELOPE.contains(&name))
}

/// The path with what looks like an id replaced.
fn route_of(path: &str) -> String {
    let is_id = |segment: &str| {
        let digits = segment.bytes().filter(u8::is_ascii_digit).count();
        let is_hex = segment.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        digits > 0
            && (digits == segment.len()
                || (is_hex && segment.len() >= 8)
                || (digits >= 4 && segment.len() >= 12))
    };
    let segments = path.split('/').map(|segment| if is_id(segment) { "{id}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_a_path_do_not_make_a_route_of_their_own() {
        let check = |path: &str, expected: &str| assert_eq!(route_of(path), expected);
        check("/orders/17", "/orders/{id}");
        check("/orders/550e8400-e29b-41d4-a716-446655440000/lines", "/orders/{id}/lines");
        check("/v2/deadbeef", "/v2/deadbeef");
        check("/v2/deadbee1", "/v2/{id}");
        check("/users/anna", "/users/anna");
        check("/", "/");
    }
}
