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
            samples.spread(&f::REQUEST_DURATION, &labels, &durations.total.spread(times(), 1e6, 1e9));
            if durations.upstream.count() > 0 {
                let spread = durations.upstream.spread(times(), 1e6, 1e9);
                samples.spread(&f::UPSTREAM_DURATION, &labels, &spread);
            }
        }
        samples.spread(&f::HOLD_DURATION, &[], &self.hold_time.spread(times(), 1e6, 1e9));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::meters::{Door, Verb};

    /// What is said of exchanges like this one, of which there were two.
    fn told(from: u16, to: u16, decision: Decision) -> Vec<String> {
        let of = Exchanges { from, to, decision, verb: Verb::Get, door: Door::Proxy };
        let mut counts = Counts::default();
        counts.times.insert(Count::Exchanges { route: "".into(), of }, 2);
        let mut samples = Samples::default();
        counts.tell(&mut samples);
        let text = Format::Prometheus.write(&samples);
        let of_exchanges = |line: &&str| line.starts_with("candor_") && !line.starts_with("candor_hold_");
        text.lines().filter(of_exchanges).map(str::to_owned).collect()
    }

    #[test]
    fn exchanges_are_told_by_status_verdict_and_whether_they_hid_an_error() {
        let check = |from, to, decision, expected: [&str; 3]| {
            let [hidden, requests, verdicts] = expected;
            let expected = [
                format!("candor_hidden_errors_total{{route=\"none\"}} {hidden}"),
                format!("candor_requests_total{{door=\"proxy\",route=\"none\",method=\"GET\",{requests}}} 2"),
                format!("candor_verdicts_total{{route=\"none\",{verdicts}}} 2"),
            ];
            assert_eq!(told(from, to, decision), expected);
        };
        let none = r#"verdict="none",reason="""#;
        check(0, 502, Decision::None, ["0", r#"code="502",upstream_code="none""#, none]);
        check(0, 0, Decision::None, ["0", r#"code="none",upstream_code="none""#, none]);
        let rewrite = r#"verdict="rewrite",reason="""#;
        check(200, 404, Decision::Rewrite, ["2", r#"code="404",upstream_code="200""#, rewrite]);
        check(500, 404, Decision::Rewrite, ["0", r#"code="404",upstream_code="500""#, rewrite]);
        let bypass = r#"verdict="bypass",reason="event stream""#;
        let passed = r#"code="200",upstream_code="200""#;
        check(200, 200, Decision::Bypass(Bypass::EventStream), ["0", passed, bypass]);
        let undecided = r#"verdict="undecided",reason="body cut short""#;
        check(200, 200, Decision::Undecided("body cut short"), ["0", passed, undecided]);
    }

    #[test]
    fn every_family_is_said_to_exist_from_the_start() {
        let samples = gather(&Meters::start());
        let announced: Vec<&str> = samples.0.keys().copied().collect();
        let mut all: Vec<&str> = f::ALL.iter().map(|family| family.name).collect();
        all.sort_unstable();
        assert_eq!(announced, all);
    }

    #[test]
    fn bounds_of_histograms_are_ends_of_their_buckets() {
        let samples = gather(&Meters::start());
        let ends = |name: &str| {
            let ends = samples.0[name].spreads[""].buckets.iter().map(|(end, _)| *end);
            ends.map(|end| end.to_string()).collect::<Vec<_>>().join(" ")
        };
        let times = "0.000128 0.000256 0.000512 0.001024 0.002048 0.004096 0.008192 0.016384 0.032768 0.065536 \
                     0.131072 0.262144 0.524288 1.048576 2.097152 4.194304 8.388608 16.777216 33.554432 67.108864 inf";
        assert_eq!(ends("candor_hold_duration_seconds"), times);
        let sizes = "256 1024 4096 16384 65536 262144 1048576 4194304 16777216 67108864 inf";
        assert_eq!(ends("candor_hold_size_bytes"), sizes);
    }
}
