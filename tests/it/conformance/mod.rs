//! Plays every case of `tests/cases` through every door: the answer is the same each time.

mod backend;
mod envoy;
mod wire;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use candor::apigateway::model::{self, Function};
use candor::case::{self, Base, Case, Decision, Gateway, Played, Subject};
use candor::diagnostic::{Diagnostic, Diagnostics, Place, Severity, Source};
use candor::document;
use candor::engine::route::Routes;
use candor::live::{Deployment, Endpoints, Snapshot};
use candor::settings::{Quick, Settings, UpstreamUrl};

use crate::import;
use crate::support::files;
use crate::support::sidecar::Sidecar;
use backend::{Backend, Script};

const FOLDER: &str = "tests/cases";

/// Every case of the folder.
fn cases() -> Vec<Case> {
    cases_of(files::below(FOLDER))
}

/// The cases of the worked examples.
fn examples() -> Vec<Case> {
    let mut paths = files::below("deploy/examples");
    paths.retain(|path| path.ends_with("/cases.yaml"));
    cases_of(paths)
}

/// Every case of these files. One that cannot be read, or holds none, fails with all that is wrong in all of them.
fn cases_of(paths: Vec<String>) -> Vec<Case> {
    assert!(!paths.is_empty(), "no cases");
    let mut problems = String::new();
    let mut cases = Vec::new();
    for path in paths {
        if !path.ends_with(".yaml") {
            writeln!(problems, "{path}: not a case file (*.yaml)").unwrap();
            continue;
        }
        let mut diagnostics = Diagnostics::default();
        let source = Source::new(&path, files::text(&path));
        cases.extend(
            case::read_with(&source, &Base::default(), &beside, &mut diagnostics).map(|file| file.cases),
        );
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
fn every_case_of_an_api_holds_when_it_is_imported() {
    let (mut failures, mut played) = (Vec::new(), 0);
    for mut case in cases().into_iter().chain(examples()) {
        let Subject::Api { setup, gateway } = &case.subject else { continue };
        let api = import::in_own_words(&gateway.api);
        let gateway = Arc::new(Gateway { api, settings: gateway.settings.clone() });
        case.subject = Subject::Api { setup: Arc::clone(setup), gateway };
        failures.extend(failure(&case, &case.evaluate()));
        played += 1;
    }
    assert!(played > 0);
    all_hold("import", failures, played);
}

#[test]
fn every_case_holds_through_the_proxy() {
    let cases = cases();
    // Every connection of this test comes from there; what other peers get is told by `evaluate`.
    let ours: Vec<&Case> = cases
        .iter()
        .filter(|case| case.given.request.peer == Ipv4Addr::LOCALHOST)
        .filter(|case| Script::of(&case.given).is_some())
        .collect();
    let backend = Backend::start();
    let mut failures = Vec::new();
    for sharing in ours.chunk_by(|one, next| shares(&one.subject, &next.subject)) {
        let sidecar = Sidecar::serving(Arc::new(in_front_of(backend.address(), &sharing[0].subject)));
        for case in sharing {
            backend.follow(Script::of(&case.given).unwrap());
            let played = wire::through(sidecar.address, &case.given);
            failures.extend(failure(case, &Played { sent: backend.sent(), ..played }));
        }
        sidecar.stop();
    }
    all_hold("the proxy", failures, ours.len());
}

fn shares(one: &Subject, next: &Subject) -> bool {
    match (one, next) {
        (Subject::Rules { setup: one, .. }, Subject::Rules { setup: next, .. }) => Arc::ptr_eq(one, next),
        (Subject::Api { setup: one, .. }, Subject::Api { setup: next, .. }) => Arc::ptr_eq(one, next),
        _ => false,
    }
}

/// A fact about API Gateway is found by its name, wherever it stands.
#[test]
fn no_two_cases_of_apis_have_one_name() {
    let mut names = BTreeSet::new();
    let cases = cases();
    let of_apis = cases.iter().filter(|case| matches!(case.subject, Subject::Api { .. }));
    let twice: Vec<&str> =
        of_apis.map(|case| case.name.as_str()).filter(|name| !names.insert(*name)).collect();
    assert!(names.len() > 500, "only {} cases", names.len());
    assert_eq!(twice, Vec::<&str>::new());
}

/// The case's configuration with every upstream at this address.
fn in_front_of(upstream: SocketAddr, subject: &Subject) -> Snapshot {
    let mut snapshot = match subject {
        Subject::Rules { setup, .. } => setup.compile(&mut Diagnostics::default()).unwrap(),
        Subject::Api { setup, .. } => deployed(setup.compile(&mut Diagnostics::default()).unwrap()),
    };
    let url = UpstreamUrl::parse(&format!("http://{upstream}")).unwrap();
    snapshot.settings.upstreams.iter_mut().for_each(|upstream| upstream.url = url.clone());
    snapshot.endpoints =
        snapshot.settings.upstreams.iter().map(|upstream| Endpoints::new(upstream, None)).collect();
    snapshot.settings.server.workers = Some(1);
    snapshot
}

/// An API with one upstream for all that it calls.
fn deployed(gateway: Gateway) -> Snapshot {
    let name = "backend";
    let functions = gateway.api.methods.iter().filter_map(|method| function(&method.integration.backend));
    let lambda = |function: &Function| {
        let function = wire::function_name(function);
        format!("'{function}': 'http://{name}.test{}'", wire::function_path(&function))
    };
    let lambdas: BTreeSet<String> = functions.map(lambda).collect();
    let lambdas = lambdas.into_iter().collect::<Vec<_>>().join(", ");
    let configuration = format!(
        "version: 1\nupstreams: {{ {name}: {{ url: 'http://{name}.test' }} }}\n\
         api: {{ definition: read, upstream: {name}, lambdas: {{ {lambdas} }} }}\n"
    );
    let mut problems = Diagnostics::default();
    let document = document::parse(&Source::new("deployed.yaml", configuration), &mut problems).unwrap();
    let mut settings = Settings::read(&document, &Quick::default(), &mut problems).unwrap();
    let said = settings.api.clone().unwrap();
    let mut deployment = Deployment::new(gateway.api, &said, &mut settings, &mut problems);
    deployment.settings = gateway.settings;
    Snapshot::new(settings, Routes::default(), None).with(Some(deployment))
}

fn function(backend: &model::Backend) -> Option<&Function> {
    match backend {
        model::Backend::Lambda(function) | model::Backend::LambdaProxy(function, _) => Some(function),
        _ => None,
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
