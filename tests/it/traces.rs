//! Spans as a collector of OpenTelemetry receives them: what they say, and how they hang together with those of the
//! client and of the upstream. Every sidecar of the test's process sends to a collector of its own.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use bytes::Bytes;
use candor::diagnostic::Diagnostic;
use candor::engine::AnswerHead;
use candor::engine::outcome::{Outcome, Undecided, Verdict};
use candor::proxy::Visit;
use candor::settings::{self, Balance, Places, Protocol, Sampler, Settings, UpstreamUrl};
use candor::telemetry::meters::{Door, Meters};
use candor::telemetry::metrics::{Format, gather};
use candor::telemetry::traces::Traces;
use http::{HeaderMap, Request, StatusCode, Uri};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Outcomes;
use prost::Message;

use super::cli::{candor, serving};
use super::support::client::Client;
use super::support::sidecar::{Sidecar, configured};
use super::support::upstream::{After, Nowhere, Upstream};
use super::support::{NO_RULES, PATIENCE, h2, json, log};
use super::tls;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

const RULES: &str = r"
routes:
  - match: { path: '/orders/{id}' }
    upstream: legacy
    rules: orders
    name: orders
  - match: { path: '/{proxy+}' }
    upstream: legacy
    rules: orders
rule_sets:
  orders:
    rules:
      - name: busy
        when: { json: $.state, equals: busy }
        then: { status: 503, retry: { attempts: 2, backoff: 0ms } }
      - { name: gone, when: { json: $.code, equals: 1404 }, then: { status: 404, body: problem } }
      - { name: slow, mode: shadow, when: { json: $.state, equals: slow }, then: { status: 504 } }
";

/// A collector, and the sidecars' way to it.
struct Collector {
    upstream: Upstream,
    settings: settings::Traces,
}

impl Collector {
    /// A collector that takes everything.
    fn start() -> Collector {
        Collector::answering(
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n",
        )
    }

    fn answering(answer: &'static str) -> Collector {
        let upstream = Upstream::answering(answer);
        let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}/base/", upstream.address))];
        let settings = read(&variables).unwrap();
        Collector { upstream, settings }
    }

    fn sidecar(&self, upstream: &Upstream, rules: &str) -> Sidecar {
        Sidecar::with(upstream.address, rules, |settings: &mut Settings| {
            settings.traces = Some(self.settings.clone());
        })
    }

    /// All that a sidecar has sent, once it has stopped.
    fn spans(&self, sidecar: Sidecar) -> Vec<Told> {
        sidecar.stop().drained();
        self.received().into_iter().flat_map(told).collect()
    }

    fn received(&self) -> Vec<ExportTraceServiceRequest> {
        let decode = |request: super::support::upstream::Received| {
            assert_eq!(request.head.start, "POST /base/v1/traces HTTP/1.1");
            assert_eq!(request.head.header("content-type"), Some("application/x-protobuf"));
            ExportTraceServiceRequest::decode(Bytes::from(request.payload.bytes)).unwrap()
        };
        self.upstream.seen().into_iter().map(decode).collect()
    }
}

