use std::io;
use std::sync::Mutex;

use serde_json::{Value, json};
use tracing::subscriber::with_default;

use super::*;
use crate::engine::outcome::Undecided;
use crate::proxy::error::UpstreamFault;
use crate::proxy::retry::Repeat;
use crate::telemetry::meters::{Count, Decision, Exchanges, Meters};

/// The events that `exchanges` leave at this level and above, times left out.
fn logged(level: Level, exchanges: impl FnOnce()) -> Vec<Value> {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Log {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(text);
            Ok(text.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .without_time()
        .with_max_level(level)
        .with_writer(move || writer.clone())
        .finish();
    with_default(subscriber, exchanges);
    let text = log.0.lock().unwrap().clone();
    let mut events: Vec<Value> =
        text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    for event in &mut events {
        let members = event.as_object_mut().unwrap();
        for time in ["total_ms", "upstream_ms", "held_ms"] {
            assert!(members.remove(time).is_none_or(|time| time.is_f64()));
        }
    }
    events
}

fn begin() -> Record {
    let request = Request::builder().uri("/orders/17?secret=1").body(()).unwrap();
    of(&Meters::start(), &request)
}

fn url() -> UpstreamUrl {
    UpstreamUrl::parse("http://app:9000").unwrap()
}

fn tried(record: &mut Record) {
    let sent = record.tried(&url(), &Uri::default());
    assert_eq!(sent, None, "nobody traces");
}

fn of(meters: &Meters, request: &Request<()>) -> Record {
    let (meter, id) = (Rc::new(meters.meter()), HeaderValue::from_static("id-1"));
    Record::begin(&meter, id, "192.0.2.7".parse().unwrap(), request)
}

#[test]
fn an_exchange_is_one_event() {
    let events = logged(Level::INFO, || {
        let mut record = begin();
        record.answered(StatusCode::OK);
        let shadows = vec![
            Shadow { rule: "orders/a".into(), status: Some(StatusCode::CONFLICT) },
            Shadow { rule: "orders/b".into(), status: None },
        ];
        record.decided(Verdict::Rewrite { rule: "orders/not-found".into() }, shadows, Some(20));
        record.responded(StatusCode::NOT_FOUND);
        record.sent(12);
        record.sent(8);
        record.complete();
    });
    let expected = json!({
        "level": "INFO", "target": "candor::exchange", "message": "exchange",
        "request_id": "id-1", "client": "192.0.2.7", "method": "GET", "path": "/orders/17",
        "upstream_status": 200, "status": 404, "rule": "orders/not-found", "mode": "enforce",
        "verdict": "rewrite", "shadow": "orders/a=409, orders/b=failed", "held_bytes": 20, "sent_bytes": 20,
    });
    assert_eq!(events, [expected]);
}

#[test]
fn a_tunnel_is_a_bypass_and_its_breaking_no_alarm() {
    let events = logged(Level::INFO, || {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let request = Request::builder().uri("/chat").header("traceparent", parent).body(()).unwrap();
        let mut record = of(&Meters::start(), &request);
        record.answered(StatusCode::SWITCHING_PROTOCOLS);
        record.tunnelled();
        record.responded(StatusCode::SWITCHING_PROTOCOLS);
        record.sent(7);
        record.tunnel_broken(&io::ErrorKind::ConnectionReset.into());
    });
    let expected = json!({
        "level": "INFO", "target": "candor::exchange", "message": "exchange",
        "request_id": "id-1", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7", "client": "192.0.2.7",
        "method": "GET", "path": "/chat", "upstream_status": 101, "status": 101,
        "verdict": "pass", "reason": "upgrade", "sent_bytes": 7,
        "error": "the tunnel broke off: connection reset",
    });
    assert_eq!(events, [expected]);
}

#[test]
fn what_an_operator_should_see_is_a_warning() {
    let events = logged(Level::WARN, || {
        let mut passed = begin();
        passed.complete();
        drop(passed);
        let mut undecided = begin();
        undecided.decided(Verdict::Undecided { reason: Undecided::OverTime }, Vec::new(), Some(1));
        undecided.complete();
        drop(undecided);
        let mut failed = begin();
        failed.failed(&UpstreamFault::Refused.into());
        failed.complete();
    });
    let told: Vec<_> =
        events.iter().map(|event| (&event["level"], &event["reason"], &event["error"])).collect();
    let (warn, none) = (json!("WARN"), Value::Null);
    let (reason, error) = (json!("body not complete in time"), json!("the upstream refused the connection"));
    assert_eq!(told, [(&warn, &reason, &none), (&warn, &none, &error)]);
}

#[test]
fn where_nothing_happens_only_a_share_is_logged() {
    let check = |millionths: u32, happens: &dyn Fn(&mut Record), expected: usize| {
        let events = logged(Level::INFO, || {
            let mut record = begin();
            record.sampled(millionths);
            record.answered(StatusCode::OK);
            record.decided(Verdict::PassThrough { bypass: None }, Vec::new(), None);
            record.responded(StatusCode::OK);
            happens(&mut record);
            record.complete();
        });
        assert_eq!(events.len(), expected);
    };
    check(1_000_000, &|_| {}, 1);
    check(0, &|_| {}, 0);
    check(0, &|record| record.responded(StatusCode::NOT_FOUND), 1);
    check(
        0,
        &|record| {
            record.answered(StatusCode::INTERNAL_SERVER_ERROR);
            record.responded(StatusCode::INTERNAL_SERVER_ERROR);
        },
        1,
    );
    check(0, &|record| record.decided(Verdict::Rewrite { rule: "a/b".into() }, Vec::new(), None), 1);
    let undecided = Verdict::Undecided { reason: Undecided::OverTime };
    check(0, &|record| record.decided(undecided.clone(), Vec::new(), None), 1);
    let shadow = Shadow { rule: "a/b".into(), status: None };
    let passed = Verdict::PassThrough { bypass: None };
    check(0, &|record| record.decided(passed.clone(), vec![shadow.clone()], None), 1);
    let twice = |record: &mut Record| {
        tried(record);
        tried(record);
        record.answered(StatusCode::OK);
    };
    check(0, &twice, 1);
    check(0, &|record| record.not_retried(Obstacle::Budget), 1);
    check(0, &|record| record.failed(&UpstreamFault::CutShort.into()), 1);
    let events = logged(Level::INFO, || {
        let mut left = begin();
        left.sampled(0);
    });
    assert_eq!(events.len(), 1);
}

#[test]
fn an_exchange_that_was_left_says_so() {
    let events = logged(Level::INFO, || drop(begin()));
    assert_eq!(events[0]["error"], "the connection ended before the answer");
    assert_eq!(events[0]["status"], Value::Null);
}

#[test]
fn further_tries_are_told_and_what_came_of_earlier_ones_is_not() {
    let told = |tries: &mut dyn FnMut(&mut Record)| {
        let events = logged(Level::INFO, || {
            let mut record = begin();
            tried(&mut record);
            record.answered(StatusCode::OK);
            tries(&mut record);
            record.complete();
        });
        let keys = ["attempts", "retried_by", "not_retried", "upstream_status"];
        keys.map(|key| events[0][key].clone())
    };
    let none = Value::Null;
    assert_eq!(told(&mut |_| {}), [none.clone(), none.clone(), none.clone(), json!(200)]);
    let by_rule = told(&mut |record| {
        record.retried_by("orders/busy".into());
        tried(record);
    });
    assert_eq!(by_rule, [json!(2), json!("orders/busy"), none.clone(), none.clone()]);
    let after_loss = told(&mut |record| {
        let _ = record.tried_again((Repeat::Lost, UpstreamFault::Lost), &url(), &Uri::default());
        record.answered(StatusCode::CREATED);
    });
    assert_eq!(after_loss, [json!(2), json!("lost connection"), none.clone(), json!(201)]);
    let hindered = told(&mut |record| record.not_retried(Obstacle::Budget));
    assert_eq!(hindered, [none.clone(), none, json!("over budget"), json!(200)]);
}

#[test]
fn an_exchange_is_counted_also_where_nobody_reads_the_log() {
    let meters = Meters::start();
    let request = Request::builder().uri("/orders/17?secret=1").body(()).unwrap();
    let events = logged(Level::ERROR, || {
        let mut record = of(&meters, &request);
        record.answered(StatusCode::OK);
        record.decided(Verdict::Rewrite { rule: "orders/not-found".into() }, Vec::new(), None);
        record.responded(StatusCode::NOT_FOUND);
        record.complete();
    });
    assert_eq!(events, Vec::<Value>::new());
    let seen = meters.find("id-1").unwrap();
    assert_eq!(
        (seen.path.as_deref(), seen.upstream_status, seen.status),
        (Some("/orders/17"), Some(200), Some(404))
    );
    let exchanges = Count::Exchanges {
        route: "".into(),
        of: Exchanges { from: 200, to: 404, decision: Decision::Rewrite, verb: Verb::Get, door: Door::Proxy },
    };
    assert_eq!(meters.counts().times.get(&exchanges), Some(&1));
}

#[test]
fn further_tries_and_faults_of_the_upstream_are_counted() {
    let counted = |happens: &dyn Fn(&mut Record)| {
        let meters = Meters::start();
        let mut record = of(&meters, &Request::new(()));
        record.called(&"legacy".into());
        tried(&mut record);
        happens(&mut record);
        drop(record);
        let counts = meters.counts();
        let words = counts.iter().filter_map(|(count, times)| match count {
            Count::Retries { outcome, .. } => Some(format!("{outcome} {times}")),
            Count::Faults { upstream, error, .. } => Some(format!("{upstream} {error} {times}")),
            _ => None,
        });
        words.collect::<Vec<_>>()
    };
    let check = |happens: &dyn Fn(&mut Record), expected: &[&str]| assert_eq!(counted(happens), expected);
    check(&|_| {}, &[]);
    check(
        &|record| drop(record.tried_again((Repeat::Lost, UpstreamFault::Lost), &url(), &Uri::default())),
        &["lost connection 1"],
    );
    check(&|record| record.not_retried(Obstacle::Body { bytes_max: 9 }), &["request body too long 1"]);
    let twice = |record: &mut Record| (0..2).for_each(|_| record.retried_by("orders/busy".into()));
    check(&twice, &["sent again 2"]);
    check(&|record| record.failed(&UpstreamFault::Refused.into()), &["legacy connection_refused 1"]);
    check(&|record| record.failed(&ProxyError::Internal("a bug")), &[]);
    check(&|record| record.broken_off(&DownloadError::Late), &["legacy http_response_timeout 1"]);
}
