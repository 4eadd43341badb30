//! How Candor stops: told to by a signal, or by `candor drain`, and what clients see of it meanwhile. A delay that is
//! to be looked at is an hour long and ended by the test; nothing waits for time to pass. `bench/drain` does the same
//! to a load.

use std::io::{BufRead, BufReader, Lines, Write};
use std::mem::replace;
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bytes::Bytes;
use http::Request;
use serde_json::Value;

use crate::cli::{candor, ended};
use crate::support::client::{Answered, Client};
use crate::support::h2::{self as http2, block_on, elsewhere, request};
use crate::support::processor::Processor;
use crate::support::sidecar::{Sidecar, configured};
use crate::support::upstream::{After, Nowhere, Upstream, reset};
use crate::support::{NO_RULES, gate, json, own_error};

/// A running `candor serve`; ends with the value.
pub struct Running {
    child: Child,
    log: Lines<BufReader<ChildStdout>>,
    /// Where requests come in.
    pub traffic: SocketAddr,
    /// Where probes ask.
    pub admin: SocketAddr,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Before this upstream, with these variables besides.
    pub fn before(upstream: SocketAddr, variables: &[(&str, &str)]) -> Running {
        let upstream = ("CANDOR_UPSTREAM", &*format!("http://{upstream}"));
        Running::start(&[], &[&[upstream], variables].concat())
    }

    /// With these flags and variables, wherever there is room.
    pub fn start(flags: &[&str], variables: &[(&str, &str)]) -> Running {
        let mut command = candor(&[&["serve"], flags].concat());
        command.env("CANDOR_LISTEN", "127.0.0.1:0").env("CANDOR_ADMIN", "127.0.0.1:0");
        command.envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
        let told: Value = serde_json::from_str(&log.next().unwrap().unwrap()).unwrap();
        let address = |key: &str| told[key].as_str().unwrap().parse().unwrap();
        Running { traffic: address("listen"), admin: address("admin"), child, log }
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Reads the log up to an event that begins so.
    fn told(&mut self, message: &str) -> Value {
        let events = self.log.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        let is_it = |event: &Value| event["message"].as_str().is_some_and(|text| text.starts_with(message));
        events.into_iter().find(is_it).unwrap_or_else(|| panic!("the log ends without {message:?}"))
    }

    fn ended(mut self) -> i32 {
        self.child.wait().unwrap().code().expect("an orderly end")
    }

    /// One exchange with the admin listener.
    pub fn ask_admin(&self, request: &str) -> Answered {
        self.ask_admin_with(request, "")
    }

    fn ask_admin_with(&self, request: &str, header: &str) -> Answered {
        let mut client = Client::connect(self.admin);
        client.send(format!("{request} HTTP/1.1\r\nhost: {}\r\n{header}\r\n", self.admin));
        client.answer(false)
    }

    /// `candor drain` for it, with these flags.
    fn drain(&self, flags: &[&str]) -> (i32, String, String) {
        ended(self.command("drain").args(flags).output().unwrap())
    }

    fn command(&self, name: &str) -> Command {
        candor(&[name, "--admin", &format!("http://{}", self.admin)])
    }
}

const AN_HOUR: (&str, &str) = ("CANDOR_DRAIN__DELAY", "1h");

// Signals.

#[test]
fn before_it_stops_it_is_not_ready_and_ends_connections_with_their_exchange() {
    let upstream = Upstream::answering(json("{}"));
    let mut sidecar = Running::before(upstream.address, &[AN_HOUR]);
    let mut used = Client::connect(sidecar.traffic);
    let answer = used.exchange("GET /", &[]);
    assert_eq!((answer.status(), answer.header("connection")), (200, None));
    assert_eq!(sidecar.ask_admin("GET /readyz").status(), 200);

    sidecar.signal("TERM");
    sidecar.told("stopping");
    let ready = sidecar.ask_admin("GET /readyz");
    assert_eq!((ready.status(), ready.text()), (503, "draining"));
    assert_eq!(sidecar.ask_admin("GET /livez").status(), 200);
    for mut client in [used, Client::connect(sidecar.traffic)] {
        let answer = client.exchange("GET /", &[]);
        assert_eq!((answer.status(), answer.header("connection")), (200, Some("close")));
        assert!(client.is_closed());
    }

    sidecar.signal("TERM");
    sidecar.told("stopped at once");
    assert_eq!(sidecar.ended(), 0);
}

#[test]
fn a_person_at_a_terminal_is_not_kept_waiting() {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |_, stream| {
        wait();
        stream.write_all(json("{}").as_bytes()).unwrap();
        After::KeepOpen
    });
    let mut sidecar = Running::before(upstream.address, &[AN_HOUR]);
    let mut busy = Client::connect(sidecar.traffic);
    busy.ask("GET /", &[]);
    upstream.received();
    let mut idle = Client::connect(sidecar.traffic);
    sidecar.signal("INT");
    assert!(idle.is_closed());
    assert_eq!(sidecar.ask_admin("GET /readyz").status(), 503);
    open();
    assert_eq!(busy.answer(false).status(), 200);
    sidecar.told("stopped");
    assert_eq!(sidecar.ended(), 0);
}

