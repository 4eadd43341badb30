//! The cases through a real Envoy that asks Candor about every exchange.

use std::net::Ipv4Addr;
use std::sync::Arc;

use candor::case::{Case, Subject};

use super::backend::{Backend, Script};
use super::{all_hold, cases, failure, in_front_of, shares, wire};
use crate::support::envoy::{self, Envoy};
use crate::support::processor::Seat;

#[test]
fn every_case_holds_through_envoy() {
    let Some(program) = envoy::program() else { return };
    let cases = cases();
    let ours: Vec<&Case> = cases
        .iter()
        .filter(|case| matches!(case.subject, Subject::Rules { .. }))
        .filter(|case| case.given.request.peer == Ipv4Addr::LOCALHOST)
        .filter(|case| Script::of(&case.given).is_some())
        .collect();
    let backend = Backend::start();
    let seat = Seat::take();
    let mode = std::env::var("MODE").unwrap_or_default();
    let mut configuration =
        envoy::configuration("envoy.yaml", backend.address(), &seat.address().to_string());
    if !mode.is_empty() {
        configuration = configuration
            .replace("FULL_DUPLEX_STREAMED", &mode)
            .replace("response_trailer_mode: SEND", "response_trailer_mode: SKIP")
            .replace(
                "message_timeout: 1s",
                "message_timeout: 1s\n                      allow_mode_override: true",
            );
    }
    let envoy = Envoy::start(&program, &configuration);
    let mut failures = Vec::new();
    for sharing in ours.chunk_by(|one, next| shares(&one.subject, &next.subject)) {
        let processor = seat.serve(Arc::new(in_front_of(backend.address(), &sharing[0].subject)));
        for case in sharing {
            backend.follow(Script::of(&case.given).unwrap());
            let played = wire::through(envoy.address, &case.given);
            failures.extend(failure(case, &played));
        }
        processor.stop();
    }
    all_hold("Envoy", failures, ours.len());
}