/// What an environment with these variables asks for.
fn read(variables: &[(&str, String)]) -> Option<settings::Traces> {
    let environment: Vec<_> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let mut problems = Default::default();
    let no_file = |path: &str, _: &_| Err(Diagnostic::error(format!("no `{path}`")));
    let traces = settings::Traces::read(&environment, &no_file, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    traces
}

/// A span as tests look at it.
#[derive(Debug)]
struct Told {
    span: Span,
    said: BTreeMap<String, String>,
}

impl Told {
    fn says(&self, name: &str) -> Option<&str> {
        self.said.get(name).map(String::as_str)
    }

    /// Whether it is an error.
    fn is_error(&self) -> bool {
        self.span.status.as_ref().is_some_and(|status| status.code() == Outcomes::Error)
    }

    fn id(&self) -> String {
        hex(&self.span.span_id)
    }

    fn trace(&self) -> String {
        hex(&self.span.trace_id)
    }

    fn parent(&self) -> String {
        hex(&self.span.parent_span_id)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn told(request: ExportTraceServiceRequest) -> Vec<Told> {
    let scopes = request.resource_spans.into_iter().flat_map(|of| of.scope_spans);
    let spans = scopes.flat_map(|of| {
        assert_eq!(of.scope.unwrap().name, "candor");
        of.spans
    });
    spans.map(|span| Told { said: said(&span.attributes), span }).collect()
}

fn said(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let pairs = attributes.iter().map(|it| (it.key.clone(), text(it.value.as_ref())));
    pairs.collect()
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::ArrayValue(list)) => {
            list.values.iter().map(|value| text(Some(value))).collect::<Vec<_>>().join(" ")
        }
        other => panic!("{other:?}"),
    }
}

/// The spans of an exchange: the server's, and the clients' in their order.
fn by_kind(spans: Vec<Told>) -> (Told, Vec<Told>) {
    let (mut servers, mut clients): (Vec<_>, Vec<_>) =
        spans.into_iter().partition(|told| told.span.kind() == SpanKind::Server);
    assert_eq!(servers.len(), 1, "{servers:?}");
    clients.sort_by_key(|told| told.span.start_time_unix_nano);
    (servers.remove(0), clients)
}

/// Checks what a span says under these names; `None` is nothing.
#[track_caller]
fn check_said(told: &Told, expected: &[(&str, Option<&str>)]) {
    for (name, expected) in expected {
        assert_eq!(told.says(name), *expected, "{name} of {:#?}", told.said);
    }
}

fn legacy() -> Upstream {
    Upstream::scripted(|request, stream| {
        let body = match request.head.start.split([' ', '?']).nth(1).unwrap() {
            "/orders/17" => r#"{"code":1404}"#,
            "/slow" => r#"{"state":"slow"}"#,
            "/busy" => r#"{"state":"busy"}"#,
            _ => r#"{"state":"fine"}"#,
        };
        stream.write_all(json(body).as_bytes()).unwrap();
        After::KeepOpen
    })
}

fn traceparent(flags: &str) -> String {
    format!("traceparent: 00-{TRACE}-{CALLER}-{flags}")
}

#[test]
fn a_translated_exchange_is_a_span_within_the_callers_and_the_upstream_is_within_it() {
    let (collector, upstream) = (Collector::start(), legacy());
    let sidecar = collector.sidecar(&upstream, RULES);
    let mut client = sidecar.client();
    client.send(format!(
        "GET /orders/17?secret=1 HTTP/1.1\r\nhost: shop.example:8080\r\n{}\r\ntracestate: a=1,b=2\r\n\r\n",
        traceparent("01")
    ));
    let answer = client.answer(false);
    assert_eq!(answer.status(), 404);
    drop(client);
    let (server, clients) = by_kind(collector.spans(sidecar));
    let request_id = answer.header("x-request-id").unwrap();

    assert_eq!(server.span.name, "GET /orders/{id}");
    assert_eq!((server.trace().as_str(), server.parent().as_str()), (TRACE, CALLER));
    assert_eq!(server.span.trace_state, "a=1,b=2");
    assert!(!server.is_error());
    check_said(
        &server,
        &[
            ("http.request.method", Some("GET")),
            ("http.route", Some("/orders/{id}")),
            ("url.path", Some("/orders/17")),
            ("url.query", None),
            ("url.scheme", Some("http")),
            ("server.address", Some("shop.example")),
            ("server.port", Some("8080")),
            ("client.address", Some("127.0.0.1")),
            ("network.protocol.version", Some("1.1")),
            ("http.response.status_code", Some("404")),
            ("error.type", None),
            ("candor.door", Some("proxy")),
            ("candor.request_id", Some(request_id)),
            ("candor.route", Some("orders")),
            ("candor.upstream", Some("legacy")),
            ("candor.upstream_status", Some("200")),
            ("candor.rule_set", Some("orders")),
            ("candor.rule", Some("orders/gone")),
            ("candor.verdict", Some("rewrite")),
            ("candor.undecided.reason", None),
        ],
    );

    let [client] = clients.as_slice() else { panic!("{clients:?}") };
    assert_eq!((client.trace(), client.parent()), (TRACE.to_owned(), server.id()));
    assert_eq!(client.span.name, "GET");
    assert_eq!(client.span.kind(), SpanKind::Client);
    assert!(!client.is_error());
    let url = format!("http://{}/orders/17", upstream.address);
    let upstream_port = upstream.address.port().to_string();
    check_said(
        client,
        &[
            ("http.request.method", Some("GET")),
            ("url.full", Some(&url)),
            ("server.address", Some("127.0.0.1")),
            ("server.port", Some(&upstream_port)),
            ("network.protocol.version", Some("1.1")),
            ("http.response.status_code", Some("200")),
            ("http.request.resend_count", None),
            ("error.type", None),
            ("candor.upstream", Some("legacy")),
        ],
    );
    let (outer, inner) = (&server.span, &client.span);
    assert!(outer.start_time_unix_nano <= inner.start_time_unix_nano);
    assert!(inner.start_time_unix_nano <= inner.end_time_unix_nano);
    assert!(inner.end_time_unix_nano <= outer.end_time_unix_nano);

    let head = upstream.received().head;
    let expected = format!("00-{TRACE}-{}-01", client.id());
    assert_eq!(head.all("traceparent").collect::<Vec<_>>(), [expected]);
    assert_eq!(head.header("tracestate"), Some("a=1,b=2"));

    let event = log::event(request_id);
    assert_eq!((event["trace_id"].as_str(), event["span_id"].as_str()), (Some(TRACE), Some(&*server.id())));
}

#[test]
fn a_trace_begins_here_where_the_caller_has_none() {
    let check = |headers: &[&str]| {
        let (collector, upstream) = (Collector::start(), legacy());
        let sidecar = collector.sidecar(&upstream, RULES);
        sidecar.exchange("GET /fine", headers);
        let (server, clients) = by_kind(collector.spans(sidecar));
        assert_eq!((server.parent().as_str(), server.span.trace_state.as_str()), ("", ""));
        assert_ne!(server.trace(), TRACE);
        assert_eq!(server.trace().len(), 32);
        assert_eq!(server.span.name, "GET /{proxy+}");
        check_said(&server, &[("candor.route", None), ("candor.verdict", Some("pass"))]);
        let head = upstream.received().head;
        let expected = format!("00-{}-{}-01", server.trace(), clients[0].id());
        assert_eq!(head.all("traceparent").collect::<Vec<_>>(), [expected]);
        assert_eq!(head.header("tracestate"), None);
    };
    check(&[]);
    check(&["tracestate: a=1"]);
    check(&["traceparent: 00-what-ever-01", "tracestate: a=1"]);
    check(&[&traceparent("01"), &traceparent("01")]);
}

#[test]
fn every_try_is_a_span_and_the_last_says_what_the_client_got() {
    let (collector, upstream) = (Collector::start(), legacy());
    let sidecar = collector.sidecar(&upstream, RULES);
    assert_eq!(sidecar.exchange("GET /busy", &[]).status(), 503);
    let (server, clients) = by_kind(collector.spans(sidecar));
    assert!(server.is_error());
    check_said(&server, &[("http.response.status_code", Some("503")), ("error.type", Some("503"))]);
    let resent: Vec<_> = clients.iter().map(|told| told.says("http.request.resend_count")).collect();
    assert_eq!(resent, [None, Some("1"), Some("2")]);
    for client in &clients {
        assert_eq!(client.parent(), server.id());
        check_said(client, &[("http.response.status_code", Some("200")), ("error.type", None)]);
        let sent = upstream.received().head.header("traceparent").unwrap().to_owned();
        assert_eq!(sent, format!("00-{}-{}-01", server.trace(), client.id()));
    }
}

#[test]
fn a_span_names_the_endpoint_that_was_called() {
    let (collector, nowhere, upstream) = (Collector::start(), Nowhere::reserve(), legacy());
    let url = |address: SocketAddr| UpstreamUrl::parse(&format!("http://{address}/base")).unwrap();
    let sidecar = Sidecar::with(upstream.address, NO_RULES, |settings| {
        settings.traces = Some(collector.settings.clone());
        let legacy = &mut settings.upstreams[0];
        legacy.url = UpstreamUrl::parse("http://app.test/base").unwrap();
        legacy.places = Places::Listed(vec![url(nowhere.address), url(upstream.address)]);
        legacy.balance = Balance::RoundRobin;
    });
    assert_eq!(sidecar.exchange("GET /a", &[]).status(), 200);
    let (_, clients) = by_kind(collector.spans(sidecar));
    let [lost, answered] = clients.as_slice() else { panic!("{clients:?}") };
    for (told, address, status) in [(lost, nowhere.address, None), (answered, upstream.address, Some("200"))]
    {
        check_said(
            told,
            &[
                ("url.full", Some(&format!("http://{address}/base/a"))),
                ("server.address", Some("127.0.0.1")),
                ("server.port", Some(&address.port().to_string())),
                ("http.response.status_code", status),
            ],
        );
    }
}

#[test]
fn a_span_names_the_socket_and_the_port_that_nobody_wrote() {
    let check = |url: &str, address: &str, port: Option<&str>| {
        let collector = Collector::start();
        let sidecar = Sidecar::with(Nowhere::reserve().address, NO_RULES, |settings| {
            settings.traces = Some(collector.settings.clone());
            settings.upstreams[0].url = UpstreamUrl::parse(url).unwrap();
        });
        assert_eq!(sidecar.exchange("GET /", &[]).status(), 502);
        let (_, clients) = by_kind(collector.spans(sidecar));
        check_said(&clients[0], &[("server.address", Some(address)), ("server.port", port)]);
    };
    check("unix:/nobody/listens.here", "/nobody/listens.here", None);
    check("http://nobody.invalid", "nobody.invalid", Some("80"));
    check("https://nobody.invalid", "nobody.invalid", Some("443"));
}

#[test]
fn a_lost_connection_is_a_span_of_its_own() {
    let collector = Collector::start();
    let upstream = Upstream::scripted(|received, stream| {
        if received.connection == 0 && received.head.start.contains("/again") {
            return After::Drop;
        }
        stream.write_all(json("{}").as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = collector.sidecar(&upstream, NO_RULES);
    let mut client = sidecar.client();
    client.exchange("GET /first", &[]);
    assert_eq!(client.exchange("GET /again", &[&traceparent("01")]).status(), 200);
    drop(client);
    let spans = collector.spans(sidecar);
    let (server, clients) = by_kind(spans.into_iter().filter(|told| told.trace() == TRACE).collect());
    assert!(!server.is_error());
    let told: Vec<_> = clients
        .iter()
        .map(|told| (told.says("http.response.status_code"), told.says("error.type"), told.is_error()))
        .collect();
    assert_eq!(told, [(None, Some("connection_terminated"), true), (Some("200"), None, false)]);
}

#[test]
fn an_upstream_that_is_not_there_is_an_error_of_both() {
    let (collector, nowhere) = (Collector::start(), Nowhere::reserve());
    let sidecar = Sidecar::with(nowhere.address, NO_RULES, |settings| {
        settings.traces = Some(collector.settings.clone());
    });
    assert_eq!(sidecar.exchange("GET /", &[]).status(), 502);
    let (server, clients) = by_kind(collector.spans(sidecar));
    assert!(server.is_error() && clients[0].is_error());
    assert!(server.span.status.as_ref().unwrap().message.contains("refused the connection"));
    check_said(
        &server,
        &[("http.response.status_code", Some("502")), ("error.type", Some("connection_refused"))],
    );
    check_said(
        &clients[0],
        &[("http.response.status_code", None), ("error.type", Some("connection_refused"))],
    );
}

#[test]
fn what_the_upstream_calls_an_error_is_one_of_the_client_span_alone() {
    let collector = Collector::start();
    let upstream = Upstream::answering("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    let sidecar = collector.sidecar(&upstream, NO_RULES);
    sidecar.exchange("BREW /pot", &[]);
    let (server, clients) = by_kind(collector.spans(sidecar));
    assert!(!server.is_error() && clients[0].is_error());
    check_said(&clients[0], &[("error.type", Some("404")), ("http.request.method", Some("_OTHER"))]);
    assert_eq!((server.span.name.as_str(), clients[0].span.name.as_str()), ("HTTP /{proxy+}", "HTTP"));
    check_said(&server, &[("http.request.method_original", Some("BREW")), ("error.type", None)]);
}

#[test]
fn rules_in_shadow_mode_are_told() {
    let (collector, upstream) = (Collector::start(), legacy());
    let sidecar = collector.sidecar(&upstream, RULES);
    sidecar.exchange("GET /slow", &[]);
    let (server, _) = by_kind(collector.spans(sidecar));
    check_said(&server, &[("candor.verdict", Some("pass")), ("candor.shadow", Some("orders/slow"))]);
}

#[test]
fn a_caller_that_does_without_is_followed_and_told_so_again() {
    let (collector, upstream) = (Collector::start(), legacy());
    let sidecar = collector.sidecar(&upstream, RULES);
    let answer = sidecar.exchange("GET /fine", &[&traceparent("00"), "tracestate: a=1"]);
    assert_eq!(collector.spans(sidecar).len(), 0);
    let head = upstream.received().head;
    let sent = head.header("traceparent").unwrap();
    assert!(sent.starts_with(&format!("00-{TRACE}-")) && sent.ends_with("-00"), "{sent}");
    assert!(!sent.contains(CALLER));
    assert_eq!(head.header("tracestate"), Some("a=1"));
    let event = log::event(answer.header("x-request-id").unwrap());
    assert_eq!(event["trace_id"], TRACE);
    assert_ne!(event["span_id"], CALLER);
}

#[test]
fn a_share_of_traces_is_recorded_where_no_caller_decides() {
    let (mut collector, upstream) = (Collector::start(), legacy());
    collector.settings.sampler = Sampler { follows_caller: true, share: 0 };
    let sidecar = collector.sidecar(&upstream, RULES);
    let mut client = sidecar.client();
    client.exchange("GET /fine", &[]);
    client.exchange("GET /fine", &[&traceparent("01")]);
    drop(client);
    let (server, _) = by_kind(collector.spans(sidecar));
    assert_eq!(server.trace(), TRACE);
    let sent: Vec<String> =
        upstream.seen().iter().map(|it| it.head.header("traceparent").unwrap().to_owned()).collect();
    assert!(sent[0].ends_with("-00") && sent[1].ends_with("-01"), "{sent:?}");
}

#[test]
fn without_an_endpoint_the_callers_place_goes_on_untouched() {
    let upstream = legacy();
    let sidecar = Sidecar::start(upstream.address, RULES);
    let answer = sidecar.exchange("GET /fine", &[&traceparent("01"), "tracestate: a=1"]);
    let head = upstream.received().head;
    let sent = format!("00-{TRACE}-{CALLER}-01");
    assert_eq!((head.header("traceparent"), head.header("tracestate")), (Some(&*sent), Some("a=1")));
    let event = log::event(answer.header("x-request-id").unwrap());
    assert_eq!((event["trace_id"].as_str(), event["span_id"].as_str()), (Some(TRACE), Some(CALLER)));
    sidecar.exchange("GET /fine", &["tracestate: a=1"]);
    assert_eq!(upstream.received().head.header("traceparent"), None);
}

#[test]
fn resource_and_headers_are_those_of_the_environment() {
    let mut collector = Collector::start();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}/base", collector.upstream.address)),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret".to_owned()),
        ("OTEL_SERVICE_NAME", "orders".to_owned()),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test".to_owned()),
    ];
    collector.settings = read(&variables).unwrap();
    let upstream = legacy();
    let sidecar = collector.sidecar(&upstream, RULES);
    sidecar.exchange("GET /fine", &[]);
    sidecar.stop().drained();
    let request = collector.upstream.received();
    assert_eq!(request.head.header("x-key"), Some("secret"));
    let decoded = ExportTraceServiceRequest::decode(Bytes::from(request.payload.bytes)).unwrap();
    let resource = said(&decoded.resource_spans[0].resource.as_ref().unwrap().attributes);
    let says = |name: &str| resource.get(name).map(String::as_str);
    assert_eq!((says("service.name"), says("deployment.environment.name")), (Some("orders"), Some("test")));
    assert_eq!(says("service.version"), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(says("telemetry.sdk.language"), Some("rust"));
}

#[test]
fn exchanges_go_on_and_losses_are_counted_where_the_collector_refuses() {
    let collector = Collector::answering("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let upstream = legacy();
    let snapshot = configured(upstream.address, RULES, |settings| {
        settings.traces = Some(collector.settings.clone());
    });
    let meters = Meters::start();
    let traces = Traces::start(Some(&collector.settings), &meters).unwrap().unwrap();
    let meter = Rc::new(meters.meter());
    for _ in 0..3 {
        let request = Request::get("/fine").body(()).unwrap();
        let peer = "192.0.2.7".parse().unwrap();
        drop(Visit::begin(&snapshot, &meter, request, peer, Door::ExtProc).unwrap());
    }
    traces.finish();
    assert_eq!(collector.received().len(), 1, "what is refused is not sent again");
    assert_eq!(dropped(&meters), 3.0);
    drop(Visit::begin(
        &snapshot,
        &meter,
        Request::get("/").body(()).unwrap(),
        [127, 0, 0, 1].into(),
        Door::ExtProc,
    ));
    assert_eq!(dropped(&meters), 4.0, "nobody is there to send it");
}

fn dropped(meters: &Meters) -> f64 {
    let text = Format::Prometheus.write(&gather(meters));
    let line = text.lines().find(|line| line.starts_with("candor_spans_dropped_total ")).expect("the metric");
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn an_exchange_that_envoy_carries_is_a_span_of_the_server_alone() {
    let (collector, upstream) = (Collector::start(), legacy());
    let snapshot = configured(upstream.address, RULES, |_| {});
    let meters = Meters::start();
    let traces = Traces::start(Some(&collector.settings), &meters).unwrap().unwrap();
    let meter = Rc::new(meters.meter());
    let request = Request::get("https://shop.example/orders/17")
        .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
        .body(())
        .unwrap();
    let mut visit =
        Visit::begin(&snapshot, &meter, request, "192.0.2.7".parse().unwrap(), Door::ExtProc).unwrap();
    let mut head = AnswerHead { status: StatusCode::OK, headers: HeaderMap::new() };
    visit.answered(&mut head);
    let undecided = Verdict::Undecided { reason: Undecided::OverTime };
    let undecided = Outcome { verdict: undecided, ..Outcome::pass() };
    visit.decided(&mut head.status, &mut head.headers, undecided, Some(7));
    visit.complete();
    drop(visit);
    traces.finish();
    let spans: Vec<Told> = collector.received().into_iter().flat_map(told).collect();
    let (server, clients) = by_kind(spans);
    assert_eq!(clients.len(), 0);
    assert_eq!((server.trace().as_str(), server.parent().as_str()), (TRACE, CALLER));
    check_said(
        &server,
        &[
            ("candor.door", Some("ext_proc")),
            ("http.route", Some("/orders/{id}")),
            ("url.scheme", Some("https")),
            ("server.address", Some("shop.example")),
            ("http.response.status_code", Some("200")),
            ("candor.upstream_status", Some("200")),
            ("candor.verdict", Some("undecided")),
            ("candor.undecided.reason", Some("body not complete in time")),
            ("candor.held_bytes", Some("7")),
        ],
    );
}

#[test]
fn an_upstream_over_http_2_is_told_its_place_too() {
    let collector = Collector::start();
    let upstream = h2::Upstream::answering(&[], "fine");
    let sidecar = Sidecar::with(upstream.address, NO_RULES, |settings| {
        settings.traces = Some(collector.settings.clone());
        settings.upstreams[0].protocol = Protocol::Http2;
    });
    sidecar.exchange("GET /", &[&traceparent("01")]);
    let (_, clients) = by_kind(collector.spans(sidecar));
    check_said(&clients[0], &[("network.protocol.version", Some("2"))]);
    let (_, head) = upstream.received();
    let sent: Vec<_> = head.headers.get_all("traceparent").iter().collect();
    assert_eq!(sent, [&format!("00-{TRACE}-{}-01", clients[0].id())]);
}

const API: &str = r"
openapi: 3.0.1
info: { title: orders, version: '1' }
paths:
  /orders/{id}:
    get:
      x-amazon-apigateway-integration:
        type: http
        httpMethod: GET
        uri: http://legacy.example/order
        requestParameters: { integration.request.header.traceparent: method.request.header.traceparent }
        responses: { default: { statusCode: '201' } }
      responses: { '201': { description: fine } }
";

#[test]
fn a_call_of_an_api_is_a_span() {
    let (collector, upstream) = (Collector::start(), legacy());
    let configuration = format!(
        "upstreams: {{ legacy: {{ url: 'http://{}' }} }}\napi: {{ upstream: legacy }}\nserver: {{ workers: 1 }}\n",
        upstream.address
    );
    let sidecar = Sidecar::carrying_out_with(API, &configuration, |settings| {
        settings.traces = Some(collector.settings.clone());
    });
    let answer = sidecar.exchange("GET /orders/17", &[&traceparent("01")]);
    assert_eq!(answer.status(), 201);
    let (server, clients) = by_kind(collector.spans(sidecar));
    assert_eq!(server.span.name, "GET /orders/{id}");
    check_said(
        &server,
        &[("http.response.status_code", Some("201")), ("candor.upstream_status", Some("200"))],
    );
    let [client] = clients.as_slice() else { panic!("{clients:?}") };
    assert_eq!(client.parent(), server.id());
    assert!(client.says("url.full").unwrap().ends_with("/order"));
    let head = upstream.received().head;
    let sent: Vec<_> = head.all("traceparent").collect();
    assert_eq!(sent, [format!("00-{TRACE}-{}-01", client.id())]);
}

#[test]
fn the_program_takes_its_environment() {
    let (collector, upstream) = (Collector::start(), legacy());
    let (mut child, _log, address) = serving(
        candor(&["serve", "--preset", "status-field", "--listen", "127.0.0.1:0", "--admin", "off"])
            .env("CANDOR_UPSTREAM", format!("http://{}", upstream.address))
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}/base", collector.upstream.address))
            .env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
            .env("OTEL_BSP_SCHEDULE_DELAY", "1"),
    );
    assert_eq!(Client::connect(address).exchange("GET /fine", &[]).status(), 200);
    let received = collector.upstream.received();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(received.head.header("content-encoding"), Some("gzip"));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&*received.payload.bytes).read_to_end(&mut bytes).unwrap();
    let spans = told(ExportTraceServiceRequest::decode(Bytes::from(bytes)).unwrap());
    assert!(!spans.is_empty());
}

#[test]
fn a_collector_within_tls_must_be_who_it_should_be() {
    let certified = tls::certificate("localhost");
    let (sender, received) = channel();
    let sender = Mutex::new(sender);
    let backend = tls::backend(tls::server(&certified, None), move |head, _| {
        sender.lock().unwrap().send(head.start.clone()).unwrap();
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()
    });
    let endpoint: Uri = format!("https://localhost:{}/v1/traces", backend.address.port()).parse().unwrap();
    let upstream = legacy();
    let snapshot = configured(upstream.address, RULES, |_| {});
    // Who is not believed is tried again until that time is over.
    let check = |believed: settings::Tls, timeout: Duration, lost: f64| {
        let to = settings::Traces { tls: believed, timeout, ..settings::Traces::to(endpoint.clone()) };
        let meters = Meters::start();
        let traces = Traces::start(Some(&to), &meters).unwrap().unwrap();
        let meter = Rc::new(meters.meter());
        let request = Request::get("/fine").body(()).unwrap();
        drop(Visit::begin(&snapshot, &meter, request, [127, 0, 0, 1].into(), Door::ExtProc).unwrap());
        traces.finish();
        assert_eq!(dropped(&meters), lost);
    };
    check(tls::believing(&certified), PATIENCE, 0.0);
    assert_eq!(received.try_iter().collect::<Vec<_>>(), ["POST /v1/traces HTTP/1.1"]);
    check(settings::Tls::default(), Duration::from_millis(10), 1.0);
    check(tls::believing(&tls::certificate("localhost")), Duration::from_millis(10), 1.0);
    assert_eq!(received.try_iter().count(), 0);
}