#[test]
fn after_the_delay_no_connection_is_taken_and_what_is_in_flight_is_finished() {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |_, stream| {
        wait();
        stream.write_all(json("{}").as_bytes()).unwrap();
        After::KeepOpen
    });
    let mut sidecar = Running::before(upstream.address, &[("CANDOR_DRAIN__DELAY", "1ms")]);
    let mut busy = Client::connect(sidecar.traffic);
    busy.ask("GET /", &[]);
    upstream.received();
    let mut idle = Client::connect(sidecar.traffic);
    sidecar.signal("TERM");
    sidecar.told("stopping");
    sidecar.told("no more connections");
    assert!(idle.is_closed());
    open();
    assert_eq!(busy.answer(false).header("connection"), Some("close"));
    sidecar.told("stopped");
    assert_eq!(sidecar.ended(), 0);
}

#[test]
fn what_outlasts_the_time_is_cut_and_told() {
    let (_open, wait) = gate();
    let upstream = Upstream::scripted(move |_, _| {
        wait();
        After::Close
    });
    let times = [("CANDOR_DRAIN__DELAY", "0s"), ("CANDOR_DRAIN__TIMEOUT", "1ms")];
    let mut sidecar = Running::before(upstream.address, &times);
    let mut busy = Client::connect(sidecar.traffic);
    busy.ask("GET /", &[]);
    upstream.received();
    sidecar.signal("TERM");
    assert_eq!(sidecar.told("stopped;")["cut"], 1);
    assert!(busy.is_closed());
    assert_eq!(sidecar.ended(), 0);
}

// HTTP/2 and Envoy.

