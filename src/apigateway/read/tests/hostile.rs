//! Whatever a definition wants, it is refused as a whole, with all that is wrong with it and where.

use super::hostile_cases::{self, Case};
use crate::apigateway::read::{Options, read};
use crate::diagnostic::{Diagnostics, Severity, Source};

/// Small enough to be read without optimization; `cargo bench --bench apigateway` reads them at 6 MB.
const BYTES: usize = 60_000;

fn check(case: &Case) {
    let mut problems = Diagnostics::default();
    let api = read(&Source::new("api.yaml", case.text.as_str()), &Options::default(), &mut problems);
    let mut errors = problems.into_sorted();
    errors.retain(|problem| problem.severity == Severity::Error);
    assert!(api.is_none(), "{}", case.name);
    assert!(errors.len() >= case.errors, "{}: {} of {}", case.name, errors.len(), case.errors);
    let placeless: Vec<_> = errors.iter().filter(|problem| problem.place.is_none()).collect();
    assert!(placeless.is_empty(), "{}: {placeless:?}", case.name);
}

#[test]
fn every_mistake_of_many_is_told() {
    hostile_cases::broken(BYTES).iter().for_each(check);
}

#[test]
fn what_wants_to_go_on_for_ever_is_refused() {
    hostile_cases::bombs(BYTES).iter().for_each(check);
}
