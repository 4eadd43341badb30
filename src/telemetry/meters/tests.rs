use std::net::Ipv4Addr;

use http::{Method, StatusCode};

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
        by_api: false,
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
        verb: Verb::from(&Method::GET),
        door: Door::Proxy,
        held: ended.held,
        retries: if ended.attempts > 1 { &["sent again"] } else { &[] },
        fault: ended.upstream.zip(ended.error.map(|_| "connection_terminated")),
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
    let exchanges = |to, decision| {
        let of = Exchanges { from: 200, to, decision, verb: Verb::Get, door: Door::Proxy };
        Count::Exchanges { route: Arc::clone(&route), of }
    };
    let counts = meters.counts();
    let times = |count: Count| counts.times.get(&count).copied();
    assert_eq!(times(exchanges(404, Decision::Rewrite)), Some(2));
    assert_eq!(times(Count::Misfit { route: Arc::clone(&route), model: "Order".into() }), Some(1));
    assert_eq!(times(exchanges(200, Decision::Undecided("body not complete in time"))), Some(1));
    assert_eq!(times(rule("orders/not-found", Role::Decided, 404)), Some(2));
    assert_eq!(times(rule("orders/busy", Role::Shadow, 503)), Some(1));
    assert_eq!(counts.times.len(), 5);
    let Durations { total, upstream } = &counts.durations[&route];
    assert_eq!(
        (total.buckets().collect::<Vec<_>>(), upstream.buckets().collect()),
        (vec![(2048, 3)], vec![(1024, 3)])
    );
}

#[test]
fn what_was_held_tried_again_or_failed_is_counted_as_well() {
    let meters = Meters::start();
    let (one, two) = (meters.meter(), meters.meter());
    let held = Some((1000, Duration::from_millis(1)));
    end(&meters, &one, Duration::ZERO, Ended { held, attempts: 2, ..ended("a", 200, &PASSED) });
    end(&meters, &two, Duration::ZERO, Ended { held, error: Some("gone"), ..ended("b", 502, &PASSED) });
    let counts = meters.counts();
    let buckets = |distribution: &Distribution| distribution.buckets().collect::<Vec<_>>();
    assert_eq!((buckets(&counts.hold_bytes), buckets(&counts.hold_time)), (vec![(1024, 2)], vec![(1024, 2)]));
    let route: Arc<str> = "/orders/{id}".into();
    let retries = Count::Retries { route: Arc::clone(&route), outcome: "sent again" };
    let faults = Count::Faults { route, upstream: "legacy".into(), error: "connection_terminated" };
    assert_eq!((counts.times.get(&retries), counts.times.get(&faults)), (Some(&1), Some(&1)));
}

#[test]
fn a_rule_is_counted_on_however_often_the_configuration_is_read_anew() {
    let meters = Meters::start();
    let meter = meters.meter();
    for _ in 0..10_000 {
        end(&meters, &meter, Duration::ZERO, ended("a", 404, &rewritten()));
    }
    let rule = Count::Rule {
        route: "/orders/{id}".into(),
        rule: "orders/not-found".into(),
        role: Role::Decided,
        from: 200,
        to: 404,
    };
    assert_eq!(meters.counts().times.get(&rule), Some(&10_000));
}

#[test]
fn connections_of_all_workers_are_added_up() {
    let meters = Meters::start();
    let (one, two) = (meters.meter(), meters.meter());
    let legacy: Arc<str> = "legacy".into();
    let mut idle = one.links(&legacy).open();
    idle.rest();
    let busy = two.links(&legacy).open();
    drop(one.links(&legacy).open());
    assert_eq!(meters.counts().links[&legacy], Linked { opened: 3, busy: 1, idle: 1 });
    drop((idle, busy));
}

#[test]
fn a_tally_is_one_however_often_it_is_asked_for() {
    static DROPPED: Family = Family::counter("candor_dropped_total", "Things dropped");
    let meters = Meters::start();
    meters.tally(&DROPPED, &[("reason", "full")]).fetch_add(1, Relaxed);
    meters.tally(&DROPPED, &[("reason", "full")]).fetch_add(1, Relaxed);
    meters.tally(&DROPPED, &[("reason", "late")]);
    let mut samples = Samples::default();
    meters.tell(&mut samples);
    let told: Vec<_> = samples.0[DROPPED.name].values.clone().into_iter().collect();
    assert_eq!(told, [("reason=\"full\"".to_owned(), 2.0), ("reason=\"late\"".to_owned(), 0.0)]);
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