#[test]
fn while_draining_http_2_gets_goaway_and_finishes_its_streams() {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |request, stream| {
        if request.head.start.contains("/slow") {
            wait();
        }
        stream.write_all(json("{}").as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = Sidecar::start(upstream.address, NO_RULES);
    block_on(async {
        let mut client = http2::Client::connect(sidecar.address).await;
        let (slow, _) = client.open(request("GET", "/slow"), true).await;
        elsewhere(move || upstream.received()).await;
        sidecar.readiness.drain();
        while client.sender.clone().ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
        open();
        assert_eq!(http2::Answered::read(slow).await.unwrap().body, b"{}");
        (&mut client.ended).await.unwrap().unwrap();

        let mut late = http2::Client::connect(sidecar.address).await;
        assert_eq!(late.exchange(request("GET", "/late")).await.status, 200, "it is not opened for nothing");
        (&mut late.ended).await.unwrap().unwrap();
    });
}

#[test]
fn while_draining_envoy_gets_goaway_and_finishes_its_streams() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("candor.sock");
    let nowhere = Nowhere::reserve();
    let processor = Processor::at(socket.clone(), configured(nowhere.address, NO_RULES, |_| {}));
    block_on(async {
        let stream = tokio::net::UnixStream::connect(&socket).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        let ended = tokio::task::spawn_local(connection);
        let process = || {
            let uri = "http://candor/envoy.service.ext_proc.v3.ExternalProcessor/Process";
            Request::post(uri)
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(())
                .unwrap()
        };
        let (answer, mut messages) =
            sender.clone().ready().await.unwrap().send_request(process(), false).unwrap();
        let mut answer = answer.await.unwrap().into_body();
        processor.readiness.drain();
        while sender.clone().ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
        messages.send_data(Bytes::new(), true).unwrap();
        assert!(answer.data().await.is_none());
        assert_eq!(answer.trailers().await.unwrap().unwrap()["grpc-status"], "0");
        drop(sender);
        // It ends; the sidecar may be gone before this end's own goodbye is written.
        let _ = ended.await.unwrap();
    });
    processor.stop();
}

// The application beside it is gone.

/// What a client gets before the drain, and during it.
#[track_caller]
fn check_gone(sidecar: &Sidecar, before: u16) {
    let answer = sidecar.exchange("GET /other", &[]);
    assert_eq!((answer.status(), answer.header("retry-after")), (before, None), "{}", answer.text());
    sidecar.readiness.drain();
    let answer = sidecar.exchange("GET /other", &[]);
    assert_eq!((answer.status(), own_error(&answer)), (503, "destination_unavailable"));
    assert_eq!((answer.header("retry-after"), answer.header("connection")), (Some("1"), Some("close")));
}

#[test]
fn while_draining_an_application_that_is_gone_is_503_and_not_502() {
    let nowhere = Nowhere::reserve();
    check_gone(&Sidecar::start(nowhere.address, NO_RULES), 502);

    let resetting = Upstream::scripted(|_, stream| {
        reset(stream);
        After::Drop
    });
    check_gone(&Sidecar::start(resetting.address, NO_RULES), 502);

    let silent = Upstream::scripted(|_, _| After::Close);
    check_gone(&Sidecar::start(silent.address, NO_RULES), 502);
}

#[test]
fn while_draining_an_api_without_its_backend_is_503_and_no_failure_of_the_integration() {
    let nowhere = Nowhere::reserve();
    let definition = include_str!("../definitions/orders.yaml");
    let configuration =
        format!("upstreams: {{ app: {{ url: 'http://{}' }} }}\napi: {{ upstream: app }}", nowhere.address);
    check_gone(&Sidecar::carrying_out(definition, &configuration), 504);
}

// Hooks.

#[test]
fn drain_waits_for_what_is_in_flight_and_ends_nothing() {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |request, stream| {
        if request.head.start.contains("/slow") {
            wait();
        }
        stream.write_all(json("{}").as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = Running::before(upstream.address, &[]);
    let mut busy = Client::connect(sidecar.traffic);
    busy.ask("GET /slow", &[]);
    upstream.received();

    let (code, stdout, _) = sidecar.drain(&["--wait", "0s"]);
    assert_eq!((code, stdout.as_str()), (1, "not drained: 1 exchange in flight after 0s\n"));
    assert_eq!(sidecar.ask_admin("GET /readyz").text(), "draining");

    let waiting = sidecar.command("drain").args(["--wait", "1h"]).stdout(Stdio::piped()).spawn().unwrap();
    let (code, stdout) = follow(waiting, |line| {
        assert_eq!(line, "draining: 1 exchange in flight");
        open();
        assert_eq!(busy.answer(false).header("connection"), Some("close"));
    });
    assert_eq!((code, stdout.as_str()), (0, "drained: no exchange in flight\n"));

    let answer = Client::connect(sidecar.traffic).exchange("GET /late", &[]);
    assert_eq!((answer.status(), answer.header("connection")), (200, Some("close")), "nothing has ended");
    let (code, stdout, _) = sidecar.drain(&[]);
    assert_eq!((code, stdout.as_str()), (0, "drained: no exchange in flight\n"));
}

/// Does something at the first line of a command; its code, and what it printed after that.
fn follow(mut command: Child, at_first: impl FnOnce(&str)) -> (i32, String) {
    let mut lines = BufReader::new(command.stdout.take().unwrap()).lines();
    at_first(&lines.next().unwrap().unwrap());
    let rest = lines.map(|line| line.unwrap() + "\n").collect();
    (command.wait().unwrap().code().unwrap(), rest)
}

#[test]
fn who_may_not_drain_is_told_why() {
    let nowhere = Nowhere::reserve();
    let token = "a-token-of-many-characters";
    let sidecar = Running::before(nowhere.address, &[("CANDOR_ADMIN__TOKEN", token)]);
    let (code, _, stderr) = sidecar.drain(&[]);
    assert_eq!(code, 2);
    assert!(stderr.contains("401") && stderr.contains("--token-file"), "{stderr}");
    assert_eq!(sidecar.ask_admin("POST /-/drain").status(), 401);
    assert_eq!(
        sidecar.ask_admin("GET /readyz").status(),
        200,
        "health asks for no token, and nothing has changed"
    );

    let (code, ..) = ended(sidecar.command("drain").env("CANDOR_ADMIN__TOKEN", token).output().unwrap());
    assert_eq!((code, sidecar.ask_admin("GET /readyz").status()), (0, 503));

    let (code, _, stderr) = ended(asking(nowhere.address));
    assert_eq!(code, 2);
    assert!(stderr.contains("cannot be read") && stderr.contains("refused"), "{stderr}");
}

#[test]
fn a_hook_beside_it_needs_no_token_where_the_listener_is_open_to_others() {
    let nowhere = Nowhere::reserve();
    let sidecar = Running::before(nowhere.address, &[("CANDOR_ADMIN", "0.0.0.0:0")]);
    let admin = format!("http://127.0.0.1:{}", sidecar.admin.port());
    let (code, stdout, stderr) = ended(candor(&["drain", "--admin", &admin]).output().unwrap());
    assert_eq!((code, stdout.as_str()), (0, "drained: no exchange in flight\n"), "{stderr}");
}

fn asking(admin: SocketAddr) -> Output {
    candor(&["drain", "--admin", &format!("http://{admin}")]).output().unwrap()
}

#[test]
fn only_post_drains() {
    let nowhere = Nowhere::reserve();
    let sidecar = Running::before(nowhere.address, &[]);
    assert_eq!(sidecar.ask_admin("GET /-/drain").text(), r#"{"draining":false,"in_flight":0}"#);
    assert_eq!(sidecar.ask_admin("GET /readyz").status(), 200);
    let of_a_page = sidecar.ask_admin_with("POST /-/drain", "origin: http://evil.test\r\n");
    assert_eq!(of_a_page.status(), 403);
    assert_eq!(sidecar.ask_admin("POST /-/drain").text(), r#"{"draining":true,"in_flight":0}"#);
    assert_eq!(sidecar.ask_admin("GET /readyz").status(), 503);
}

#[test]
fn sleep_takes_times_with_and_without_a_unit() {
    for time in ["0", "0s", "1ms", "0.001"] {
        assert_eq!(ended(candor(&["sleep", time]).output().unwrap()).0, 0, "{time}");
    }
    let (code, _, stderr) = ended(candor(&["sleep", "soon"]).output().unwrap());
    assert_eq!(code, 2);
    assert!(stderr.contains("`soon` is not a time"), "{stderr}");
}

// Restarts.

#[test]
fn restarts_of_two_instances_lose_nothing_of_a_client_that_retries_once() {
    const RESTARTS: usize = 6;
    let upstream = Upstream::answering(json(r#"{"statusCode":404}"#)).address;
    // Nobody reads the log here.
    let log = ("CANDOR_LOG", "info,candor::exchange=off");
    let quick = [("CANDOR_DRAIN__DELAY", "20ms"), ("CANDOR_PRESET", "status-field"), log];
    let instance = || Running::before(upstream, &quick);
    let mut instances = [instance(), instance()];
    let known = Mutex::new(instances.each_ref().map(|running| running.traffic));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|own| {
                scope.spawn({
                    let (known, is_over) = (&known, &is_over);
                    move || keep_asking(own, known, is_over)
                })
            })
            .collect();
        for restart in 0..RESTARTS {
            let place = restart % instances.len();
            let new = instance();
            // Both are there for a while, as in a rolling update.
            known.lock().unwrap()[place] = new.traffic;
            let old = replace(&mut instances[place], new);
            old.signal("TERM");
            assert_eq!(old.ended(), 0);
        }
        is_over.store(true, Ordering::Relaxed);
        let asked: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
        assert!(asked >= RESTARTS, "only {asked} requests");
    });
}

/// Asks one instance after the other on kept connections, each request at most twice; how many there were.
fn keep_asking(own: usize, known: &Mutex<[SocketAddr; 2]>, is_over: &AtomicBool) -> usize {
    let mut kept: [Option<(SocketAddr, Client)>; 2] = [None, None];
    let mut asked = 0;
    while asked == 0 || !is_over.load(Ordering::Relaxed) {
        let answered = [own + asked, own + asked + 1].into_iter().any(|turn| {
            let address = known.lock().unwrap()[turn % 2];
            let slot = &mut kept[turn % 2];
            let client = slot.take().filter(|(of, _)| *of == address).map(|(_, client)| client);
            let Some(client) = client.or_else(|| Client::reach(address)) else { return false };
            let Some((status, client)) = client.attempt("GET /orders/17") else { return false };
            *slot = client.map(|client| (address, client));
            status == 404
        });
        assert!(answered, "request {asked} was lost");
        asked += 1;
    }
    asked
}
