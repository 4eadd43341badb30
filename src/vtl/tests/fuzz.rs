//! Templates that nobody would write: those of the golden file cut, doubled and mixed. Whatever they are, they parse or
//! tell why, render within their bounds or tell why, and do the same again.
//!
//! `CANDOR_FUZZ_CASES=1000000 cargo test --release --lib vtl::tests::fuzz` runs more of them than the usual few.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value as Json;

use super::super::gateway::{Inputs, Params, Variables};
use super::super::{Heap, Limits, Template};

/// Small enough that bounds are met.
const LIMITS: Limits = Limits {
    template_bytes: 4096,
    loop_turns: 50,
    steps: 50_000,
    depth: 40,
    output_bytes: 10_000,
    memory_bytes: 1 << 20,
};

const BODIES: [&str; 6] = [
    "",
    "text",
    r#"{"a": {"b": [1, 2.5, "x"]}, "errorMessage": "{\"code\": 404}", "list": [{"k": "v"}, null, true]}"#,
    r#"[{"id": 1}, {"id": 12345678901234567890}, [[]]]"#,
    "{unquoted: 'yes', }",
    r#"{"a": "#,
];

static TEMPLATES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let lines = include_str!("../../../tests/golden/vtl-public.jsonl").lines();
    lines
        .map(|line| serde_json::from_str::<Json>(line).unwrap()["template"].as_str().unwrap().to_owned())
        .collect()
});

/// What is done to a template; places are parts of its length, in thousandths.
#[derive(Debug, Clone)]
enum Change {
    Cut(usize, usize),
    Double(usize, usize),
    Insert(usize, String),
    Mix(usize, prop::sample::Index, usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let place = || 0..1000usize;
    prop_oneof![
        (place(), 0..200usize).prop_map(|(from, length)| Change::Cut(from, length)),
        (place(), 0..300usize).prop_map(|(from, length)| Change::Double(from, length)),
        (place(), r##"[$#{}()\[\]."'!\\a-f0-9 \n*+=<>&|,:-]{1,6}"##)
            .prop_map(|(at, text)| Change::Insert(at, text)),
        (place(), any::<prop::sample::Index>(), place(), 0..1000usize)
            .prop_map(|(at, of, from, length)| Change::Mix(at, of, from, length)),
    ]
}

/// The part of a text between two thousandths, cut at characters.
fn part(text: &str, from: usize, length: usize) -> (usize, usize) {
    let place = |thousandths: usize| text.floor_char_boundary(text.len() * thousandths.min(1000) / 1000);
    (place(from), place(from + length))
}

impl Change {
    fn apply(&self, text: &mut String) {
        match self {
            Change::Cut(from, length) => {
                let (start, end) = part(text, *from, *length);
                text.replace_range(start..end, "");
            }
            Change::Double(from, length) => {
                let (start, end) = part(text, *from, *length);
                let doubled = text.get(start..end).unwrap_or_default().to_owned();
                text.insert_str(end, &doubled);
            }
            Change::Insert(at, inserted) => {
                let (at, _) = part(text, *at, 0);
                text.insert_str(at, inserted);
            }
            Change::Mix(at, of, from, length) => {
                let other = of.get(&TEMPLATES);
                let (start, end) = part(other, *from, *length);
                let (at, _) = part(text, *at, 0);
                text.insert_str(at, other.get(start..end).unwrap_or_default());
            }
        }
    }
}

/// What came of a render: the text and the status, or the message.
fn rendered(template: &Template, text: &str, body: &str) -> Result<(String, Option<u16>), String> {
    let params =
        Params { path: vec![("id", "7")], querystring: vec![("q", "a b")], header: vec![("X-A", "1")] };
    let inputs = Inputs { body, params, native: true, ..Inputs::default() };
    let mut heap = Heap::new(LIMITS);
    let mut variables = Variables::new(&inputs);
    let mut out = String::new();
    let outcome = template.render(&mut heap, |name, heap| variables.named(name, heap), &mut out);
    if let Err(error) = outcome {
        let place =
            error.span.map_or("", |span| text.get(span.start..span.end).expect("a place in the text"));
        return Err(format!("{} {place}", error.message));
    }
    assert!(out.len() <= LIMITS.output_bytes, "{text:?}");
    let status = variables.overrides(&mut heap).ok().and_then(|overrides| overrides.response.status);
    Ok((out, status))
}

#[test]
fn mutated_templates_end_within_their_bounds() {
    let cases = std::env::var("CANDOR_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3_000);
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) });
    let strategy = (
        any::<prop::sample::Index>(),
        prop::collection::vec(change(), 0..6),
        prop::sample::select(&BODIES[..]),
    );
    let outcome = runner.run(&strategy, |(template, changes, body)| {
        let mut text = template.get(&TEMPLATES).clone();
        changes.iter().for_each(|change| change.apply(&mut text));
        match Template::parse(&text, &LIMITS) {
            Ok(template) => {
                let first = rendered(&template, &text, body);
                prop_assert_eq!(&rendered(&template, &text, body), &first, "{:?}", text);
            }
            Err(error) => prop_assert!(text.get(error.span.start..error.span.end).is_some(), "{:?}", text),
        }
        Ok(())
    });
    outcome.unwrap();
}
