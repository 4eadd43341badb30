//! Requests that are sent again and must not be, and such as never are.

use http::Method;

use crate::document::Node;
use crate::engine::condition::{Literal, Test};
use crate::engine::retry::Retry;
use crate::engine::ruleset::Fallback;
use crate::engine::subject::Subject;

use super::super::Report;
use super::super::advice::{Advice, Lint};
use super::super::logic::solve::Answer;
use super::super::scene::{Scene, condition};

/// The idempotent methods of RFC 9110, section 9.2.2, which are sent again unless others are named.
const IDEMPOTENT: [Method; 6] =
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE];

/// Reports what is wrong with a rule's `retry`.
pub fn check(scene: &mut Scene<'_>, index: usize, report: &mut Report) {
    let Some(ruled) = scene.rule(index) else { return };
    let Some(retry) = ruled.rule.retry().cloned() else { return };
    let Some(node) = ruled.then(&["retry"]) else { return };
    let name = ruled.name();
    unsafe_methods(&retry, node, report);
    if retry.repeatable.key_header.is_some() {
        return;
    }
    let repeatable = retry.repeatable.methods.as_deref().unwrap_or(&IDEMPOTENT);
    let texts = repeatable.iter().map(|method| Literal::Text(method.as_str().to_owned())).collect();
    let asked = condition(Subject::Method, Test::Equals(texts));
    if scene.can_match(index, Some(&asked)) == Answer::No && scene.can_match(index, None) != Answer::No {
        let advice =
            Advice::new(Lint::RetryNever, format!("{name} never has a request sent again"), &node.place)
                .because("it matches only requests with methods that `retry` does not repeat")
                .fix("write `key_header: true` if clients send an `Idempotency-Key`, or leave `retry` out");
        report.advice.push(advice);
    }
}

/// Reports the same of what holds when no rule matches; `node` is what the set says of that.
pub fn check_default(default: &Fallback, node: &Node, report: &mut Report) {
    if let Fallback::Produce(_, action) = default
        && let (Some(retry), Some(entry)) = (&action.retry, node.entry("retry"))
    {
        unsafe_methods(retry, &entry.node, report);
    }
}

fn unsafe_methods(retry: &Retry, node: &Node, report: &mut Report) {
    let written = node.entry("methods").map(|entry| entry.node.list_or_one()).unwrap_or_default();
    let methods = retry.repeatable.methods.iter().flatten();
    for method in methods.filter(|method| !method.is_idempotent()) {
        let place = written.iter().find(|node| node.scalar_text() == Some(method.as_str()));
        let place = place.map_or(&node.place, |node| &node.place);
        let advice = Advice::new(Lint::RetryUnsafe, format!("a {method} request is sent again"), place)
            .because(
                "the backend may have carried it out before it answered, and does so twice (RFC 9110, section 9.2.2)",
            )
            .fix(format!("leave {method} out, and write `key_header: true` if clients send an `Idempotency-Key`"));
        report.advice.push(advice);
    }
}
