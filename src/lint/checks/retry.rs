//! Requests that are sent again and must not be, and such as never are.

use http::Method;

use crate::engine::condition::{Literal, Test};
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
    let methods = node.entry("methods").map(|entry| entry.node.list_or_one()).unwrap_or_default();
    let listed = retry.repeatable.methods.as_deref();
    for method in listed.unwrap_or_default().iter().filter(|method| !method.is_idempotent()) {
        let place = methods.iter().find(|node| node.scalar_text() == Some(method.as_str()));
        let advice = Advice::new(
            Lint::RetryUnsafe,
            format!("a {method} request is sent again"),
            place.map_or(&node.place, |node| &node.place),
        )
        .because("the backend may have carried it out before it answered, and does so twice (RFC 9110, section 9.2.2)")
        .fix(format!("leave {method} out, and write `key_header: true` if clients send an `Idempotency-Key`"));
        report.advice.push(advice);
    }
    if retry.repeatable.key_header.is_some() {
        return;
    }
    let repeatable = listed.unwrap_or(&IDEMPOTENT);
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
