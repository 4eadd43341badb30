//! A sidecar without rules and what is behind it, to see what passes.

use super::sidecar::Sidecar;
use super::upstream::{Received, Upstream};
use super::{NO_RULES, json};

/// A sidecar before an upstream that answers everything.
pub struct Pair {
    /// Answers everything.
    pub upstream: Upstream,
    /// Before it.
    pub sidecar: Sidecar,
}

impl Pair {
    /// Both.
    pub fn start() -> Pair {
        let upstream = Upstream::answering(json("{}"));
        let sidecar = Sidecar::start(upstream.address, NO_RULES);
        Pair { upstream, sidecar }
    }

    /// What the upstream saw, in order, after checking that the sidecar goes on to serve.
    #[track_caller]
    pub fn seen_before_the_next(&self) -> Vec<Received> {
        assert_eq!(self.sidecar.exchange("GET /next", &[]).status(), 200);
        let mut seen = Vec::new();
        loop {
            let received = self.upstream.received();
            if received.head.start == "GET /next HTTP/1.1" {
                return seen;
            }
            seen.push(received);
        }
    }
}
