//! The cases through a real Envoy that asks Candor about every exchange, in each mode that it can do so.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use candor::case::{Case, Given, Played, Subject};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

use super::backend::{Backend, Script};
use super::{FOLDER, cases, failure, in_front_of, shares, wire};
use crate::support::envoy::{self, Envoy, configuration};
use crate::support::files;
use crate::support::processor::{Processor, Seat};

/// A peer that a test cannot be is one that a trusted proxy tells of.
const TRUSTING: &str = "use_remote_address: true\n                xff_num_trusted_hops: 1";
const PAGE: &str = "docs/envoy.md";

#[test]
fn every_case_holds_through_envoy_in_full_duplex() {
    play("envoy.yaml", |text| text, |played| played);
}

#[test]
fn every_case_holds_through_envoy_with_buffered_bodies() {
    let buffered = |text: String| text.replace("FULL_DUPLEX_STREAMED", "BUFFERED");
    play("envoy.yaml", buffered, |played| played);
}

#[test]
fn every_case_holds_through_envoy_with_bodies_on_demand() {
    play("on-demand.yaml", |text| text, with_length);
}

#[test]
fn every_case_holds_below_envoys_router() {
    play("retries.yaml", |text| text.replace("num_retries: 2", "num_retries: 0"), |played| played);
}

