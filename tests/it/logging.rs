//! The log of the running program, as those who look after it meet it: changed while it runs, thinned, and not read by
//! anybody.

use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::cli::{candor, file};
use crate::support::client::{Answered, Client};
use crate::support::json as answer;
use crate::support::upstream::Upstream;

/// `candor serve`; ends with the value.
struct Running {
    child: Child,
    traffic: SocketAddr,
    admin: SocketAddr,
    log: Lines<BufReader<ChildStdout>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(upstream: &Upstream, log: &str) -> Running {
        let configuration =
            format!("version: 1\nupstreams: {{ app: {{ url: 'http://{}' }} }}\n{log}", upstream.address);
        let file = file(&configuration);
        let path = file.path().to_str().unwrap();
        let mut command = candor(&["serve", "-c", path, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
        let event: Value = serde_json::from_str(&log.next().unwrap().unwrap()).unwrap();
        let address = |key: &str| event[key].as_str().unwrap().parse().unwrap();
        Running { traffic: address("listen"), admin: address("admin"), child, log }
    }

    /// The next event.
    fn event(&mut self) -> Value {
        serde_json::from_str(&self.log.next().unwrap().unwrap()).unwrap()
    }

    fn exchange(&self, id: &str) -> u16 {
        Client::connect(self.traffic).exchange("GET /", &[&format!("x-request-id: {id}")]).status()
    }

    fn change(&self, filter: &str) -> Answered {
        let body = json!({ "filter": filter }).to_string();
        let mut client = Client::connect(self.admin);
        client.send(format!(
            "PUT /api/v1/log HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        client.answer(false)
    }
}

#[test]
fn what_is_logged_is_changed_while_candor_runs() {
    let upstream = Upstream::answering(answer("{}"));
    let mut running = Running::start(&upstream, "");
    let told = running.change("warn");
    assert_eq!((told.status(), told.text().contains(r#""filter":"warn""#)), (200, true), "{told:?}");
    assert_eq!(running.event()["message"], "what is logged was changed");
    running.exchange("unseen");
    assert_eq!(running.change("candor::exchange=info").status(), 200);
    running.exchange("seen");
    let event = running.event();
    assert_eq!((&event["message"], &event["request_id"]), (&json!("exchange"), &json!("seen")));
    assert_eq!(running.change("a=b=c").status(), 400);
    running.exchange("seen again");
    assert_eq!(running.event()["message"], "exchange");
}

#[test]
fn exchanges_in_which_nothing_happens_are_thinned() {
    let upstream = Upstream::answering(answer(r#"{"statusCode":404}"#));
    let mut running = Running::start(
        &upstream,
        "log: { sample: 0 }\nroutes: [ { match: { path: '/' }, upstream: app, rules: all } ]\n\
         rule_sets: { all: { rules: [ { when: { request_header: x-look }, then: { status: 404 } } ] } }\n",
    );
    assert_eq!(running.exchange("passed"), 200);
    let mut client = Client::connect(running.traffic);
    assert_eq!(client.exchange("GET /", &["x-look: 1", "x-request-id: translated"]).status(), 404);
    assert_eq!(running.event()["request_id"], "translated");
}

#[test]
fn a_log_that_nobody_reads_holds_no_exchange_up() {
    let upstream = Upstream::answering(answer("{}"));
    let running = Running::start(&upstream, "");
    let mut client = Client::connect(running.traffic);
    let dropped = || {
        let metrics = Client::connect(running.admin).exchange("GET /metrics", &[]);
        let line = metrics.text().lines().find(|line| line.starts_with("candor_log_events_dropped_total "));
        line.expect("the metric").split(' ').nth(1).unwrap().parse::<f64>().unwrap()
    };
    // What the pipe and Candor hold is far less than these say.
    let path = format!("GET /{}", "x".repeat(8000));
    while dropped() == 0.0 {
        for _ in 0..100 {
            assert_eq!(client.exchange(&path, &[]).status(), 200);
        }
    }
}
