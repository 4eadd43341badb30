//! `/metrics` as Prometheus meets it: the program's own admin listener after traffic of every kind, read strictly, and
//! held against the table in `docs/operations.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::thread;

use serde_json::Value;

use crate::cli::{candor, file};
use crate::support::client::{Answered, Client};
use crate::support::exposition::{self, Exposition};
use crate::support::upstream::{After, Nowhere, Upstream};
use crate::support::{files, gate, h2, json};

const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4";

/// How often is asked before what should have happened has not.
const TRIES_MAX: usize = 20_000;

/// `candor serve`; ends with the value.
struct Serving {
    child: Child,
    traffic: SocketAddr,
    admin: SocketAddr,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    /// With this configuration, on ports of the system's choosing.
    fn with(configuration: &str) -> Serving {
        let file = file(&format!("version: 1\n{configuration}"));
        let nowhere_yet = "127.0.0.1:0";
        let path = file.path().to_str().unwrap();
        let mut command = candor(&["serve", "-c", path, "--listen", nowhere_yet, "--admin", nowhere_yet]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut log = BufReader::new(child.stdout.take().unwrap());
        log.read_line(&mut line).unwrap();
        let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        thread::spawn(move || log.lines().count());
        let address = |key: &str| event[key].as_str().unwrap().parse().unwrap();
        Serving { traffic: address("listen"), admin: address("admin"), child }
    }

    fn ask(&self, path: &str) -> u16 {
        Client::connect(self.traffic).exchange(&format!("GET {path}"), &[]).status()
    }

    fn scrape(&self, accept: &str) -> Answered {
        Client::connect(self.admin).exchange("GET /metrics", &[&format!("accept: {accept}")])
    }

    fn metrics(&self) -> Exposition {
        exposition::read(self.scrape("*/*").text(), false)
    }

    /// They, when as many exchanges are counted: one is counted when its worker has let go of it, which may be after
    /// the client has the answer, and kept when all that there is to count of it has been.
    fn metrics_after(&self, exchanges: f64) -> Exposition {
        let kept = || {
            let mut client = Client::connect(self.admin);
            client.send("GET /api/v1/exchanges HTTP/1.1\r\nhost: localhost\r\n\r\n");
            let told = client.answer(false);
            let told: Value = serde_json::from_str(told.text()).unwrap_or_else(|_| panic!("{told:?}"));
            told["exchanges"].as_array().unwrap().len() as f64
        };
        (0..TRIES_MAX).find(|_| kept() >= exchanges).expect("as many exchanges are counted in time");
        let metrics = self.metrics();
        assert_eq!(sum(&metrics, "candor_requests_total", &[]), exchanges);
        metrics
    }

    /// They, as soon as they say so.
    fn metrics_when(&self, say_so: impl Fn(&Exposition) -> bool) -> Exposition {
        let mut tries = (0..TRIES_MAX).map(|_| self.metrics());
        tries.find(|metrics| say_so(metrics)).expect("what should have happened is told in time")
    }
}

/// All samples of a family, in older text, that have these labels, added up.
fn sum(metrics: &Exposition, name: &str, labels: &[(&str, &str)]) -> f64 {
    let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
    let family = family.filter(|family| metrics.contains_key(*family)).unwrap_or(name);
    let has = |sample: &&exposition::Sample| {
        sample.name == name
            && labels.iter().all(|(name, value)| sample.labels.get(*name).is_some_and(|it| it == value))
    };
    metrics[family].samples.iter().filter(has).map(|sample| sample.value).sum()
}

const RULES: &str = "
routes:
  - { match: { path: /nobody }, upstream: nobody, rules: orders }
  - { match: { path: '/legacy/{proxy+}' }, upstream: legacy, rules: orders }
rule_sets:
  orders:
    rules:
      - { name: busy, mode: shadow, when: { json: $.state, equals: busy }, then: { status: 503 } }
      - { name: coded, when: { json: $.code, equals: 1404 }, then: { status: 404, body: problem } }
      - { name: from-field, when: { json: $.status, exists: true }, then: { status: { from: $.status } } }
      - { name: try, when: { json: $.again, exists: true }, then: { status: 503, retry: { attempts: 1, backoff: 1ms } } }
";

/// A backend that answers 200 to all but nobody.
fn legacy() -> Upstream {
    Upstream::scripted(|request, stream| {
        let path = request.head.start.split(' ').nth(1).unwrap();
        let answer = match path.rsplit('/').next().unwrap() {
            "missing" => json(r#"{"code":1404}"#),
            "busy" => json(r#"{"state":"busy"}"#),
            "odd" => json(r#"{"status":"odd"}"#),
            "again" => json(r#"{"again":true}"#),
            "image" => "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 1\r\n\r\nx".to_owned(),
            "coded" => "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: x\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
            // What the definition's model does not allow.
            "7" => "HTTP/1.1 404 No\r\ncontent-length: 13\r\n\r\n{\"message\":7}".to_owned(),
            "half" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 9\r\n\r\nx").unwrap();
                return After::Close;
            }
            _ => json(r#"{"state":"fine"}"#),
        };
        stream.write_all(answer.as_bytes()).unwrap();
        After::KeepOpen
    })
}

/// A sidecar that has seen everything, and how many exchanges there were.
fn seasoned() -> (Serving, f64) {
    let (legacy, nobody, folder) = (legacy(), Nowhere::reserve(), tempfile::tempdir().unwrap());
    let serving = Serving::with(&format!(
        "upstreams: {{ legacy: {{ url: 'http://{}' }}, nobody: {{ url: 'http://{}' }} }}\n\
         server: {{ workers: 2 }}\n\
         capture: {{ folder: '{}' }}\n\
         api: {{ definition: '{}', upstream: legacy, response_models: warn, lambdas: {{ orders: {{ url: 'http://{}' }} }} }}\n{RULES}",
        legacy.address,
        nobody.address,
        folder.path().display(),
        files::path("tests/definitions/orders.yaml").display(),
        legacy.address,
    ));
    let check = |path: &str, status: u16| assert_eq!(serving.ask(path), status, "{path}");
    check("/legacy/fine", 200);
    check("/legacy/fine?again=1", 200);
    check("/legacy/missing", 404);
    check("/legacy/busy", 200);
    check("/legacy/odd", 200);
    check("/legacy/again", 503);
    check("/legacy/image", 200);
    check("/legacy/coded", 200);
    check("/nobody", 502);
    let mut client = Client::connect(serving.traffic);
    assert_eq!(client.exchange("BREW /legacy/fine", &[]).status(), 200);
    client.ask("POST /orders/7", &["content-type: application/json", "content-length: 2"]);
    client.send("{}");
    assert_eq!(client.answer(false).status(), 400);
    client.send("no request\r\n\r\n");
    assert_eq!(client.answer(false).status(), 400);
    // It breaks off on the way, so only its head can be read.
    let mut half = TcpStream::connect(serving.traffic).unwrap();
    half.write_all(b"GET /legacy/half HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert!(BufReader::new(half).lines().map_while(Result::ok).any(|line| line.starts_with("HTTP/1.1 200 ")));
    (serving, 13.0)
}

#[test]
fn what_happened_is_told() {
    let (serving, exchanges) = seasoned();
    let metrics = serving.metrics_after(exchanges);
    let legacy = ("route", "/legacy/{proxy+}");
    let check = |name: &str, labels: &[(&str, &str)], value: f64| {
        assert_eq!(sum(&metrics, name, labels), value, "{name} {labels:?}\n{:#?}", metrics.get(name));
    };
    let requests = "candor_requests_total";
    check(
        requests,
        &[legacy, ("method", "GET"), ("code", "200"), ("upstream_code", "200"), ("door", "proxy")],
        7.0,
    );
    check(requests, &[legacy, ("method", "other")], 1.0);
    check(requests, &[("route", "/nobody"), ("code", "502"), ("upstream_code", "none")], 1.0);
    check(requests, &[("route", "none"), ("method", "none"), ("code", "400")], 1.0);
    check(requests, &[("route", "/orders/{id}"), ("method", "POST"), ("upstream_code", "404")], 1.0);
    let orders = ("rule_set", "orders");
    let translations = "candor_translations_total";
    check(
        translations,
        &[legacy, orders, ("rule", "coded"), ("from", "200"), ("to", "404"), ("mode", "enforce")],
        1.0,
    );
    check(
        translations,
        &[legacy, orders, ("rule", "busy"), ("from", "200"), ("to", "503"), ("mode", "shadow")],
        1.0,
    );
    check("candor_hidden_errors_total", &[legacy], 2.0);
    check("candor_hidden_errors_total", &[], 2.0);
    let verdicts = "candor_verdicts_total";
    check(verdicts, &[legacy, ("verdict", "rewrite"), ("reason", "")], 2.0);
    check(verdicts, &[legacy, ("verdict", "bypass"), ("reason", "content type not inspected")], 2.0);
    check(verdicts, &[legacy, ("verdict", "undecided"), ("reason", "encoding not decoded")], 1.0);
    check(verdicts, &[legacy, ("verdict", "failed"), ("reason", "orders/from-field")], 1.0);
    check(verdicts, &[("verdict", "none")], 3.0);
    check(verdicts, &[], exchanges);
    check("candor_request_duration_seconds_count", &[], exchanges);
    check("candor_upstream_duration_seconds_count", &[], exchanges - 2.0);
    check("candor_retries_total", &[legacy, ("outcome", "sent again")], 1.0);
    check("candor_upstream_errors_total", &[("upstream", "nobody"), ("error", "connection_refused")], 1.0);
    check(
        "candor_upstream_errors_total",
        &[("upstream", "legacy"), ("error", "http_response_incomplete")],
        1.0,
    );
    check("candor_model_misfits_total", &[("route", "/orders/{id}")], 1.0);
    check("candor_held_bytes", &[], 0.0);
    check("candor_held_bytes_max", &[], 134_217_728.0);
    check("candor_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    let some =
        |name: &str, labels: &[(&str, &str)]| assert!(sum(&metrics, name, labels) > 0.0, "{name} {labels:?}");
    some("candor_hold_duration_seconds_sum", &[]);
    some("candor_hold_size_bytes_sum", &[]);
    some("candor_connections_opened_total", &[]);
    some("candor_upstream_connections_opened_total", &[("upstream", "legacy")]);
    some("candor_upstream_connections", &[("upstream", "legacy"), ("state", "idle")]);
    check("candor_upstream_connections", &[("state", "busy")], 0.0);
}

#[test]
fn both_formats_say_the_same_and_hold_to_their_rules() {
    let (serving, exchanges) = seasoned();
    serving.metrics_after(exchanges);
    let (older, open) = (serving.scrape("*/*"), serving.scrape(OPEN_METRICS));
    let content_type = |answer: &Answered| answer.header("content-type").unwrap().to_owned();
    assert_eq!(content_type(&older), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(content_type(&open), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let open = exposition::read(open.text(), true);
    for (name, family) in exposition::read(older.text(), false) {
        let other = &open[name.strip_suffix("_total").filter(|_| family.kind == "counter").unwrap_or(&name)];
        assert_eq!((&other.kind, &other.help), (&family.kind, &family.help), "{name}");
        // What the process and its connections do goes on meanwhile.
        if !name.starts_with("process_") && !name.starts_with("candor_connections") {
            assert_eq!(other.samples, family.samples, "{name}");
        }
    }
}

/// Families without a sample after the traffic here, because what they tell of has tests of its own.
const SPOKEN_OF_ELSEWHERE: &[&str] =
    &["candor_tls_certificate_expiry_timestamp_seconds", "candor_tls_handshake_failures_total"];

/// Name -> type and labels.
type Table = BTreeMap<String, (String, BTreeSet<String>)>;

/// The rows that the other table does not have.
fn missing(one: &Table, other: &Table) -> Vec<String> {
    one.iter().filter(|(name, what)| other.get(*name) != Some(what)).map(|row| format!("{row:?}")).collect()
}

/// The table in the page.
fn documented() -> Table {
    let page = files::text("docs/operations.md");
    let (_, section) = page.split_once("| metric | type | labels | meaning |\n|---|---|---|---|\n").unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        (words(cells[1]).remove(0), (cells[2].to_owned(), words(cells[3]).into_iter().collect()))
    };
    section.lines().take_while(|line| line.starts_with('|')).map(row).collect()
}

#[test]
fn the_table_is_what_a_sidecar_tells() {
    let (serving, exchanges) = seasoned();
    let metrics = serving.metrics_after(exchanges);
    let documented = documented();
    let mut told = Table::new();
    for (name, family) in &metrics {
        let labels = family.labels().unwrap_or_else(|| {
            assert!(SPOKEN_OF_ELSEWHERE.contains(&&**name), "nothing happened that {name} tells of");
            documented.get(name).map(|(_, labels)| labels.clone()).unwrap_or_default()
        });
        told.insert(name.clone(), (family.kind.clone(), labels));
    }
    assert_eq!(missing(&told, &documented), Vec::<String>::new(), "not so in docs/operations.md");
    assert_eq!(missing(&documented, &told), Vec::<String>::new(), "in docs/operations.md, and not so");
}

#[test]
fn connections_are_counted_and_those_that_are_too_many() {
    let legacy = legacy();
    let serving = Serving::with(&format!(
        "upstreams: {{ legacy: {{ url: 'http://{}' }} }}\nserver: {{ limits: {{ connections: 2 }} }}\n",
        legacy.address
    ));
    let mut clients = [(); 3].map(|()| Client::connect(serving.traffic));
    assert_eq!(clients[2].answer(false).status(), 503);
    let metrics = serving.metrics_after(1.0);
    assert_eq!(sum(&metrics, "candor_connections_opened_total", &[]), 2.0);
    assert_eq!(sum(&metrics, "candor_connections_refused_total", &[("reason", "over limit")]), 1.0);
    drop(clients);
    serving.metrics_when(|metrics| sum(metrics, "candor_connections", &[]) == 0.0);
}

#[test]
fn no_token_is_asked_for_under_any_name() {
    let serving = Serving::with(
        "upstreams: { a: { url: 'http://127.0.0.1:1' } }\nadmin: { token: a-token-of-many-characters }\n",
    );
    let mut client = Client::connect(serving.admin);
    client.send("GET /metrics HTTP/1.1\r\nhost: candor.default.svc:9901\r\n\r\n");
    assert_eq!(client.answer(false).status(), 200);
    client.send("POST /metrics HTTP/1.1\r\nhost: candor\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(client.answer(false).status(), 405);
}

#[test]
fn what_is_under_way_is_told_until_it_is_over() {
    let (open, wait) = gate();
    let legacy = Upstream::scripted(move |request, stream| {
        if request.head.header("upgrade").is_some() {
            let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
            stream.write_all(switch.as_bytes()).unwrap();
            return After::KeepOpen;
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n";
        stream.write_all(format!("{head}{{\"state\"").as_bytes()).unwrap();
        wait();
        stream.write_all(b":1}\n").unwrap();
        After::KeepOpen
    });
    let modern = h2::Upstream::answering(&[], "{}");
    let serving = Serving::with(&format!(
        "upstreams: {{ legacy: {{ url: 'http://{}' }}, nobody: {{ url: 'http://{}', protocol: h2c }} }}\n{RULES}",
        legacy.address, modern.address
    ));
    let held = |metrics: &Exposition| sum(metrics, "candor_held_bytes", &[]);
    let links = |metrics: &Exposition, name: &str| {
        let of = |state: &str| {
            sum(metrics, "candor_upstream_connections", &[("upstream", name), ("state", state)])
        };
        (of("busy"), of("idle"))
    };

    let mut client = Client::connect(serving.traffic);
    client.ask("GET /legacy/held", &[]);
    let metrics = serving.metrics_when(|metrics| held(metrics) == 8.0);
    assert_eq!(links(&metrics, "legacy"), (1.0, 0.0));
    open();
    assert_eq!(client.answer(false).status(), 200);
    let metrics = serving.metrics_when(|metrics| links(metrics, "legacy") == (0.0, 1.0));
    assert_eq!(held(&metrics), 0.0);

    client.ask("GET /legacy/tunnel", &["connection: upgrade", "upgrade: x"]);
    assert_eq!(client.head().status(), 101);
    assert_eq!(links(&serving.metrics(), "legacy"), (1.0, 0.0));
    drop(client);
    serving.metrics_when(|metrics| links(metrics, "legacy") == (0.0, 0.0));

    assert_eq!(serving.ask("/nobody"), 200);
    let metrics = serving.metrics();
    assert_eq!(links(&metrics, "nobody"), (1.0, 0.0));
    assert_eq!(sum(&metrics, "candor_upstream_connections_opened_total", &[]), 2.0);
}