/// Every configuration is a listener of one Envoy, with a module of its own.
#[test]
fn every_case_holds_inside_envoy() {
    let (Some(program), Some(_)) = (envoy::program(), envoy::module()) else { return };
    let cases = cases();
    let ours: Vec<&Case> = cases.iter().filter(|case| is_ours(case)).collect();
    let backend = Backend::start();
    let text =
        configuration("module.yaml", backend.address(), "").replace("use_remote_address: true", TRUSTING);
    let (head, rest) = text.split_once("    - name: traffic\n").unwrap();
    let (listener, tail) = rest.split_once("\n  clusters:\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let groups: Vec<_> = ours.chunk_by(|one, next| shares(&one.subject, &next.subject)).collect();
    let mut all = head.to_owned();
    for (index, sharing) in groups.iter().enumerate() {
        let Subject::Rules { setup, .. } = &sharing[0].subject else { unreachable!("they are ours") };
        let (config, presets, rules) = setup.written();
        let path = folder.path().join(format!("{index}.yaml"));
        std::fs::write(&path, config.to_string()).unwrap();
        let value =
            serde_json::json!({ "config": [path.to_str().unwrap()], "presets": presets, "rules": rules });
        let name = if index == 0 { "traffic".to_owned() } else { format!("traffic-{index}") };
        all += &format!("    - name: {name}\n");
        all += &listener.replace("{ presets: [status-field] }", &value.to_string());
        all.push('\n');
    }
    let envoy = Envoy::start(&program, &format!("{all}\n  clusters:\n{tail}"));
    let mut differences = Differences::default();
    for (index, sharing) in groups.iter().enumerate() {
        let name = if index == 0 { "traffic".to_owned() } else { format!("traffic-{index}") };
        for case in *sharing {
            backend.follow(Script::of(&case.given).unwrap());
            let played = wire::through(envoy.addresses[&name], &told_by_a_proxy(&case.given));
            differences.note(case, played, |played| played);
        }
    }
    differences.check(&told("inside"));
}

/// A body that was given to a head that had gone comes in chunks, which is nobody's harm.
fn with_length(mut played: Played) -> Played {
    if played.headers.remove(TRANSFER_ENCODING).is_some() && !played.headers.contains_key(CONTENT_LENGTH) {
        played.headers.insert(CONTENT_LENGTH, played.body.len().into());
    }
    played
}

/// Plays what can be played. What fails must be what the page says, no less and no more.
fn play(file: &str, change: impl FnOnce(String) -> String, smooth: impl Fn(Played) -> Played) {
    let Some(program) = envoy::program() else { return };
    let cases = cases();
    let ours: Vec<&Case> = cases.iter().filter(|case| is_ours(case)).collect();
    let backend = Backend::start();
    let seat = Seat::take();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("candor.sock");
    let over_unix = file == "on-demand.yaml";
    let candor = if over_unix { socket.to_str().unwrap().to_owned() } else { seat.address().to_string() };
    let configuration =
        configuration(file, backend.address(), &candor).replace("use_remote_address: true", TRUSTING);
    let envoy = Envoy::start(&program, &change(configuration));
    let mut differences = Differences::default();
    for sharing in ours.chunk_by(|one, next| shares(&one.subject, &next.subject)) {
        let snapshot = Arc::new(in_front_of(backend.address(), &sharing[0].subject));
        let processor =
            if over_unix { Processor::at(socket.clone(), snapshot) } else { seat.serve(snapshot) };
        for case in sharing {
            backend.follow(Script::of(&case.given).unwrap());
            let played = wire::through(envoy.address, &told_by_a_proxy(&case.given));
            differences.note(case, played, &smooth);
        }
        processor.stop();
    }
    differences.check(&told("asked"));
}

/// The cases that come out otherwise than they say.
#[derive(Default)]
struct Differences {
    /// Without what is smoothed over.
    all: BTreeSet<String>,
    notable: BTreeSet<String>,
    failures: Vec<String>,
}

impl Differences {
    fn note(&mut self, case: &Case, played: Played, smooth: impl Fn(Played) -> Played) {
        self.all.extend(failure(case, &played).map(|_| label(case)));
        if let Some(failure) = failure(case, &smooth(played)) {
            self.notable.insert(label(case));
            self.failures.push(failure);
        }
    }

    /// They are those that the page tells of, no less and no more.
    fn check(&self, told: &BTreeSet<String>) {
        let untold: Vec<_> = self.notable.difference(told).collect();
        let failures = self.failures.join("\n");
        assert!(untold.is_empty(), "these differ and {PAGE} does not say so: {untold:#?}\n{failures}");
        let stale: Vec<_> = told.difference(&self.all).filter(|label| !label.ends_with("/**")).collect();
        assert!(stale.is_empty(), "{PAGE} says that these differ, and they do not: {stale:#?}");
    }
}

#[test]
fn what_is_not_played_through_envoy_is_told() {
    let unplayed: BTreeSet<String> = cases()
        .iter()
        .filter(|case| !is_ours(case))
        .map(|case| {
            let label = label(case);
            let (folder, _) = label.split_once('/').unwrap();
            format!("{folder}/**")
        })
        .collect();
    let told: BTreeSet<String> = told("inside").into_iter().filter(|label| label.ends_with("/**")).collect();
    assert_eq!(told, unplayed, "the folders in {PAGE}, and those with cases that are not played");
}

/// Behind Envoy there are rules, and no APIs.
fn is_ours(case: &Case) -> bool {
    matches!(case.subject, Subject::Rules { .. })
}

fn told_by_a_proxy(given: &Given) -> Given {
    let mut given = given.clone();
    if given.request.peer != Ipv4Addr::LOCALHOST {
        given.request.lines.append("X-Forwarded-For", given.request.peer.to_string());
    }
    given
}

/// `actions/body.yaml: given text`.
fn label(case: &Case) -> String {
    let file = case.place.source.name.strip_prefix(FOLDER).unwrap().trim_start_matches('/');
    format!("{file}: {}", case.name)
}

/// The cases that the page's table of differences tells of, for this way to Candor: `asked` or `inside`.
fn told(way: &str) -> BTreeSet<String> {
    let page = files::text(PAGE);
    let (_, section) = page.split_once("\n## What differs\n").expect("a section of what differs");
    let section = section.split("\n## ").next().unwrap();
    let row = |line: &str| {
        let (label, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let (ways, _) = rest.split_once(" |")?;
        ways.split(", ").any(|told| told == way).then(|| label.to_owned())
    };
    section.lines().filter_map(row).collect()
}
