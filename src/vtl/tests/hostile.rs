//! What wants to run for ever ends at its bound. The bounds are a tenth of the usual ones, so that it ends soon
//! without optimization, too; `cargo bench --bench templates` has the time at the usual ones.

use super::super::gateway::{Inputs, Variables};
use super::super::{FaultKind, Heap, Limits, RenderError, Template};
use super::hostile_cases::{self, Case};

fn limits() -> Limits {
    let usual = Limits::default();
    Limits {
        steps: usual.steps / 10,
        memory_bytes: usual.memory_bytes / 10,
        output_bytes: usual.output_bytes / 10,
        ..usual
    }
}

/// What comes of a case; within its bounds, whatever it is.
fn outcome(case: &Case, limits: Limits) -> Result<String, RenderError> {
    let template = Template::parse(&case.template, &limits);
    let template = template.unwrap_or_else(|error| panic!("{}: {error}", case.name));
    let inputs = Inputs { body: &case.body, ..Inputs::default() };
    let mut heap = Heap::new(limits);
    let mut variables = Variables::new(&inputs);
    let mut out = String::new();
    let rendered = template.render(&mut heap, |name, heap| variables.named(name, heap), &mut out);
    assert!(out.len() <= 2 * limits.output_bytes, "{}: {} bytes", case.name, out.len());
    rendered.map(|()| out)
}

#[track_caller]
fn check_limit(case: &Case) {
    let error = outcome(case, limits()).expect_err(&case.name);
    assert_eq!(error.kind, FaultKind::Limit, "{}: {error}", case.name);
    assert!(error.span.is_some(), "{}: no place", case.name);
}

#[test]
fn a_malformed_template_is_refused() {
    for Case { name, template, .. } in hostile_cases::malformed() {
        let error = Template::parse(&template, &Limits::default()).expect_err(&name);
        assert!(template.get(error.span.start..error.span.end).is_some(), "{name}: {error}");
    }
}

#[test]
fn a_long_template_takes_no_more_than_its_length() {
    for case in hostile_cases::long() {
        let template = Template::parse(&case.template, &Limits::default()).unwrap();
        let mut heap = Heap::new(Limits::default());
        let mut out = String::new();
        template.render(&mut heap, |_, _| Ok(None), &mut out).unwrap();
        let steps = Limits::default().steps - heap.meter.steps_left();
        assert!(steps <= 2 * case.template.len() as u64, "{}: {steps} steps", case.name);
    }
}

#[test]
fn a_render_without_end_ends_at_a_bound() {
    hostile_cases::endless().iter().for_each(check_limit);
}

#[test]
fn a_pattern_that_goes_back_without_end_ends_at_a_bound() {
    hostile_cases::regexes().iter().for_each(check_limit);
}

#[test]
fn a_body_too_deep_or_too_wide_ends_at_a_bound() {
    hostile_cases::bodies().iter().for_each(check_limit);
}

#[test]
fn an_odd_body_is_printed() {
    for case in hostile_cases::odd_bodies() {
        outcome(&case, Limits::default()).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    }
}
