//! What rules in shadow mode would have done to recorded exchanges, and which of it looks like a mistake: an answer
//! that speaks of no error and looks like answers that the rule leaves alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::signs;
use super::traits::Traits;
use super::{Noted, Recorded};
use crate::engine::hold::Inspect;

/// Exchanges of one kind that are shown.
pub const EXAMPLES: usize = 3;

/// Recorded exchanges, gone through.
#[derive(Debug, Default)]
pub struct Report {
    inspect: Inspect,
    exchanges: u64,
    routes: BTreeMap<String, Route>,
}

#[derive(Debug, Default)]
struct Route {
    exchanges: u64,
    shadows: BTreeMap<Shadow, Fired>,
    /// How often answers of a shape came.
    shapes: BTreeMap<String, u64>,
}

/// A rule that would have changed answers of this status so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Shadow {
    rule: String,
    from: u16,
    /// `None` where it would have failed.
    to: Option<u16>,
}

#[derive(Debug, Default)]
struct Fired {
    exchanges: u64,
    examples: Vec<Example>,
    /// By shape: how often it fired at all, and on answers that speak of no error.
    shapes: BTreeMap<String, Doubt>,
}

#[derive(Debug, Default)]
struct Doubt {
    fired: u64,
    silent: u64,
    examples: Vec<Example>,
}

/// An exchange, in few words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The file and the number of the exchange in it; where it is in none, its id.
    pub place: String,
    /// `GET /orders/17`.
    pub request: String,
    /// The beginning of the body; empty where it is not known.
    pub body: String,
}

/// A report, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// How many exchanges were gone through.
    pub exchanges: u64,
    /// What shadow rules would have done, by route and rule.
    pub shadows: Vec<Row>,
}

/// What a rule would have done on a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The route.
    pub route: String,
    /// The rule.
    pub rule: String,
    /// What clients got.
    pub from: u16,
    /// What they would have got; `None` where the rule would have failed.
    pub to: Option<u16>,
    /// How often.
    pub exchanges: u64,
    /// Of so many on that route.
    pub of: u64,
    /// Some of them.
    pub examples: Vec<Example>,
    /// How many look like a mistake; `None` where bodies are not known.
    pub doubtful: Option<u64>,
    /// Some of these.
    pub doubts: Vec<Example>,
}

/// Characters of a body that are shown.
const BODY_CHARS: usize = 60;

impl Example {
    /// An exchange of this file.
    pub fn new(file: &str, recorded: &Recorded) -> Example {
        let request = &recorded.exchange.request;
        let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
        let body = String::from_utf8_lossy(&recorded.exchange.answer.body);
        let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut body: String = line.chars().take(BODY_CHARS).collect();
        if line.chars().nth(BODY_CHARS).is_some() {
            body.push('…');
        }
        Example {
            place: format!("{file} #{}", recorded.number),
            request: format!("{} {target}", request.method),
            body,
        }
    }
}

impl Report {
    /// Goes through one exchange more.
    ///
    /// # Errors
    /// When nobody noted what was made of it: only captures know that.
    pub fn add(&mut self, file: &str, recorded: &Recorded) -> Result<(), &'static str> {
        let noted =
            recorded.noted.as_deref().ok_or("is no capture of Candor's, so it knows of no shadow rules")?;
        let Noted { route, status, shadows, .. } = noted;
        self.exchanges += 1;
        let route = self.routes.entry(route.clone()).or_default();
        route.exchanges += 1;
        let traits = Traits::of(&recorded.exchange, &self.inspect);
        *route.shapes.entry(traits.shape.clone()).or_default() += 1;
        let is_silent = !shadows.is_empty() && !signs::are_there(&traits);
        for (rule, to) in shadows {
            let shadow = Shadow { rule: rule.clone(), from: *status, to: *to };
            let fired = route.shadows.entry(shadow).or_default();
            fired.exchanges += 1;
            keep(&mut fired.examples, file, recorded);
            let doubt = fired.shapes.entry(traits.shape.clone()).or_default();
            doubt.fired += 1;
            if is_silent {
                doubt.silent += 1;
                keep(&mut doubt.examples, file, recorded);
            }
        }
        Ok(())
    }

    /// What came of it.
    pub fn told(&self) -> Told {
        let rows = self.routes.iter().flat_map(|(name, route)| {
            route.shadows.iter().map(move |(shadow, fired)| route.row(name, shadow, fired))
        });
        Told { exchanges: self.exchanges, shadows: rows.collect() }
    }
}

impl Route {
    fn row(&self, name: &str, shadow: &Shadow, fired: &Fired) -> Row {
        // Answers of a shape that the rule always takes are of a kind of their own, and perhaps errors.
        let is_doubtful = |shape: &str, doubt: &Doubt| {
            doubt.silent > 0 && self.shapes.get(shape).is_some_and(|all| *all > doubt.fired)
        };
        let doubts: Vec<&Doubt> = fired
            .shapes
            .iter()
            .filter(|(shape, doubt)| is_doubtful(shape, doubt))
            .map(|(_, it)| it)
            .collect();
        Row {
            route: name.to_owned(),
            rule: shadow.rule.clone(),
            from: shadow.from,
            to: shadow.to,
            exchanges: fired.exchanges,
            of: self.exchanges,
            examples: fired.examples.clone(),
            doubtful: Some(doubts.iter().map(|doubt| doubt.silent).sum()),
            doubts: doubts.iter().flat_map(|doubt| &doubt.examples).take(EXAMPLES).cloned().collect(),
        }
    }
}

fn keep(examples: &mut Vec<Example>, file: &str, recorded: &Recorded) {
    if examples.len() < EXAMPLES {
        examples.push(Example::new(file, recorded));
    }
}
