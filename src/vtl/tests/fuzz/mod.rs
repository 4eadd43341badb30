//! Templates and bodies by chance: whatever they are, a render ends within its bounds, does not panic, and does the
//! same twice. A body that is read where a template looks gives what one gives that is read at once.
//!
//! `CANDOR_FUZZ_CASES=1000000 cargo test --release --lib vtl::tests::fuzz` for more of it; `CANDOR_FUZZ_FIRST=n` begins
//! with case n.

mod dice;
mod words;
mod writer;

use std::collections::BTreeMap;

use super::super::gateway::{Inputs, Params, Variables};
use super::super::{FaultKind, Heap, Limits, RenderError, Template};
use dice::Dice;

/// As many as take about two seconds without optimization.
const CASES: u64 = 20_000;

/// Small, so that many cases reach one.
const LIMITS: Limits = Limits {
    template_bytes: 4_096,
    loop_turns: 100,
    steps: 5_000,
    depth: 30,
    output_bytes: 20_000,
    memory_bytes: 200_000,
};

#[test]
fn whatever_a_template_is_it_ends_within_its_bounds() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect(name));
    let first = number("CANDOR_FUZZ_FIRST").unwrap_or(0);
    let cases = number("CANDOR_FUZZ_CASES").unwrap_or(CASES);
    let known = known();
    let mut ends = BTreeMap::<_, u64>::new();
    for case in first..first + cases {
        let told = Told(case);
        *ends.entry(check(case, &known)).or_default() += 1;
        std::mem::forget(told);
    }
    println!("{cases} cases: {ends:?}");
    assert!(cases < CASES || ends.len() == 4, "not every end was met: {ends:?}");
}

/// Tells which case panicked.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        let dice = &mut Dice::new(self.0);
        eprintln!("case {}: {:?}\nbody {:?}", self.0, writer::template(dice, &known()), writer::body(dice));
    }
}

/// The templates of the golden file.
fn known() -> Vec<String> {
    let lines = include_str!("../../../../tests/golden/vtl-public.jsonl").lines();
    let template = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["template"].clone();
    lines.map(|line| template(line).as_str().unwrap().to_owned()).filter(|text| text.len() < 1_000).collect()
}

/// How a template may end.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Refused,
    Thrown,
    Bounded,
    Printed,
}

fn check(case: u64, known: &[String]) -> End {
    let dice = &mut Dice::new(case);
    let (text, body) = (writer::template(dice, known), writer::body(dice));
    let template = match Template::parse(&text, &LIMITS) {
        Ok(template) => template,
        Err(error) => {
            assert!(text.get(error.span.start..error.span.end).is_some(), "{error} at {:?}", error.span);
            return End::Refused;
        }
    };
    let outcome = render(&template, &body);
    assert_eq!(outcome, render(&template, &body), "rendered twice");
    check_reading(&template, &text, &body, &outcome);
    match outcome {
        Ok(out) => {
            assert!(out.len() <= LIMITS.output_bytes, "{} bytes printed", out.len());
            End::Printed
        }
        Err(error) => {
            if let Some(span) = error.span {
                assert!(text.get(span.start..span.end).is_some(), "{error} at {span:?}");
            }
            if error.kind == FaultKind::Limit { End::Bounded } else { End::Thrown }
        }
    }
}

fn render(template: &Template, body: &str) -> Result<String, RenderError> {
    let params = Params { querystring: vec![("a", "1"), ("b", "two")], ..Params::default() };
    let inputs = Inputs { body, params, ..Inputs::default() };
    let mut heap = Heap::new(LIMITS);
    let mut variables = Variables::new(&inputs);
    let mut out = String::new();
    template.render(&mut heap, |name, heap| variables.named(name, heap), &mut out)?;
    let told = variables.overrides(&mut heap);
    if let Err(fault) = told {
        assert_eq!(fault.kind(), FaultKind::Limit, "{fault}");
    }
    Ok(out)
}

/// A comma too many makes a body one that must be read at once, and means nothing.
fn check_reading(template: &Template, text: &str, body: &str, outcome: &Result<String, RenderError>) {
    let open = body.len() - body.trim_start().len() + 1;
    let (Some(before), Some(behind)) = (body.get(..open), body.get(open..)) else { return };
    if !before.ends_with(['{', '[']) || text.contains("body") {
        return;
    }
    let at_once = render(template, &format!("{before},{behind}"));
    let is_limit = |outcome: &Result<_, RenderError>| {
        outcome
            .as_ref()
            .is_err_and(|error| error.kind == FaultKind::Limit || error.message.contains(" byte "))
    };
    if !is_limit(outcome) && !is_limit(&at_once) {
        assert_eq!(*outcome, at_once, "read at once");
    }
}
