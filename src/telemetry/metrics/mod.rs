//! Metrics for Prometheus and whoever reads its text. They are another reader of what [`meters`](super::meters) count:
//! nothing is counted for them alone, and nothing is added up until somebody asks.
//!
//! [`families`] are the names, [`Format`] writes them, and [`gather`] brings the numbers under the names.

pub mod families;
mod process;
mod reloads;
mod text;

use std::sync::Arc;

pub use text::Format;

use crate::engine::outcome::Bypass;
use crate::live::Holds;
use crate::telemetry::meters::{
    Count, Counts, Decision, Exchanges, Linked, Meters, Role, Samples, Source, hidden,
};
use families as f;
use process::Process;

/// Upper ends of times: each twice the one before, from 128 µs to 67 s, in microseconds.
const TIMES: std::ops::RangeInclusive<u32> = 7..=26;

/// Upper ends of sizes: each four times the one before, from 256 B to 64 MiB.
const SIZES: std::ops::RangeInclusive<u32> = 4..=13;

/// What stands for a name or a status that there is none of.
const NONE: &str = "none";

/// All that there is to say now.
pub fn gather(meters: &Meters) -> Samples {
    let mut samples = Samples::default();
    for family in f::ALL {
        samples.declare(family);
    }
    samples.add(&f::BUILD_INFO, &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    meters.counts().tell(&mut samples);
    meters.tell(&mut samples);
    Process.tell(&mut samples);
    samples
}

impl Source for Counts {
    fn tell(&self, samples: &mut Samples) {
        for (count, times) in self.iter() {
            tell(count, times as f64, samples);
        }
        let times = || TIMES.map(|exponent| 1 << exponent);
        for (route, durations) in &self.durations {
            let labels = [("route", named(route))];
            samples.spread(&f::REQUEST_DURATION, &labels, &durations.total.spread(times(), 1e-6, 1e-9));
            if durations.upstream.count() > 0 {
                let spread = durations.upstream.spread(times(), 1e-6, 1e-9);
                samples.spread(&f::UPSTREAM_DURATION, &labels, &spread);
            }
        }
        samples.spread(&f::HOLD_DURATION, &[], &self.hold_time.spread(times(), 1e-6, 1e-9));
        let sizes = SIZES.map(|exponent| 1 << (2 * exponent));
        samples.spread(&f::HOLD_SIZE, &[], &self.hold_bytes.spread(sizes, 1.0, 1.0));
        for (upstream, Linked { opened, busy, idle }) in &self.links {
            for (state, number) in [("busy", busy), ("idle", idle)] {
                let labels = [("upstream", &**upstream), ("state", state)];
                samples.add(&f::UPSTREAM_CONNECTIONS, &labels, *number as f64);
            }
            samples.add(&f::UPSTREAM_CONNECTIONS_TOTAL, &[("upstream", upstream)], *opened as f64);
        }
    }
}

fn tell(count: &Count, times: f64, samples: &mut Samples) {
    match count {
        Count::Exchanges { route, of } => tell_exchanges(named(route), of, times, samples),
        Count::Rule { route, rule, role, from, to } => {
            let route = named(route);
            let mode = match role {
                Role::Decided => "enforce",
                Role::Shadow => "shadow",
                Role::Failed => {
                    let labels = [("route", route), ("verdict", "failed"), ("reason", rule)];
                    return samples.add(&f::VERDICTS, &labels, times);
                }
            };
            let (rule_set, rule) = rule.split_once('/').unwrap_or(("", rule));
            let (from, to) = (status(*from), status(*to));
            let labels = [
                ("route", route),
                ("rule_set", rule_set),
                ("rule", rule),
                ("from", &*from),
                ("to", &*to),
                ("mode", mode),
            ];
            samples.add(&f::TRANSLATIONS, &labels, times);
        }
        Count::Misfit { route, model } => {
            samples.add(&f::MISFITS, &[("route", named(route)), ("model", model)], times);
        }
        Count::Retries { route, outcome } => {
            samples.add(&f::RETRIES, &[("route", named(route)), ("outcome", outcome)], times);
        }
        Count::Faults { upstream, error, .. } => {
            samples.add(&f::UPSTREAM_ERRORS, &[("upstream", upstream), ("error", error)], times);
        }
    }
}

/// The same exchanges by how they came and went, by whether they were hidden errors, and by what was decided.
fn tell_exchanges(route: &str, of: &Exchanges, times: f64, samples: &mut Samples) {
    let Exchanges { from, to, decision, verb, door } = of;
    let (upstream_code, code) = (status(*from), status(*to));
    let labels = [
        ("door", door.text()),
        ("route", route),
        ("method", verb.text()),
        ("code", &*code),
        ("upstream_code", &*upstream_code),
    ];
    samples.add(&f::REQUESTS, &labels, times);
    // Said from the beginning of a route, so that a ratio has something to be a ratio of.
    let hidden = if hidden(*from, *to) { times } else { 0.0 };
    samples.add(&f::HIDDEN_ERRORS, &[("route", route)], hidden);
    let (verdict, reason) = match decision {
        Decision::None => (NONE, String::new()),
        Decision::Pass => ("pass", String::new()),
        Decision::Bypass(bypass) => ("bypass", Bypass::to_string(bypass)),
        Decision::Rewrite => ("rewrite", String::new()),
        Decision::Undecided(reason) => ("undecided", (*reason).to_owned()),
        // Those are told with the rule that failed.
        Decision::Failed => return,
    };
    samples.add(&f::VERDICTS, &[("route", route), ("verdict", verdict), ("reason", &reason)], times);
}

fn named(name: &Arc<str>) -> &str {
    if name.is_empty() { NONE } else { name }
}

fn status(status: u16) -> String {
    if status == 0 { NONE.to_owned() } else { status.to_string() }
}

/// What all exchanges hold together.
impl Source for Holds {
    fn tell(&self, samples: &mut Samples) {
        samples.add(&f::HELD_BYTES, &[], self.bytes() as f64);
        samples.add(&f::HELD_BYTES_MAX, &[], self.bytes_max() as f64);
    }
}
