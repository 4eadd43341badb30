//! Plays every case of `tests/cases` through every door: the answer is the same each time.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use candor::case::{self, Case, Decision, Given, Played, Sent, Setup, Subject};
use candor::diagnostic::{Diagnostic, Diagnostics, Place, Severity, Source};
use candor::live::Snapshot;
use candor::settings::UpstreamUrl;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::support::client::{Answered, Client};
use crate::support::files;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{After, Upstream};

const FOLDER: &str = "tests/cases";

/// Every case there is. A file that cannot be read, or holds none, fails with all that is wrong in all files.
fn cases() -> Vec<Case> {
    let paths = files::below(FOLDER);
    assert!(!paths.is_empty(), "no cases in {FOLDER}");
    let mut problems = String::new();
    let mut cases = Vec::new();
    for path in paths {
        if !path.ends_with(".yaml") {
            writeln!(problems, "{path}: not a case file (*.yaml)").unwrap();
            continue;
        }
        let mut diagnostics = Diagnostics::default();
        let source = Source::new(&path, files::text(&path));
        cases.extend(case::read_with(&source, &beside, &mut diagnostics).map(|file| file.cases));
        // A case of an API may well be about what its definition is warned of.
        let may_be_warned = path.starts_with(&format!("{FOLDER}/apigateway/"));
        for problem in diagnostics.into_sorted() {
            if problem.severity == Severity::Error || !may_be_warned {
                writeln!(problems, "{problem}\n").unwrap();
            }
        }
    }
    assert!(problems.is_empty(), "\n{problems}");
    cases.into_iter().flatten().collect()
}

/// A file that a case file names, from the folder of that one.
fn beside(path: &str, place: &Place) -> Result<Arc<Source>, Diagnostic> {
    let (folder, _) = place.source.name.rsplit_once('/').unwrap_or_default();
    let path = format!("{folder}/{path}");
    Ok(Source::new(&path, files::text(&path)))
}

/// What is wrong with a case that was played, and why it came out so; nothing when it holds.
fn failure(case: &Case, played: &Played) -> Option<String> {
    let mismatches = case.expectation.mismatches(played);
    if mismatches.is_empty() {
        return None;
    }
    let mut text = format!("{}:{}: {}\n", case.place.source.name, case.place.line, case.name);
    for mismatch in mismatches {
        writeln!(text, "  {mismatch}").unwrap();
    }
    match &played.decision {
        Decision::Made { verdict, trace, .. } => {
            let reason = verdict.reason().map(|reason| format!(": {reason}")).unwrap_or_default();
            writeln!(text, "    {}{reason}", verdict.word()).unwrap();
            for line in trace.to_string().lines() {
                writeln!(text, "    {line}").unwrap();
            }
        }
        Decision::Carried { fault: Some(fault), .. } => writeln!(text, "    {}", fault.cause).unwrap(),
        Decision::Carried { .. } | Decision::None | Decision::Unseen => {}
    }
    Some(text)
}

