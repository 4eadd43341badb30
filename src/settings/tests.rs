mod admin;
mod api;
mod capture;
mod endpoints;
mod listen;
mod log;
mod reload;
mod tls;
mod warnings;

use std::fmt::Write as _;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::diagnostic::Source;
use crate::engine::hold::{MediaRange, OnLimit};

/// What is said beside the one file.
#[derive(Default)]
struct Beside {
    environment: Vec<(&'static str, &'static str)>,
    flags: Vec<(Flag, &'static str)>,
}

fn load(file: Option<&str>, beside: &Beside) -> (Option<Settings>, Vec<Diagnostic>) {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let layers = Layers {
        files: file.map(|text| Source::new("candor.yaml", text)).into_iter().collect(),
        environment: beside.environment.iter().map(own).collect(),
        flags: beside.flags.iter().map(|(flag, value)| (*flag, (*value).to_owned())).collect(),
    };
    let mut diagnostics = Diagnostics::default();
    let merged = layers.merge(&mut diagnostics);
    let settings = merged.and_then(|(document, quick)| Settings::read(&document, &quick, &mut diagnostics));
    (settings, diagnostics.into_sorted())
}

/// The settings of a file that has a version and an upstream besides `rest`.
fn read(rest: &str) -> Settings {
    let text = format!("version: 1\nupstreams: {{ legacy: {{ url: 'http://app:9000' }} }}\n{rest}");
    let (settings, problems) = load(Some(&text), &Beside::default());
    assert_eq!(problems, [], "{rest}");
    settings.unwrap()
}

fn messages(rest: &str) -> Vec<String> {
    let text = format!("version: 1\nupstreams: {{ legacy: {{ url: 'http://app:9000' }} }}\n{rest}");
    let (settings, problems) = load(Some(&text), &Beside::default());
    assert_eq!(settings, None, "{rest}");
    problems.into_iter().map(|problem| problem.message).collect()
}

fn check_message(rest: &str, expected: &str) {
    assert_eq!(messages(rest), [expected], "{rest}");
}

/// All problems as people read them.
fn told(file: &str, beside: &Beside) -> String {
    let (_, problems) = load(Some(file), beside);
    problems.iter().fold(String::new(), |mut text, problem| {
        let _ = writeln!(text, "{problem}\n");
        text
    })
}

#[test]
fn defaults_are_complete() {
    let seconds = Duration::from_secs;
    let settings = read("");
    assert_eq!(settings.server.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(settings.server.workers, None);
    assert_eq!(settings.server.trusted_proxies, []);
    assert_eq!(settings.server.proxy_status, ProxyStatus::Off);
    assert_eq!(settings.server.retry_body_bytes, 65_536);
    assert_eq!(settings.admin.listen, Some("127.0.0.1:9901".parse().unwrap()));
    let upstream = &settings.upstreams[0];
    assert_eq!((&*upstream.name, upstream.url.authority.as_str()), ("legacy", "app:9000"));
    assert_eq!((upstream.timeouts.connect, upstream.timeouts.response), (seconds(2), seconds(29)));
    assert_eq!(upstream.host, HostHeader::Preserve);
    assert_eq!(upstream.accept_encoding, AcceptEncoding::Preserve);
    assert_eq!(upstream.retry_budget, RetryBudget { ratio_thousandths: 200, min_per_second: 10 });
    assert_eq!(settings.hold, Hold { max_bytes: 1_048_576, max_time: seconds(10), on_limit: OnLimit::Pass });
    assert_eq!(settings.hold_total_bytes, 128 << 20);
    assert_eq!((upstream.timeouts, upstream.limits), (Timeouts::default(), Limits::default()));
    assert_eq!(settings.server.timeouts, ServerTimeouts::default());
    assert_eq!(settings.server.limits, ServerLimits::default());
    assert_eq!(settings.inspect, Inspect::default());
    assert_eq!((settings.drain.delay, settings.drain.timeout), (seconds(5), seconds(20)));
    assert_eq!(
        settings.log,
        Log { filter: "info".into(), format: LogFormat::Auto, sample_millionths: 1_000_000 }
    );
    assert_eq!(settings.capture, None);
}

#[test]
fn every_key_is_read() {
    let text = "
version: 1
server:
  listen: '[::1]:80'
  proxy_protocol: required
  workers: 512
  trusted_proxies: [10.0.0.0/8, 127.0.0.1, 'fd00::/8']
  proxy_status: [192.168.0.0/16]
  retry: { body_bytes: 1MiB }
  connect: tunnel
  via: true
  forwarded: true
  timeouts: { handshake: 5s, request_head: 1s, request_body_idle: 2s, answer_idle: 3s, keep_alive: 4s }
  limits:
    header_bytes: 8KiB
    headers: 256
    uri_bytes: 4096
    request_body_bytes: 10MiB
    connections: 7
    requests_per_connection: 1000
admin: { listen: off }
upstreams:
  zebra: { url: 'http://z/base/', host: upstream, protocol: h2c, accept_encoding: identity,
    timeouts: { connect: 500ms, response: 1m, body_idle: 5s, total: 6s },
    limits: { response_header_bytes: 8KiB, response_body_bytes: 1GiB } }
  ant: { url: 'https://a:1', protocol: auto, retry_budget: { ratio: 0.025, min_per_second: 0 },
    timeouts: { body_idle: off, total: off }, limits: { response_body_bytes: off, requests: 9, pending: 3, pending_time: 2s } }
hold: { max_bytes: 64KiB, max_time: 0s, on_limit: fail, total_bytes: 1MiB }
inspect: { content_types: [application/json, 'text/*'] }
drain: { delay: 0s, timeout: 1m 30s }
reload: { watch: off, poll: 5s }
log: { filter: 'info,candor=trace', format: json, sample: 0.05 }
capture: { folder: /tmp/c, rate: 0.01, only: [undecided, shadow], rules: orders/busy, body_bytes: 1KiB,
  file_bytes: 1MiB, files: 2, redact: { defaults: false, headers: [X-Key], fields: [Pass-Word] } }
routes: whatever
selector: [1]
rule_sets: {}
";
    let (settings, problems) = load(Some(text), &Beside::default());
    assert_eq!(problems, []);
    let nets = |nets: &[&str]| nets.iter().map(|net| net.parse().unwrap()).collect::<Vec<_>>();
    let upstream = |name: &str, url: &str| Upstream::new(name, UpstreamUrl::parse(url).unwrap());
    let seconds = Duration::from_secs;
    let zebra = Upstream {
        timeouts: Timeouts {
            connect: Duration::from_millis(500),
            response: seconds(60),
            body_idle: Some(seconds(5)),
            total: Some(seconds(6)),
        },
        limits: Limits {
            response_header_bytes: 8192,
            response_body_bytes: Some(1 << 30),
            ..Limits::default()
        },
        host: HostHeader::Upstream,
        protocol: Protocol::Http2,
        accept_encoding: AcceptEncoding::Identity,
        ..upstream("zebra", "http://z/base")
    };
    let ant = Upstream {
        retry_budget: RetryBudget { ratio_thousandths: 25, min_per_second: 0 },
        timeouts: Timeouts { body_idle: None, ..Timeouts::default() },
        limits: Limits { requests: Some(9), pending: 3, pending_time: seconds(2), ..Limits::default() },
        protocol: Protocol::Auto,
        ..upstream("ant", "https://a:1")
    };
    let expected = Settings {
        server: Server {
            listen: Listen::Tcp("[::1]:80".parse().unwrap()),
            socket_mode: None,
            tls: None,
            proxy_protocol: ProxyProtocol::Required,
            workers: Some(512),
            trusted_proxies: nets(&["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"]),
            proxy_status: ProxyStatus::Peers(nets(&["192.168.0.0/16"])),
            retry_body_bytes: 1 << 20,
            connect: Connect::Tunnel,
            via: true,
            forwarded: true,
            timeouts: ServerTimeouts {
                handshake: seconds(5),
                request_head: seconds(1),
                request_body_idle: seconds(2),
                answer_idle: seconds(3),
                keep_alive: seconds(4),
            },
            limits: ServerLimits {
                header_bytes: 8192,
                headers: 256,
                uri_bytes: 4096,
                request_body_bytes: Some(10 << 20),
                connections: 7,
                requests_per_connection: Some(1000),
            },
        },
        admin: Admin { listen: None, ..Admin::default() },
        ext_proc: None,
        upstreams: vec![zebra, ant],
        api: None,
        hold: Hold { max_bytes: 65_536, max_time: Duration::ZERO, on_limit: OnLimit::Fail },
        hold_total_bytes: 1 << 20,
        inspect: Inspect {
            content_types: ["application/json", "text/*"].map(|t| MediaRange::parse(t).unwrap()).to_vec(),
        },
        drain: Drain { delay: Duration::ZERO, timeout: Duration::from_secs(90) },
        reload: Reload { watch: false, poll: seconds(5) },
        log: Log { filter: "info,candor=trace".into(), format: LogFormat::Json, sample_millionths: 50_000 },
        capture: Some(Capture {
            folder: "/tmp/c".into(),
            rate_millionths: 10_000,
            only: vec![Kind::Undecided, Kind::Shadow],
            rules: vec!["orders/busy".into()],
            body_bytes: 1024,
            file_bytes: 1 << 20,
            files: 2,
            redact: Redact {
                headers: vec![http::HeaderName::from_static("x-key")],
                fields: vec!["password".into()],
            },
        }),
        traces: None,
    };
    assert_eq!(settings, Some(expected));
}

#[test]
fn a_key_with_nothing_behind_it_is_not_given() {
    assert_eq!(read("server:\nadmin: { listen: }\nhold: ~\nlog: { filter: null }"), read(""));
}

#[test]
fn environment_and_flags_suffice() {
    let check = |beside: Beside, expected: Upstream| {
        let (settings, problems) = load(None, &beside);
        assert_eq!(problems, []);
        assert_eq!(settings.unwrap().upstreams, [expected]);
    };
    let upstream = |name: &str, url: &str| Upstream::new(name, UpstreamUrl::parse(url).unwrap());
    let environment = vec![("CANDOR_UPSTREAM", "http://app:9000"), ("CANDOR_PRESET", "status-field")];
    check(
        Beside { environment: environment.clone(), ..Beside::default() },
        upstream("default", "http://app:9000"),
    );
    let flags = vec![(Flag::Upstream, "http://flag")];
    check(Beside { environment, flags }, upstream("default", "http://flag"));
    let environment = vec![("CANDOR_UPSTREAMS__LEGACY__URL", "http://app")];
    check(Beside { environment, ..Beside::default() }, upstream("legacy", "http://app"));
}

#[test]
fn a_variable_holds_a_list_as_words() {
    let environment = vec![
        ("CANDOR_UPSTREAM", "http://app"),
        ("CANDOR_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1"),
        ("CANDOR_SERVER__PROXY_STATUS", "10.0.0.0/8"),
        ("CANDOR_INSPECT__CONTENT_TYPES", "text/*"),
    ];
    let (settings, problems) = load(None, &Beside { environment, ..Beside::default() });
    assert_eq!(problems, []);
    let settings = settings.unwrap();
    assert_eq!(settings.server.trusted_proxies.len(), 2);
    assert_eq!(settings.server.proxy_status, ProxyStatus::Peers(vec!["10.0.0.0/8".parse().unwrap()]));
    assert_eq!(settings.inspect.content_types, [MediaRange::parse("text/*").unwrap()]);
}

#[test]
fn a_quick_upstream_takes_the_place_of_the_url_of_default() {
    let text = "version: 1\nupstreams: { default: { host: upstream }, other: { url: 'http://o' } }";
    let flags = vec![(Flag::Upstream, "http://flag")];
    let (settings, problems) = load(Some(text), &Beside { flags, ..Beside::default() });
    assert_eq!(problems, []);
    let summary: Vec<_> = settings
        .unwrap()
        .upstreams
        .iter()
        .map(|u| (u.name.to_string(), u.url.authority.to_string(), u.host))
        .collect();
    assert_eq!(
        summary,
        [
            ("default".into(), "flag".into(), HostHeader::Upstream),
            ("other".into(), "o".into(), HostHeader::Preserve)
        ]
    );
}

#[test]
fn wrong_values_are_told() {
    check_message("server: { workers: 0 }", "`workers` must be 1 to 512, not 0");
    check_message("server: { workers: many }", "expected `workers` (a whole number), found text");
    check_message("server: { trusted_proxies: [10.0.0.0/33] }", "`10.0.0.0/33` is not a network");
    check_message("server: { proxy_status: alwys }", "`alwys` is not a choice of `proxy_status`");
    check_message("server: { connect: yes please }", "`yes please` is not a choice of `connect`");
    check_message("server: { via: maybe }", "expected `true` or `false`, found text");
    check_message("server: { proxy_status: { a: 1 } }", "expected a network, found a map");
    check_message("server: { retry: { body_bytes: x } }", "expected a size in bytes, found `x`");
    check_message("server: { timeouts: { keep_alive: 0s } }", "a timeout of zero would let nothing through");
    check_message("server: { limits: { headers: 257 } }", "`headers` must be 1 to 256, not 257");
    check_message(
        "server: { limits: { header_bytes: 1MiB } }",
        "`header_bytes` must be 1024 to 262144 bytes, not 1048576",
    );
    check_message("server: { limits: { uri_bytes: 1 } }", "`uri_bytes` must be 64 to 65000 bytes, not 1");
    check_message("server: { limits: { header_bytes: off } }", "expected a size in bytes, found `off`");
    check_message("hold: { total_bytes: lots }", "expected a size in bytes, found `lots`");
    check_message("admin: off", "expected `admin` (a map), found text");
    check_message("hold: { on_limit: drop }", "`drop` is not a choice of `on_limit`");
    check_message("hold: { max_bytes: lots }", "expected a size in bytes, found `lots`");
    check_message("hold: { max_time: 25h }", "longer than a day");
    check_message("inspect: { content_types: [json] }", "`json` is not a content type or a range of them");
    check_message("drain: { timeout: 25 }", "expected a time, found `25`");
}

#[test]
fn an_unknown_key_is_told() {
    assert_snapshot!(told("version: 1\nupstream:\n  legacy: { url: http://app }\n", &Beside::default()), @r"
    error: no upstream to send requests to
      = help: give its URL as `--upstream http://app:9000` or `CANDOR_UPSTREAM`, or name it under `upstreams:`

    error: unknown key `upstream` in the configuration
     --> candor.yaml:2:1
      |
    2 | upstream:
      | ^^^^^^^^
      = help: did you mean `upstreams`?
    ");
}

#[test]
fn a_wrong_type_is_told() {
    assert_snapshot!(told("version: 1\nupstreams: { a: { url: 'http://a' } }\nserver: [1]\n", &Beside::default()), @r"
    error: expected `server` (a map), found a list
     --> candor.yaml:3:9
      |
    3 | server: [1]
      |         ^
    ");
}

#[test]
fn a_url_without_scheme_is_told() {
    assert_snapshot!(told("version: 1\nupstreams:\n  legacy:\n    url: app:9000\n", &Beside::default()), @r"
    error: upstream URL `app:9000` has no scheme
     --> candor.yaml:4:10
      |
    4 |     url: app:9000
      |          ^^^^^^^^
      = help: did you mean `http://app:9000`?
    ");
}

#[test]
fn all_problems_are_told_at_once_and_in_order() {
    let file = "
version: 2
server: { listn: '0.0.0.0:8080', workers: 1000 }
upstreams:
  legacy: { url: 'ftp://app', timeouts: { connect: 2 } }
  other: { host: upstrem }
hold: { max_bytes: big, max_bytes: 1 }
";
    let environment = vec![("CANDOR_ADMIN", "9901"), ("CANDOR_SERVER_LISTEN", "x")];
    assert_snapshot!(told(file, &Beside { environment, ..Beside::default() }), @r"
    warning: the variable `CANDOR_SERVER_LISTEN` is not a setting
      = help: did you mean `CANDOR_SERVER__LISTEN`?

    error: `9901` is not an address and port
     --> CANDOR_ADMIN:1:1
      |
    1 | 9901
      | ^^^^
      = help: did you mean `127.0.0.1:9901`?

    error: version `2` is not known
     --> candor.yaml:2:10
      |
    2 | version: 2
      |          ^
      = help: this Candor reads `version: 1`

    error: unknown key `listn` in `server`
     --> candor.yaml:3:11
      |
    3 | server: { listn: '0.0.0.0:8080', workers: 1000 }
      |           ^^^^^
      = help: did you mean `listen`?

    error: `workers` must be 1 to 512, not 1000
     --> candor.yaml:3:43
      |
    3 | server: { listn: '0.0.0.0:8080', workers: 1000 }
      |                                           ^^^^

    error: upstream URL `ftp://app` has the scheme `ftp`
     --> candor.yaml:5:18
      |
    5 |   legacy: { url: 'ftp://app', timeouts: { connect: 2 } }
      |                  ^^^^^^^^^^^
      = help: `http://` and `https://` are spoken

    error: expected a time, found `2`
     --> candor.yaml:5:52
      |
    5 |   legacy: { url: 'ftp://app', timeouts: { connect: 2 } }
      |                                                    ^
      = help: a number with its unit: `250ms`, `2s`, `1m`

    error: upstream `other` needs `url`
     --> candor.yaml:6:3
      |
    6 |   other: { host: upstrem }
      |   ^^^^^
      = help: or `endpoints`, where there are several

    error: `upstrem` is not a choice of `host`
     --> candor.yaml:6:18
      |
    6 |   other: { host: upstrem }
      |                  ^^^^^^^
      = help: did you mean `upstream`?

    error: `max_bytes` is given twice in `hold`
     --> candor.yaml:7:25
      |
    7 | hold: { max_bytes: big, max_bytes: 1 }
      |                         ^^^^^^^^^
    ");
}

#[test]
fn a_problem_of_a_variable_is_told_with_its_name() {
    let environment = vec![("CANDOR_HOLD__MAX_TIME", "10"), ("CANDOR_HOLD__MAX_SIZE", "1MiB")];
    let file = "version: 1\nupstreams: { a: { url: 'http://a' } }\n";
    assert_snapshot!(told(file, &Beside { environment, ..Beside::default() }), @r"
    error: unknown key `max_size` in `hold`
     --> CANDOR_HOLD__MAX_SIZE:1:1
      |
    1 | 1MiB
      | ^^^^
      = help: did you mean `max_time`?

    error: expected a time, found `10`
     --> CANDOR_HOLD__MAX_TIME:1:1
      |
    1 | 10
      | ^^
      = help: a number with its unit: `250ms`, `2s`, `1m`
    ");
}

#[test]
fn a_problem_of_a_flag_is_told_with_its_name() {
    let flags = vec![(Flag::Listen, "localhost:80"), (Flag::Upstream, "app:9000")];
    assert_snapshot!(told("version: 1", &Beside { flags, ..Beside::default() }), @r"
    error: `localhost:80` is not an address and port
     --> --listen:1:1
      |
    1 | localhost:80
      | ^^^^^^^^^^^^
      = help: did you mean `127.0.0.1:80`?

    error: upstream URL `app:9000` has no scheme
     --> --upstream:1:1
      |
    1 | app:9000
      | ^^^^^^^^
      = help: did you mean `http://app:9000`?
    ");
}

#[test]
fn an_unset_variable_is_told() {
    let file = "version: 1\nupstreams:\n  legacy: { url: 'http://${APP_HOST}:9000' }\n";
    assert_snapshot!(told(file, &Beside::default()), @r"
    error: the variable `APP_HOST` is not set
     --> candor.yaml:3:26
      |
    3 |   legacy: { url: 'http://${APP_HOST}:9000' }
      |                          ^^^^^^^^^^
      = help: set it, give a default as `${APP_HOST:-…}`, or write `$${APP_HOST}` for the text itself
    ");
}

#[test]
fn tabs_are_told() {
    assert_snapshot!(told("version: 1\nserver:\n\tlisten: 0.0.0.0:80\n", &Beside::default()), @r"
    error: not valid YAML: tabs disallowed within this context (block indentation)
     --> candor.yaml:3:2
      |
    3 |  listen: 0.0.0.0:80
      |  ^
      = help: YAML is indented with spaces; this line begins with a tab
    ");
}

#[test]
fn an_empty_file_is_told() {
    assert_snapshot!(told("", &Beside::default()), @r"
    error: `candor.yaml` is empty
      = help: a configuration needs at least `version: 1` and one upstream
    ");
}

#[test]
fn nothing_at_all_is_told() {
    let (settings, problems) = load(None, &Beside::default());
    assert_eq!(settings, None);
    assert_snapshot!(problems[0], @r"
    error: no upstream to send requests to
      = help: give its URL as `--upstream http://app:9000` or `CANDOR_UPSTREAM`, or name it under `upstreams:`
    ");
}

/// Texts that look like configurations, and texts that look like nothing.
fn yaml() -> impl Strategy<Value = String> {
    let words =
        "version server listen upstreams url hold max_time content_types log off 2s http:// app HOME é";
    let signs = [
        "1", ": ", ":\n  ", "\n", "\r\n", "\n- ", "{", "}", "[", "]", ", ", "'", "\"", "|\n  ", "&a ", "*a",
        "<<", "\t", "#", "${", "$${", ":-", "!!str ", "? ",
    ];
    let piece = prop::sample::select(words.split(' ').chain(signs).collect::<Vec<_>>());
    prop_oneof![prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat()), any::<String>()]
}

proptest! {
    #[test]
    fn any_text_is_read_or_told_with_a_place_inside_it(text in yaml()) {
        let (settings, problems) = load(Some(&text), &Beside::default());
        let errors = problems.iter().any(|problem| problem.severity == crate::diagnostic::Severity::Error);
        prop_assert_eq!(settings.is_none(), errors);
        for problem in problems {
            prop_assert!(!problem.to_string().is_empty());
            let Some(place) = problem.place else { continue };
            // The end of the text is a place too: after the last character of a line, and after the last line.
            let lines: Vec<&str> = text.lines().chain([""]).collect();
            prop_assert!((1..=lines.len()).contains(&place.line), "{place} in {text:?}");
            prop_assert!((1..=lines[place.line - 1].chars().count() + 1).contains(&place.column), "{place} in {text:?}");
        }
    }
}
