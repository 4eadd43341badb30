//! What holds of every exchange: how parts of one hang together, and when its body is read.

use http::{Method, header};

use crate::engine::condition::{Condition, Leaf, Literal, Test};
use crate::engine::hold::{Inspect, MediaRange};
use crate::engine::pattern::{Extent, Pattern};
use crate::engine::subject::Subject;

use super::formula::Formula;
use super::part::Value;
use super::universe::{BodyIs, Universe};

/// Types whose bodies are never read, whatever the configuration says.
const ENDLESS: &str = "text/event-stream|multipart/x-mixed-replace|application/grpc[^/]*";
/// What is a media type at all; everything else is read.
const MEDIA_TYPE: &str = "[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+";

/// The head of an answer whose body is looked at, as `engine/inspect.rs` has it.
pub fn body_is_read(inspect: &Inspect, universe: &mut Universe) -> Vec<Formula> {
    let methods = ["HEAD", "CONNECT"].map(|method| Literal::Text(method.to_owned()));
    let covered: Vec<String> = inspect.content_types.iter().map(MediaRange::pattern).collect();
    let not = |condition| Condition::Not(Box::new(condition));
    let head = [
        not(leaf(Subject::Method, Some(Test::Equals(methods.to_vec())))),
        not(leaf(Subject::Header(header::CONTENT_RANGE), Some(Test::Exists(true)))),
        not(leaf(Subject::Status, matches("1..|204|205|206|304"))),
        not(leaf(Subject::ContentType, matches(ENDLESS))),
        Condition::Any(vec![
            not(leaf(Subject::ContentType, matches(MEDIA_TYPE))),
            leaf(Subject::ContentType, matches(&covered.join("|"))),
        ]),
    ];
    head.iter().map(|condition| universe.formula(condition, BodyIs::Known)).collect()
}

/// A request with one of these methods.
pub fn method_is_one_of(methods: &[Method], universe: &mut Universe) -> Formula {
    let texts = methods.iter().map(|method| Literal::Text(method.as_str().to_owned())).collect();
    universe.formula(&leaf(Subject::Method, Some(Test::Equals(texts))), BodyIs::Known)
}

fn matches(text: &str) -> Option<Test> {
    Pattern::parse(text, Extent::Whole).ok().map(|pattern| Test::Matches(vec![pattern]))
}

/// A test of the head. One that could not be made would be one of nothing, and holds of none.
fn leaf(subject: Subject, test: Option<Test>) -> Condition {
    let test = test.unwrap_or(Test::Matches(Vec::new()));
    Condition::Leaf(Leaf { subject, test, sought: None })
}

/// What a body says in one way it does not deny in another: a value within `$.a` makes `$.a` an object, and
/// where there is a value the body is not empty.
pub fn of_bodies(universe: &Universe) -> Vec<Formula> {
    let mut laws = Vec::new();
    let tests: Vec<(usize, usize)> =
        (0..universe.tests()).map(|test| (test, universe.part_of(test))).collect();
    let subject = |part: usize| universe.parts().get(part).map(|part| part.subject());
    let empties = tests.iter().filter(|(_, part)| matches!(subject(*part), Some(Subject::EmptyBody)));
    for (empty, _) in empties {
        let (of_empty, of_other) =
            (is_true_of(universe, *empty, "true"), is_true_of(universe, *empty, "false"));
        for (test, part) in &tests {
            match subject(*part) {
                Some(Subject::Json(_) | Subject::Error(_) | Subject::Xml { .. }) => {
                    laws.push(either((*test, false), (*empty, of_other)));
                }
                // A byte order mark alone is no text, and yet a body.
                Some(Subject::Body) if of_empty != of_other => {
                    laws.push(either((*empty, of_other), (*test, is_true_of(universe, *test, ""))));
                }
                _ => {}
            }
        }
    }
    for (inner, part) in &tests {
        for (outer, _) in tests.iter().filter(|(_, around)| within(universe, *part, *around)) {
            if universe.asks_existence(*outer) {
                laws.push(either((*inner, false), (*outer, true)));
            } else if universe.compares(*outer) {
                laws.push(either((*inner, false), (*outer, false)));
            }
        }
    }
    laws
}

fn either(one: (usize, bool), other: (usize, bool)) -> Formula {
    Formula::Any(vec![Formula::Test(one.0, one.1), Formula::Test(other.0, other.1)])
}

fn is_true_of(universe: &Universe, test: usize, text: &str) -> bool {
    universe.holds(test, &[Value::Text(text.to_owned())]) == Some(true)
}

/// Whether the first part lies within the value of the second.
fn within(universe: &Universe, inner: usize, outer: usize) -> bool {
    let steps = |part: usize| universe.parts().get(part).and_then(|part| part.steps.as_ref());
    match (steps(inner), steps(outer)) {
        (Some(inner), Some(outer)) => inner.len() > outer.len() && inner.starts_with(outer),
        _ => false,
    }
}
