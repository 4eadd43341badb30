//! What becomes of a definition in Candor's own words, thing by thing: what answers exactly as it did, what nearly, and
//! what is not carried over. The losses are those that the readers tell.

use std::fmt;

use serde_json::{Map, Value, json};

use super::super::model::{Api, IntegrationResponse, Method};
use super::model::Models;
use super::origin;
use crate::diagnostic::{Diagnostic, Loss, Place};

/// How true something is carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carried {
    /// It answers as it did.
    Exactly,
    /// It answers nearly as it did.
    Nearly,
    /// It is not there.
    Not,
}

const CARRIED: [Carried; 3] = [Carried::Exactly, Carried::Nearly, Carried::Not];

/// A thing of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// How true it is carried over.
    pub carried: Carried,
    /// What it is, and of what is lost, why.
    pub what: String,
    /// Where it is written.
    pub place: Option<Place>,
}

/// All things of a definition: what is exact first, each in the order of the definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// They.
    pub items: Vec<Item>,
}

impl Report {
    /// What becomes of a definition that was read into this API with these problems.
    pub fn new(api: &Api, problems: &[Diagnostic]) -> Report {
        let mut items: Vec<Item> = api.methods.iter().flat_map(|method| of_method(method)).collect();
        items.extend(Models::of(api).into_iter().map(|(name, place)| exact(format!("model {name}"), place)));
        let errors = api.gateway_responses.iter();
        items.extend(
            errors.map(|(kind, error)| {
                exact(format!("gateway response {}", kind.name()), error.place.as_ref())
            }),
        );
        items.extend(problems.iter().filter_map(lost));
        items.sort_by_key(|item| item.carried);
        Report { items }
    }

    /// Whether everything answers exactly as it did.
    pub fn is_full(&self) -> bool {
        self.items.iter().all(|item| item.carried == Carried::Exactly)
    }

    /// For programs: `{"exact": 47, "approximated": 2, "not carried over": 1, "items": […]}`.
    pub fn to_json(&self) -> Value {
        let item = |item: &Item| {
            let place = item.place.as_ref();
            json!({
                "carried": item.carried.word(),
                "what": item.what,
                "file": place.map(|place| &place.source.name),
                "line": place.map(|place| place.line),
            })
        };
        let mut report = Map::new();
        for carried in CARRIED {
            report.insert(carried.word().to_owned(), json!(self.count(carried)));
        }
        report.insert("items".to_owned(), self.items.iter().map(item).collect());
        Value::Object(report)
    }

    fn count(&self, carried: Carried) -> usize {
        self.items.iter().filter(|item| item.carried == carried).count()
    }
}

fn exact(what: String, place: Option<&Place>) -> Item {
    Item { carried: Carried::Exactly, what, place: place.cloned() }
}

fn lost(problem: &Diagnostic) -> Option<Item> {
    let carried = match problem.loss? {
        Loss::Approximated => Carried::Nearly,
        Loss::LeftOut => Carried::Not,
    };
    Some(Item { carried, what: problem.message.clone(), place: problem.place.clone() })
}

/// A method and its integration responses.
fn of_method(method: &Method) -> Vec<Item> {
    let name = format!("{} {}", method.verb, method.resource);
    let responses = &method.integration.responses;
    let selected = responses.selected.iter().map(|(selection, it)| (format!("`{}`", selection.text), it));
    let default = responses.default.iter().map(|it| ("all other answers".to_owned(), it));
    let response = |(of, response): (String, &IntegrationResponse)| {
        exact(format!("{name}: {} for {of}", response.status.as_str()), Some(&response.place))
    };
    let method = exact(name.clone(), Some(&method.place));
    std::iter::once(method).chain(selected.chain(default).map(response)).collect()
}

impl Carried {
    /// As the report calls it.
    pub fn word(self) -> &'static str {
        match self {
            Carried::Exactly => "exact",
            Carried::Nearly => "approximated",
            Carried::Not => "not carried over",
        }
    }
}

/// `exact             api.yaml:14: GET /orders/{id}`.
impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16}  ", self.carried.word())?;
        if let Some(place) = &self.place {
            write!(f, "{}: ", origin(place))?;
        }
        f.write_str(&self.what)
    }
}

/// The things line by line, and their numbers: `47 exact, 2 approximated, 1 not carried over`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.iter().try_for_each(|item| writeln!(f, "{item}"))?;
        let numbers = CARRIED.map(|carried| format!("{} {}", self.count(carried), carried.word()));
        f.write_str(&numbers.join(", "))
    }
}
