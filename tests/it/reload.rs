//! Another configuration while the sidecar serves: the program itself, real files, and exchanges that go on meanwhile.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Barrier};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::candor;
use crate::support::client::{Answered, Client};
use crate::support::upstream::{After, Upstream};
use crate::support::{PATIENCE, gate, json};

/// `candor serve` on a folder of files; ends with the value.
struct Served {
    folder: TempDir,
    child: Child,
    events: Receiver<Value>,
    traffic: SocketAddr,
    admin: SocketAddr,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Exchanges are not logged, and files are looked at all the time.
const USUAL: &str = "version: 1\nlog: { filter: 'info,candor::exchange=off' }\nreload: { poll: 10ms }\n";

/// The same, unless somebody asks.
const UNWATCHED: &str = "version: 1\nlog: { filter: 'info,candor::exchange=off' }\nreload: { watch: off }\n";

/// A configuration whose answers are all marked with this text.
fn marked(usual: &str, upstream: SocketAddr, mark: &str) -> String {
    format!(
        "{usual}server: {{ listen: '127.0.0.1:0', workers: 2 }}\nadmin: {{ listen: '127.0.0.1:0' }}\n\
         upstreams: {{ legacy: {{ url: 'http://{upstream}' }} }}\n{}",
        rules(mark)
    )
}

fn rules(mark: &str) -> String {
    format!(
        "rule_sets:\n  orders:\n    rules:\n      - name: mark\n        when: {{ body: {{ contains: '{{' }} }}\n        \
         then: {{ headers: {{ set: {{ x-mark: '{mark}' }} }} }}\n"
    )
}

impl Served {
    /// The file is `candor.yaml`, with this text.
    fn start(text: &str) -> Served {
        Served::of(tempfile::tempdir().unwrap(), text)
    }

    /// The same in a folder that has other files already, or this one.
    fn of(folder: TempDir, text: &str) -> Served {
        let file = folder.path().join("candor.yaml");
        if !file.exists() {
            fs::write(&file, text).unwrap();
        }
        let mut command = candor(&["serve", "-c", file.to_str().unwrap()]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, events) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // Nobody listens when the test is over.
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut served = Served { folder, child, events, traffic: unknown, admin: unknown };
        let event = served.event("listening");
        served.traffic = event["listen"].as_str().unwrap().parse().unwrap();
        served.admin = event["admin"].as_str().unwrap().parse().unwrap();
        served
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, text: &str) {
        fs::write(self.path("candor.yaml"), text).unwrap();
    }

    /// Puts a new file in its place, as editors do.
    fn rename(&self, text: &str) {
        fs::write(self.path("candor.yaml~"), text).unwrap();
        fs::rename(self.path("candor.yaml~"), self.path("candor.yaml")).unwrap();
    }

    /// The next event that says this.
    #[track_caller]
    fn event(&self, message: &str) -> Value {
        loop {
            let event = self.events.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no event `{message}`"));
            if event["message"] == message {
                return event;
            }
        }
    }

    /// Waits until another configuration is in force; its generation.
    #[track_caller]
    fn reloaded(&self) -> u64 {
        self.event("reloaded")["generation"].as_u64().unwrap()
    }

    #[track_caller]
    fn refused(&self) -> String {
        let event = self.event("not reloaded: the configuration from before stays in force");
        event["problems"].as_str().unwrap().to_owned()
    }

