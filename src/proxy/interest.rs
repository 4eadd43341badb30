//! Which headers of requests an exchange may need that somebody else carries. Most rules read none, and what nobody
//! reads need not be copied.

use http::header::HeaderName;

use crate::live::Snapshot;

/// Names that matter whatever the rules are: for the route, the log and the spans.
const ALWAYS: [&str; 4] = ["host", "x-request-id", "traceparent", "tracestate"];

/// What requests are asked for under a configuration.
#[derive(Debug)]
pub struct Interest {
    selector: Option<HeaderName>,
    is_in_all: bool,
}

impl Interest {
    /// What exchanges under this configuration may need.
    pub fn of(snapshot: &Snapshot) -> Interest {
        let selection = snapshot.selection.as_ref();
        let selectable = selection.into_iter().flat_map(|selection| selection.allow.values().flatten());
        let of_routes = snapshot.routes.iter().filter_map(|route| route.rule_set.as_ref());
        let mut rule_sets = of_routes.chain(selectable);
        Interest {
            selector: selection.map(|selection| selection.header.clone()),
            is_in_all: rule_sets.any(|rules| rules.reads_request_headers() || rules.reads_circumstances()),
        }
    }

    /// Whether a header of this name, in lower case, may be needed.
    pub fn is_in(&self, name: &[u8]) -> bool {
        self.is_in_all
            || ALWAYS.iter().any(|known| known.as_bytes() == name)
            || self.selector.as_ref().is_some_and(|selector| selector.as_str().as_bytes() == name)
    }
}
