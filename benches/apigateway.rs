//! What API Gateway definitions cost, to load and for each exchange: `cargo bench --bench apigateway`. Where a native rule
//! can say the same, it is measured beside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a bench fails by panicking")]


use candor::apigateway::model::Api;
use candor::apigateway::read::{Options, read};
use candor::diagnostic::{Diagnostics, Source};
use divan::{Bencher, black_box, black_box_drop};
use http::Method;

#[path = "../src/apigateway/read/tests/hostile_cases.rs"]
mod hostile_cases;
use hostile_cases::Case;
#[path = "../src/apigateway/read/tests/large.rs"]
mod large;

fn main() {
    divan::main();
}

fn loaded(text: &str) -> Api {
    let mut problems = Diagnostics::default();
    let api = read(&Source::new("api.yaml", text), &Options::default(), &mut problems);
    api.unwrap_or_else(|| panic!("{:#?}", problems.into_sorted()))
}

/// A definition of 300 resources with five methods each: the quota of API Gateway.
#[divan::bench]
fn load_300_resources(bencher: Bencher<'_, '_>) {
    let source = Source::new("api.json", large::definition(300));
    bencher.bench_local(|| {
        let mut problems = Diagnostics::default();
        black_box_drop(read(black_box(&source), &Options::default(), &mut problems).unwrap());
    });
}

#[divan::bench(args = ["/r0/x/s0", "/r17/x/s257", "/r17/x/none", "/nowhere"])]
fn route_of_300_resources(bencher: Bencher<'_, '_>, path: &str) {
    let api = loaded(&large::definition(300));
    bencher.bench_local(|| black_box(black_box(&api).find(&Method::PATCH, black_box(path)).map(|_| ())));
}

/// What is wrong at 6 MB, and what is short to write and long to carry out. None may take longer than a second.
#[divan::bench(args = hostile(), sample_count = 1, sample_size = 1)]
fn hostile_definition(bencher: Bencher<'_, '_>, case: &Hostile) {
    let source = Source::new("api.yaml", case.0.text.as_str());
    bencher.bench_local(|| {
        let mut problems = Diagnostics::default();
        assert!(read(&source, &Options::default(), &mut problems).is_none(), "{}", case.0.name);
        black_box_drop(problems.into_sorted());
    });
}

struct Hostile(Case);

impl std::fmt::Display for Hostile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name)
    }
}

fn hostile() -> impl Iterator<Item = Hostile> {
    const BYTES: usize = 6_000_000;
    [hostile_cases::broken(BYTES), hostile_cases::bombs(BYTES)].into_iter().flatten().map(Hostile)
}