    fn hang_up(&self) {
        let command = format!("kill -HUP {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }

    fn client(&self) -> Client {
        Client::connect(self.traffic)
    }

    /// How an answer is marked.
    #[track_caller]
    fn mark(&self) -> String {
        mark(&self.client().exchange("GET /", &[]))
    }

    fn ask(&self, request: &str, headers: &[&str]) -> Answered {
        let mut client = Client::connect(self.admin);
        client.send(format!("{request} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n"));
        headers.iter().for_each(|header| client.send(format!("{header}\r\n")));
        client.send("\r\n");
        client.answer(false)
    }

    /// The value of a metric without labels, or with these.
    fn metric(&self, name: &str) -> f64 {
        let answer = self.ask("GET /metrics", &[]);
        let line = answer.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in {}", answer.text())).parse().unwrap()
    }
}

#[track_caller]
fn mark(answer: &Answered) -> String {
    answer.header("x-mark").unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

fn legacy() -> Upstream {
    Upstream::answering(json("{}"))
}

#[test]
fn a_file_that_was_written_into_or_replaced_is_read() {
    let upstream = legacy();
    let served = Served::start(&marked(USUAL, upstream.address, "one"));
    assert_eq!(served.mark(), "one");
    served.write(&marked(USUAL, upstream.address, "two"));
    assert_eq!(served.reloaded(), 2);
    assert_eq!(served.mark(), "two");
    served.rename(&marked(USUAL, upstream.address, "three"));
    assert_eq!(served.reloaded(), 3);
    assert_eq!(served.mark(), "three");
    assert_eq!(served.metric("candor_config_generation"), 3.0);
    assert_eq!(served.metric("candor_config_reloads_total{result=\"success\"}"), 2.0);
}

#[test]
fn a_config_map_that_is_swapped_is_read_with_all_its_files() {
    let upstream = legacy();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let version = |name: &str| {
        fs::create_dir(path(name)).unwrap();
        let text = marked(USUAL, upstream.address, name);
        let text = text.replace("headers:", "body: { template: { file: body.vtl } }, headers:");
        fs::write(path(name).join("candor.yaml"), text).unwrap();
        fs::write(path(name).join("body.vtl"), format!("{name} $input.body")).unwrap();
    };
    let swap = |to: &str| {
        symlink(to, path("..data_tmp")).unwrap();
        fs::rename(path("..data_tmp"), path("..data")).unwrap();
    };
    version("..2026_1");
    swap("..2026_1");
    symlink("..data/candor.yaml", path("candor.yaml")).unwrap();
    symlink("..data/body.vtl", path("body.vtl")).unwrap();
    version("..2026_2");
    let data = path("..data");
    let served = Served::of(folder, "");
    let answer = |served: &Served| {
        let answer = served.client().exchange("GET /", &[]);
        (mark(&answer), answer.text().to_owned())
    };
    assert_eq!(answer(&served), ("..2026_1".to_owned(), "..2026_1 {}".to_owned()));
    symlink("..2026_2", served.path("..data_tmp")).unwrap();
    fs::rename(served.path("..data_tmp"), &data).unwrap();
    fs::remove_dir_all(served.path("..2026_1")).unwrap();
    assert_eq!(served.reloaded(), 2);
    assert_eq!(answer(&served), ("..2026_2".to_owned(), "..2026_2 {}".to_owned()));
    // A file that only the configuration names is watched as well.
    fs::write(served.path("..2026_2/body.vtl"), "another").unwrap();
    assert_eq!(served.reloaded(), 3);
    assert_eq!(answer(&served), ("..2026_2".to_owned(), "another".to_owned()));
}

#[test]
fn a_bad_file_leaves_the_one_from_before_in_force_and_is_told_once() {
    let upstream = legacy();
    let served = Served::start(&marked(USUAL, upstream.address, "one"));
    let bad = marked(USUAL, upstream.address, "two").replace("contains:", "contain:");
    served.write(&bad);
    let problems = served.refused();
    assert!(problems.contains("did you mean `contains`?") && problems.contains("candor.yaml:"), "{problems}");
    assert_eq!(served.mark(), "one");
    assert_eq!(served.ask("GET /readyz", &[]).text(), "ok");
    let verbose = served.ask("GET /readyz?verbose", &[]);
    assert_eq!(verbose.status(), 200);
    assert!(
        verbose.text().contains("[-] reload failed\ngeneration 1 stays in force\n"),
        "{}",
        verbose.text()
    );
    assert_eq!(served.metric("candor_config_last_reload_successful"), 0.0);
    assert_eq!(served.metric("candor_config_generation"), 1.0);
    let told: Value = serde_json::from_str(served.ask("GET /api/v1/rules", &[]).text()).unwrap();
    let told = &told["configuration"];
    assert_eq!((&told["generation"], &told["last_reload"]["trigger"]), (&1.into(), &"file".into()));
    assert!(told["last_reload"]["problems"].as_str().unwrap().contains("did you mean `contains`?"));

    served.write(&marked(USUAL, upstream.address, "three"));
    assert_eq!(served.reloaded(), 2);
    assert_eq!(served.mark(), "three");
    assert_eq!(served.metric("candor_config_last_reload_successful"), 1.0);
    assert_eq!(served.metric("candor_config_reloads_total{result=\"failure\"}"), 1.0);
    assert!(served.ask("GET /readyz?verbose", &[]).text().contains("[+] reload ok\n"));
    // A file that is gone is a bad one, too.
    fs::remove_file(served.path("candor.yaml")).unwrap();
    assert!(served.refused().contains("cannot read"));
    assert_eq!(served.mark(), "three");
    served.write(&marked(USUAL, upstream.address, "four"));
    assert_eq!(served.reloaded(), 3);
}

#[test]
fn a_signal_or_a_request_has_it_read_where_nobody_watches() {
    let upstream = legacy();
    let served = Served::start(&marked(UNWATCHED, upstream.address, "one"));
    served.write(&marked(UNWATCHED, upstream.address, "two"));
    served.hang_up();
    assert_eq!(served.event("reloaded")["trigger"], "signal");
    assert_eq!(served.mark(), "two");

    served.write(&marked(UNWATCHED, upstream.address, "three"));
    let answer = served.ask("POST /-/reload", &[]);
    assert_eq!((answer.status(), answer.text()), (200, "generation 3\n"));
    assert_eq!(served.mark(), "three", "when it is answered, it is in force");

    served.write("version: 1\nupstreams: {}\nservr: {}\n");
    let answer = served.ask("POST /-/reload", &[]);
    assert_eq!(answer.status(), 422);
    assert!(answer.text().contains("candor.yaml:3:1") && answer.text().contains("`server`"), "{answer:?}");
    assert_eq!(served.mark(), "three");
    assert_eq!(served.ask("GET /-/reload", &[]).status(), 405);
    assert_eq!(served.ask("POST /-/reload", &["origin: http://evil.test"]).status(), 403);
}

#[test]
fn what_needs_a_restart_is_named() {
    let upstream = legacy();
    let served = Served::start(&marked(UNWATCHED, upstream.address, "one"));
    served.write(&marked(UNWATCHED, upstream.address, "two").replace("workers: 2", "workers: 3"));
    let answer = served.ask("POST /-/reload", &[]);
    assert_eq!((answer.status(), answer.text()), (200, "generation 2\nneeds a restart: `server.workers`\n"));
    assert_eq!(served.mark(), "two");
    served.event("needs a restart: `server.workers`");
    // As long as it is so, whatever was in force before.
    assert!(served.ask("POST /-/reload", &[]).text().contains("needs a restart: `server.workers`"));
    served.write(&marked(UNWATCHED, upstream.address, "three"));
    assert_eq!(served.ask("POST /-/reload", &[]).text(), "generation 4\n");
}

#[test]
fn listeners_move_and_what_came_in_before_is_finished() {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |request, stream| {
        if request.head.start.contains("/slow") {
            wait();
        }
        stream.write_all(json("{}").as_bytes()).unwrap();
        After::KeepOpen
    });
    let mut served = Served::start(&marked(USUAL, upstream.address, "one"));
    let (mut idle, mut busy) = (served.client(), served.client());
    assert_eq!(mark(&idle.exchange("GET /", &[])), "one");
    busy.ask("GET /slow", &[]);
    while !upstream.received().head.start.contains("/slow") {}
    let moved = marked(USUAL, upstream.address, "two").replace("'127.0.0.1:0'", "'127.0.0.2:0'");
    served.write(&format!("{moved}ext_proc: {{ listen: 'unix:{}' }}\n", served.path("e.sock").display()));
    let event = served.event("listening");
    served.reloaded();
    let (traffic, admin) = (served.traffic, served.admin);
    served.traffic = event["listen"].as_str().unwrap().parse().unwrap();
    served.admin = event["admin"].as_str().unwrap().parse().unwrap();
    assert_eq!((served.mark(), served.ask("GET /readyz", &[]).status()), ("two".to_owned(), 200));
    assert!(TcpStream::connect(traffic).is_err() && served.traffic.ip().to_string() == "127.0.0.2");
    // The old admin listener closes when its runtime comes to it.
    while TcpStream::connect(admin).is_ok() {}
    assert!(idle.is_closed(), "a connection without an exchange is closed");
    open();
    let answer = busy.answer(false);
    assert_eq!((mark(&answer), answer.header("connection")), ("one".to_owned(), Some("close")));
    assert!(busy.is_closed());
    assert!(std::os::unix::net::UnixStream::connect(served.path("e.sock")).is_ok());
    served.write(&moved);
    served.reloaded();
    while served.path("e.sock").exists() {}
}

#[test]
fn an_address_that_cannot_be_had_leaves_everything_as_it_was() {
    let upstream = legacy();
    let served = Served::start(&marked(UNWATCHED, upstream.address, "one"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let text = marked(UNWATCHED, upstream.address, "two");
    let (first, second) = ("server: { listen: '127.0.0.1:0'", "admin: { listen: '127.0.0.1:0'");
    for listener in [first, second] {
        let elsewhere = listener.replace("127.0.0.1:0", &taken.local_addr().unwrap().to_string());
        served.write(&text.replace(listener, &elsewhere));
        let answer = served.ask("POST /-/reload", &[]);
        assert_eq!(answer.status(), 422);
        assert!(answer.text().contains("it is in use"), "{}", answer.text());
        assert_eq!(served.mark(), "one");
    }
    served.write(&format!("{text}capture: {{ folder: /proc/nowhere }}\n"));
    let answer = served.ask("POST /-/reload", &[]);
    assert_eq!((answer.status(), served.mark()), (422, "one".to_owned()), "{}", answer.text());
    assert!(answer.text().contains("cannot capture to"), "{}", answer.text());
    served.write(&text);
    assert_eq!(served.ask("POST /-/reload", &[]).status(), 200);
    assert_eq!(served.mark(), "two");
}

#[test]
fn an_upstream_that_moved_gets_what_comes_next_and_one_that_stays_keeps_its_connections() {
    let (first, second, stays) = (legacy(), legacy(), legacy());
    let text = |moving: SocketAddr, mark: &str| {
        let both =
            format!("legacy: {{ url: 'http://{moving}' }}, stays: {{ url: 'http://{}' }}", stays.address);
        let one = format!("legacy: {{ url: 'http://{moving}' }}");
        let routes = "routes:\n  - { match: { path: /stays }, upstream: stays, rules: orders }\n  \
                      - { match: { path: '/{proxy+}' }, upstream: legacy, rules: orders }\n";
        // One worker, so that there is one pool.
        let text = marked(UNWATCHED, moving, mark).replace(&one, &both).replace("workers: 2", "workers: 1");
        text + routes
    };
    let served = Served::start(&text(first.address, "one"));
    let mut client = served.client();
    let mut exchange = |path: &str| mark(&client.exchange(&format!("GET {path}"), &[]));
    assert_eq!((exchange("/a"), exchange("/stays")), ("one".to_owned(), "one".to_owned()));
    served.write(&text(second.address, "two"));
    assert_eq!(served.ask("POST /-/reload", &[]).status(), 200);
    assert_eq!((exchange("/b"), exchange("/stays")), ("two".to_owned(), "two".to_owned()));
    assert_eq!(first.received().head.start, "GET /a HTTP/1.1");
    assert_eq!(first.ended(), 0, "the connection to the one that went is closed");
    assert_eq!(second.received().head.start, "GET /b HTTP/1.1");
    assert_eq!((stays.received().connection, stays.received().connection), (0, 0));
    assert!(first.seen().is_empty() && second.seen().is_empty());
}

#[test]
fn an_exchange_keeps_the_rules_and_the_upstream_it_began_with() {
    let (open, wait) = gate();
    let slow = Upstream::scripted(move |_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n").unwrap();
        wait();
        stream.write_all(b"{}").unwrap();
        After::KeepOpen
    });
    let next = legacy();
    let served = Served::start(&marked(UNWATCHED, slow.address, "one"));
    let mut busy = served.client();
    busy.ask("GET /", &[]);
    slow.received();
    served.write(&marked(UNWATCHED, next.address, "two"));
    assert_eq!(served.ask("POST /-/reload", &[]).status(), 200);
    assert_eq!(served.mark(), "two");
    open();
    assert_eq!(mark(&busy.answer(false)), "one");
    assert_eq!(mark(&busy.exchange("GET /", &[])), "two", "on the same connection");
    assert_eq!(next.received().connection, 0);
}

#[test]
fn limits_tokens_and_captures_follow() {
    let upstream = legacy();
    let served = Served::start(&marked(UNWATCHED, upstream.address, "one"));
    let text = marked(UNWATCHED, upstream.address, "two")
        .replace("workers: 2", "workers: 2, limits: { uri_bytes: 64 }")
        .replace("admin: { ", "admin: { token: a-token-of-many-characters, ");
    served.write(&format!("{text}capture: {{ folder: {} }}\n", served.path("captured").display()));
    let mut kept = served.client();
    let long = format!("GET /{}", "x".repeat(100));
    assert_eq!(kept.exchange(&long, &[]).status(), 200);
    assert_eq!(served.ask("POST /-/reload", &[]).status(), 200);
    assert_eq!(mark(&kept.exchange("GET /", &[])), "two");
    assert_eq!(kept.exchange(&long, &[]).status(), 414, "on a connection from before");
    assert_eq!(served.ask("POST /-/reload", &[]).status(), 401);
    assert_eq!(served.ask("GET /api/v1/rules", &[]).status(), 401);
    let shown = ["authorization: Bearer a-token-of-many-characters"];
    assert_eq!(served.ask("GET /api/v1/rules", &shown).status(), 200);
    // The exchange is written when its writer comes to it.
    let captured = || {
        fs::read_dir(served.path("captured"))
            .unwrap()
            .any(|file| fs::read_to_string(file.unwrap().path()).unwrap().contains("\"/\""))
    };
    while !captured() {}
    served.write(&marked(UNWATCHED, upstream.address, "three"));
    assert_eq!(served.ask("POST /-/reload", &shown).status(), 200);
    assert_eq!(served.ask("GET /api/v1/rules", &[]).status(), 200);
}

#[test]
fn the_console_sees_what_is_in_force_and_counts_on() {
    let upstream = legacy();
    let served = Served::start(&marked(UNWATCHED, upstream.address, "one"));
    served.mark();
    served.write(&marked(UNWATCHED, upstream.address, "two").replace("contains: '{'", "contains: '}'"));
    assert_eq!(served.ask("POST /-/reload", &[]).status(), 200);
    served.mark();
    let rules = || -> Value { serde_json::from_str(served.ask("GET /api/v1/rules", &[]).text()).unwrap() };
    // An exchange is counted when its worker has let go of it.
    let told = loop {
        let told = rules();
        if told["sets"][0]["rules"][0]["decided"] == 2 {
            break told;
        }
    };
    assert!(told["sets"][0]["text"].as_str().unwrap().contains("two"), "{told}");
    assert!(told["sets"][0]["rules"][0]["when"].as_str().unwrap().contains('}'), "{told}");
    assert_eq!(told["configuration"]["generation"], 2);
    assert_eq!(told["configuration"]["last_reload"]["trigger"], "request");
}

#[test]
fn a_sidecar_without_files_can_be_asked_all_the_same() {
    let upstream = legacy();
    let url = format!("http://{}", upstream.address);
    let arguments = ["serve", "--upstream", &url, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let mut child = candor(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    lines.read_line(&mut line).unwrap();
    let event: Value = serde_json::from_str(&line).unwrap();
    let mut client = Client::connect(event["admin"].as_str().unwrap().parse().unwrap());
    client.send("POST /-/reload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(client.answer(false).text(), "generation 2\n");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The small form of `bench/reload`: good and bad files in turn under exchanges, each of which must be of one
/// configuration as a whole. The upstream says which one sent it the request, the rules which one they are of.
#[test]
fn no_exchange_is_of_two_configurations_and_none_fails() {
    let upstream = |name: &'static str| {
        Upstream::scripted(move |_, stream| {
            stream.write_all(json(&format!("{{\"from\":\"{name}\"}}")).as_bytes()).unwrap();
            After::KeepOpen
        })
    };
    let upstreams = [upstream("even"), upstream("odd")];
    let text = |turn: usize| {
        marked(UNWATCHED, upstreams[turn % 2].address, ["even", "odd"][turn % 2]).replace(
            "workers: 2",
            // A limit of each, which is held against the head before there is an exchange.
            ["workers: 2, limits: { headers: 50 }", "workers: 2, limits: { headers: 60 }"][turn % 2],
        )
    };
    let served = Served::start(&text(0));
    let (address, over) = (served.traffic, Arc::new(AtomicBool::new(false)));
    let begun = Arc::new(Barrier::new(5));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (over, begun) = (Arc::clone(&over), Arc::clone(&begun));
            thread::spawn(move || {
                let (mut client, mut seen) = (Client::connect(address), [0_usize; 2]);
                begun.wait();
                while !over.load(Ordering::Relaxed) {
                    let answer = client.exchange("GET /", &[]);
                    assert_eq!(answer.status(), 200);
                    let mark = mark(&answer);
                    assert_eq!(answer.text(), format!("{{\"from\":\"{mark}\"}}"), "a mixture");
                    seen[usize::from(mark == "odd")] += 1;
                }
                seen
            })
        })
        .collect();
    begun.wait();
    for turn in 1..=20 {
        served.rename(&text(turn));
        assert_eq!(served.ask("POST /-/reload", &[]).status(), 200);
        served.rename("version: 1\nupstreams: ");
        assert_eq!(served.ask("POST /-/reload", &[]).status(), 422);
        assert_eq!(served.mark(), ["even", "odd"][turn % 2]);
    }
    over.store(true, Ordering::Relaxed);
    let seen = clients
        .into_iter()
        .map(|client| client.join().unwrap())
        .fold([0, 0], |sum, seen| [sum[0] + seen[0], sum[1] + seen[1]]);
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    assert_eq!(served.metric("candor_config_generation"), 21.0);
    assert_eq!(served.metric("candor_config_reloads_total{result=\"failure\"}"), 20.0);
}