fn all_hold(door: &str, failures: Vec<String>, played: usize) {
    assert!(
        failures.is_empty(),
        "{} of {played} cases fail through {door}\n\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn every_case_holds_through_evaluate() {
    let cases = cases();
    let failures = cases.iter().filter_map(|case| failure(case, &case.evaluate())).collect();
    all_hold("evaluate", failures, cases.len());
}

#[test]
fn every_case_holds_through_the_proxy() {
    let cases = cases();
    let answer = Arc::new(Mutex::new(Vec::new()));
    let upstream = {
        let answer = Arc::clone(&answer);
        Upstream::scripted(move |_, stream| {
            stream.write_all(&answer.lock().unwrap()).unwrap();
            After::KeepOpen
        })
    };
    // Every connection of this test comes from there; what other peers get is told by `evaluate`.
    let ours: Vec<(&Case, &Arc<Setup>)> = cases
        .iter()
        .filter(|case| case.given.request.peer == Ipv4Addr::LOCALHOST)
        .filter_map(|case| match &case.subject {
            Subject::Rules { setup, .. } => Some((case, setup)),
            Subject::Api { .. } => None,
        })
        .collect();
    let mut failures = Vec::new();
    for sharing in ours.chunk_by(|(_, one), (_, next)| Arc::ptr_eq(one, next)) {
        let sidecar = Sidecar::serving(Arc::new(sending_to(upstream.address, sharing[0].1)));
        for (case, _) in sharing {
            *answer.lock().unwrap() = on_the_wire(&case.given);
            failures.extend(failure(case, &through(&sidecar, &case.given)));
        }
        sidecar.stop();
    }
    all_hold("the proxy", failures, ours.len());
}

/// The case's configuration with every upstream at this address.
fn sending_to(upstream: SocketAddr, setup: &Setup) -> Snapshot {
    let mut snapshot = setup.compile(&mut Diagnostics::default()).unwrap();
    let url = UpstreamUrl::parse(&format!("http://{upstream}")).unwrap();
    snapshot.settings.upstreams.iter_mut().for_each(|upstream| upstream.url = url.clone());
    snapshot.settings.server.workers = Some(1);
    snapshot
}

/// The upstream's answer, its body in chunks of a few bytes where it is chunked.
fn on_the_wire(given: &Given) -> Vec<u8> {
    let (answer, status) = (&given.upstream.answer, given.upstream.answer.head.status);
    let reason = given.upstream.reason.as_deref().or(status.canonical_reason()).unwrap_or_default();
    let mut wire = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
    write_headers(&mut wire, &answer.head.headers);
    if !given.upstream.chunked {
        wire.extend(b"\r\n");
        wire.extend(&answer.body);
        return wire;
    }
    wire.extend(b"transfer-encoding: chunked\r\n\r\n");
    if given.request.snapshot.method != http::Method::HEAD {
        for chunk in answer.body.chunks(7) {
            write!(wire, "{:x}\r\n", chunk.len()).unwrap();
            wire.extend(chunk);
            wire.extend(b"\r\n");
        }
        wire.extend(b"0\r\n\r\n");
    }
    wire
}

fn write_headers(wire: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        wire.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
}

/// Sends the request on a connection of its own.
fn through(sidecar: &Sidecar, given: &Given) -> Played {
    let request = &given.request.snapshot;
    let mut wire = format!("{} {} HTTP/1.1\r\n", request.method, request.uri).into_bytes();
    if !request.headers.contains_key("host") {
        wire.extend(b"host: sidecar.test\r\n");
    }
    write_headers(&mut wire, &request.headers);
    wire.extend(b"\r\n");
    let mut client = Client::connect(sidecar.address);
    client.send(wire);
    played(client.answer(request.method == http::Method::HEAD))
}

fn played(answered: Answered) -> Played {
    assert!(answered.payload.complete, "a broken answer: {answered:?}");
    let line = answered.head.start.splitn(3, ' ').collect::<Vec<_>>();
    let header = |(name, value): &(String, String)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in answered.head.headers.iter().map(header) {
        headers.append(name, value);
    }
    Played {
        status: StatusCode::from_bytes(line[1].as_bytes()).unwrap(),
        reason: line.get(2).copied().unwrap_or_default().to_owned(),
        headers,
        body: answered.payload.bytes.into(),
        sent: Sent::Unseen,
        decision: Decision::Unseen,
    }
}

#[test]
fn a_wrong_expectation_fails_with_its_place_and_the_trace() {
    let text = "rules: ['$.code:4\\d{2} -> 404']\ncases:\n  - name: a fact\n    upstream: { json: { code: 500 } }\n    expect: { status: 404 }\n";
    let file = case::read(&Source::new("cases.yaml", text), &mut Diagnostics::default()).unwrap();
    let failure = failure(&file.cases[0], &file.cases[0].evaluate()).unwrap();
    let told =
        "cases.yaml:3: a fact\n  status: expected `404`, got `200`\n    pass\n    flags/rule-1: no match\n";
    assert!(failure.starts_with(told), "{failure}");
    assert!(failure.contains("$.code matches `4\\d{2}`: 500"), "{failure}");
}
