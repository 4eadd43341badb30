//! What a mapping template costs: `cargo bench --bench templates`. The four templates and the answer are those of
//! `bench/templates`, where Apache Velocity and velocityjs render them too.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench fails by panicking")]

use std::fmt::Write as _;

use candor::vtl::gateway::{Inputs, Overrides, Variables};
use candor::vtl::{Heap, Limits, Template};
use divan::{Bencher, black_box, black_box_drop};

#[path = "../src/vtl/tests/hostile_cases.rs"]
mod hostile_cases;
use hostile_cases::Case;

fn main() {
    divan::main();
}

const ANSWER: &str = include_str!("../bench/templates/answer.json");
const NAMES: [&str; 4] = ["errors", "message", "override", "body"];

fn text(name: &str) -> &'static str {
    match name {
        "errors" => include_str!("../bench/templates/errors.vtl"),
        "message" => include_str!("../bench/templates/message.vtl"),
        "override" => include_str!("../bench/templates/override.vtl"),
        "body" => include_str!("../bench/templates/body.vtl"),
        other => panic!("no template `{other}`"),
    }
}

fn parsed(text: &str) -> Template {
    Template::parse(text, &Limits::default()).unwrap()
}

/// All that a caller does for one answer.
fn answer(template: &Template, body: &str) -> (String, Overrides) {
    let inputs = Inputs { body, ..Inputs::default() };
    let mut heap = Heap::new(Limits::default());
    let mut variables = Variables::new(&inputs);
    let mut out = String::new();
    template.render(&mut heap, |name, heap| variables.named(name, heap), &mut out).unwrap();
    (out, variables.overrides(&mut heap).unwrap())
}

/// In rounds as those of `bench/templates`, of which the fastest counts.
#[divan::bench(args = NAMES, sample_count = 100, sample_size = 10_000)]
fn render(bencher: Bencher<'_, '_>, name: &str) {
    let template = parsed(text(name));
    bencher.bench_local(|| black_box_drop(answer(black_box(&template), black_box(ANSWER))));
}

#[divan::bench(args = NAMES)]
fn parse(bencher: Bencher<'_, '_>, name: &str) {
    bencher.bench_local(|| black_box_drop(parsed(black_box(text(name)))));
}

/// One field of 100 kB, before all others and behind them.
#[divan::bench(args = ["first", "last"])]
fn status_of_100_kb(bencher: Bencher<'_, '_>, place: &str) {
    let items = |id| format!(r#"{{"id": {id}, "name": "Widget {id}", "desc": "{}"}}"#, "x".repeat(60));
    let items = (0..1000).map(items).collect::<Vec<_>>().join(", ");
    let body = match place {
        "first" => format!(r#"{{"statusCode": 404, "items": [{items}]}}"#),
        _ => format!(r#"{{"items": [{items}], "statusCode": 404}}"#),
    };
    let template = parsed("$input.path('$.statusCode')\n");
    bencher.bench_local(|| black_box_drop(answer(black_box(&template), black_box(&body))));
}

#[divan::bench]
fn loop_of_1000(bencher: Bencher<'_, '_>) {
    let mut body = String::from(r#"{"lines": ["#);
    (0..1000).for_each(|line| write!(body, r#"{{"sku": "W-{line}", "count": {line}}},"#).unwrap());
    body.push_str("]}");
    let template = parsed(
        "#foreach($line in $input.path('$.lines'))$foreach.count: $line.sku#if($foreach.hasNext), #end#end",
    );
    bencher.bench_local(|| black_box_drop(answer(black_box(&template), black_box(&body))));
}

/// What wants to run for ever, from its text to its end at the usual bounds. None may take longer than 50 ms.
#[divan::bench(args = hostile(), sample_count = 3, sample_size = 1)]
fn hostile_end(bencher: Bencher<'_, '_>, case: &Hostile) {
    bencher.bench_local(|| {
        let Ok(template) = Template::parse(&case.0.template, &Limits::default()) else { return };
        let inputs = Inputs { body: &case.0.body, ..Inputs::default() };
        let mut heap = Heap::new(Limits::default());
        let mut variables = Variables::new(&inputs);
        let mut out = String::new();
        black_box_drop(template.render(&mut heap, |name, heap| variables.named(name, heap), &mut out));
    });
}

struct Hostile(Case);

impl std::fmt::Display for Hostile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.name)
    }
}

fn hostile() -> impl Iterator<Item = Hostile> {
    use hostile_cases::*;
    [malformed(), long(), endless(), regexes(), bodies(), odd_bodies()].into_iter().flatten().map(Hostile)
}
