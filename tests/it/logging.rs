//! The log of the running program, as those who look after it meet it: changed while it runs, thinned, and not read by
//! anybody.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Stdio};

use serde_json::{Value, json};
use tempfile::NamedTempFile;

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
    configuration: NamedTempFile,
}

fn configured(upstream: &Upstream, more: &str) -> String {
    let url = format!("http://{}", upstream.address);
    format!("version: 1\nreload: {{ watch: off }}\nupstreams: {{ app: {{ url: '{url}' }} }}\n{more}")
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(upstream: &Upstream, log: &str) -> Running {
        let file = file(&configured(upstream, log));
        let path = file.path().to_str().unwrap();
        let mut command = candor(&["serve", "-c", path, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
        let event: Value = serde_json::from_str(&log.next().unwrap().unwrap()).unwrap();
        let address = |key: &str| event[key].as_str().unwrap().parse().unwrap();
        Running { traffic: address("listen"), admin: address("admin"), child, log, configuration: file }
    }

    /// The next event.
    fn event(&mut self) -> Value {
        serde_json::from_str(&self.log.next().unwrap().unwrap()).unwrap()
    }

    fn exchange(&self, id: &str) -> u16 {
        Client::connect(self.traffic).exchange("GET /", &[&format!("x-request-id: {id}")]).status()
    }

    /// The same, over to its last act: the next one on its connection has begun.
    fn settled(&self, id: &str) {
        let mut client = Client::connect(self.traffic);
        for id in [id, "next"] {
            client.exchange("GET /", &[&format!("x-request-id: {id}")]);
        }
    }

    /// Reads events up to that of this exchange, among which there is none of the other.
    fn see(&mut self, id: &str, unseen: &str) {
        loop {
            let event = self.event();
            assert_ne!(event["request_id"], unseen);
            if event["request_id"] == id {
                return;
            }
        }
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
    running.settled("unseen");
    assert_eq!(running.change("candor::exchange=info").status(), 200);
    running.exchange("seen");
    running.see("seen", "unseen");
    assert_eq!(running.change("a=b=c").status(), 400);
    running.exchange("seen-again");
    running.see("seen-again", "unseen");
}

#[test]
fn what_is_logged_is_changed_by_a_reload() {
    let upstream = Upstream::answering(answer("{}"));
    let mut running = Running::start(&upstream, "log: { filter: 'info,candor::exchange=warn' }");
    running.settled("unseen");
    fs::write(
        running.configuration.path(),
        configured(&upstream, "log: { filter: 'warn,candor::exchange=info' }"),
    )
    .unwrap();
    let mut client = Client::connect(running.admin);
    client.send("POST /-/reload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
    let reloaded = client.answer(false);
    assert_eq!((reloaded.status(), reloaded.text()), (200, "generation 2\n"));
    running.exchange("seen");
    running.see("seen", "unseen");
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
