use std::net::Ipv4Addr;

use http::StatusCode;

use super::*;
use crate::engine::outcome::Undecided;

/// An exchange that took two milliseconds.
fn ended<'a>(id: &'a str, to: u16, verdict: &'a Verdict) -> Ended<'a> {
    Ended {
        request_id: id,
        trace_id: None,
        took: Duration::from_millis(2),
        upstream_time: Some(Duration::from_millis(1)),
        client: Ipv4Addr::LOCALHOST.into(),
        method: Some("GET"),
        path: Some("/orders/17"),
        route: Some("/orders/{id}"),
        upstream: Some("legacy"),
        rule_set: Some("orders"),
        upstream_status: Some(200),
        status: Some(to),
        verdict: Some(verdict),
        shadows: &[],
        held: None,
        sent_bytes: 10,
        attempts: 1,
        integration_response: None,
        gateway_response: None,
        error: None,
        alarming: false,
    }
}

/// It ends on this worker, `after` the start.
fn end(meters: &Meters, meter: &Meter, after: Duration, ended: Ended<'_>) {
    meter.count(&Counted {
        route: ended.route.unwrap(),
        statuses: (ended.upstream_status.unwrap(), ended.status.unwrap()),
        verdict: ended.verdict,
        shadows: ended.shadows,
        misfit: Some("Order").filter(|_| ended.request_id == "c"),
        took: ended.took,
        upstream_time: ended.upstream_time,
    });
    let is_notable = *ended.verdict.unwrap() != PASSED;
    meter.keep(is_notable, meters.0.since.0 + after, ended.took, || ended);
}

fn rewritten() -> Verdict {
    Verdict::Rewrite { rule: "orders/not-found".into() }
}

const PASSED: Verdict = Verdict::PassThrough { bypass: None };

#[test]
fn workers_are_added_up() {
    let meters = Meters::start();
    let (one, two) = (meters.meter(), meters.meter());
    let busy = Shadow { rule: "orders/busy".into(), status: Some(StatusCode::SERVICE_UNAVAILABLE) };
    let undecided = Verdict::Undecided { reason: Undecided::OverTime };
    end(&meters, &one, Duration::ZERO, ended("a", 404, &rewritten()));
    end(&meters, &two, Duration::ZERO, ended("b", 404, &rewritten()));
    end(&meters, &two, Duration::ZERO, Ended { shadows: &[busy], ..ended("c", 200, &undecided) });
    let route: Arc<str> = "/orders/{id}".into();
    let rule = |name: &str, role, to| Count::Rule {
        route: Arc::clone(&route),
        rule: name.into(),
        role,
        from: 200,
        to,
    };
    let exchanges = |to, verdict| Count::Exchanges { route: Arc::clone(&route), from: 200, to, verdict };
    let counts = meters.counts();
    let times = |count: Count| counts.0.get(&count).copied();
    assert_eq!(times(exchanges(404, Word::Rewrite)), Some(2));
    assert_eq!(times(Count::Misfit { route: Arc::clone(&route), model: "Order".into() }), Some(1));
    assert_eq!(times(exchanges(200, Word::Undecided)), Some(1));
    assert_eq!(times(rule("orders/not-found", Role::Decided, 404)), Some(2));
    assert_eq!(times(rule("orders/busy", Role::Shadow, 503)), Some(1));
    let reason = "body not complete in time";
    assert_eq!(times(Count::Undecided { route: Arc::clone(&route), reason }), Some(1));
    assert_eq!(times(Count::Took { route: Arc::clone(&route), bucket: latency::bucket(2000) }), Some(3));
    assert_eq!(times(Count::Upstream { route: Arc::clone(&route), bucket: latency::bucket(1000) }), Some(3));
    assert_eq!(counts.0.len(), 8);
}

#[test]
fn what_is_new_is_told_once() {
    let meters = Meters::start();
    let (one, two) = (meters.meter(), meters.meter());
    let ids = |position: &Position| {
        let (seen, after) = meters.recent(position);
        (seen.iter().map(|seen| seen.request_id.clone()).collect::<Vec<_>>(), after)
    };
    end(&meters, &two, Duration::from_secs(2), ended("b", 404, &rewritten()));
    end(&meters, &one, Duration::from_secs(1), ended("a", 200, &PASSED));
    let (first, position) = ids(&Position::default());
    assert_eq!(first, ["a", "b"], "in the order of time");
    end(&meters, &one, Duration::from_secs(3), ended("c", 404, &rewritten()));
    let (next, position) = ids(&position);
    assert_eq!(next, ["c"]);
    assert_eq!(ids(&position).0, Vec::<String>::new());
    assert_eq!(meters.find("b").unwrap().rule.as_deref(), Some("orders/not-found"));
    assert_eq!(meters.find("d"), None);
}

#[test]
fn a_busy_second_is_not_kept_whole() {
    let meters = Meters::start();
    let meter = meters.meter();
    for _ in 0..1000 {
        end(&meters, &meter, Duration::from_secs(1), ended("passed", 200, &PASSED));
        end(&meters, &meter, Duration::from_secs(1), ended("changed", 404, &rewritten()));
    }
    let kept =
        |id: &str| meters.recent(&Position::default()).0.iter().filter(|seen| seen.request_id == id).count();
    assert_eq!((kept("passed"), kept("changed"), meters.not_kept()), (25, 100, 1875));
    end(&meters, &meter, Duration::from_secs(2), ended("changed", 404, &rewritten()));
    assert_eq!(kept("changed"), 101, "the next second");
}

#[test]
fn the_oldest_make_room() {
    let meters = Meters::start();
    let meter = meters.meter();
    for second in 0..600 {
        end(&meters, &meter, Duration::from_secs(second), ended("x", 404, &rewritten()));
    }
    let (seen, _) = meters.recent(&Position::default());
    assert_eq!(seen.len(), 400);
    assert_eq!(seen.last().unwrap().at - seen[0].at, 399_000);
}
