//! What upstreams say: where they are, of several endpoints, of health and of bounds.

use super::*;

/// The upstream of these keys.
#[track_caller]
fn upstream(keys: &str) -> Upstream {
    let text = format!("version: 1\nupstreams: {{ a: {{ {keys} }} }}");
    let (settings, problems) = load(Some(&text), &Beside::default());
    assert_eq!(problems, [], "{keys}");
    settings.unwrap().upstreams.remove(0)
}

#[track_caller]
fn check_wrong(keys: &str, expected: &[&str]) {
    let text = format!("version: 1\nupstreams: {{ a: {{ {keys} }} }}");
    let (_, problems) = load(Some(&text), &Beside::default());
    let messages: Vec<&str> = problems.iter().map(|problem| &*problem.message).collect();
    assert_eq!(messages, expected, "{keys}");
}

fn url(text: &str) -> UpstreamUrl {
    UpstreamUrl::parse(text).unwrap()
}

#[test]
fn places_are_listed_or_looked_up() {
    let check = |keys: &str, first: &str, expected: Places| {
        let upstream = upstream(keys);
        assert_eq!((upstream.url, upstream.places), (url(first), expected), "{keys}");
    };
    let listed = |places: &[&str]| Places::Listed(places.iter().map(|place| url(place)).collect());
    check("url: 'http://a'", "http://a", Places::Url);
    check("endpoints: [a:1, 'b:2']", "http://a:1", listed(&["http://a:1", "http://b:2"]));
    check("endpoints: 'a:1 b:2'", "http://a:1", listed(&["http://a:1", "http://b:2"]));
    check("endpoints: ['http://a/x', 'http://b/x']", "http://a/x", listed(&["http://a/x", "http://b/x"]));
    check(
        "endpoints: ['unix:/run/a.sock', '[::1]:9']",
        "unix:/run/a.sock",
        listed(&["unix:/run/a.sock", "http://[::1]:9"]),
    );
    check(
        "url: 'https://app/base', endpoints: [10.0.0.1:1, 'https://b/base']",
        "https://app/base",
        listed(&["https://10.0.0.1:1/base", "https://b/base"]),
    );
    check("url: 'http://a', resolve: 5s", "http://a", Places::Resolved { every: Duration::from_secs(5) });
}

#[test]
fn certificates_are_for_what_the_url_names() {
    let check = |keys: &str, expected: Option<&str>| {
        let name = upstream(keys).tls.server_name.map(|name| name.to_str().into_owned());
        assert_eq!(name.as_deref(), expected, "{keys}");
    };
    check("url: 'https://app', endpoints: [10.0.0.1:1]", Some("app"));
    check("url: 'https://app', resolve: 1s", Some("app"));
    check("url: 'https://app', resolve: 1s, tls: { server_name: b }", Some("b"));
    check("endpoints: ['https://b', 'https://c']", None);
}

#[test]
fn ejection_is_for_several() {
    assert_eq!(upstream("url: 'http://a'").ejection, None);
    assert_eq!(upstream("endpoints: [a:1]").ejection, Some(Ejection::default()));
    assert_eq!(upstream("url: 'http://a', resolve: 1s").ejection, Some(Ejection::default()));
    assert_eq!(upstream("endpoints: [a:1], ejection: \"off\"").ejection, None);
    let seconds = Duration::from_secs;
    let keys = "consecutive: off, ratio: 0.25, min_requests: 7, window: 3s, base_time: 10m, max_share: 1";
    let expected = Ejection {
        consecutive: None,
        ratio_thousandths: Some(250),
        min_requests: 7,
        window: seconds(3),
        base_time: seconds(600),
        max_time: seconds(600),
        max_share_thousandths: 1000,
    };
    assert_eq!(upstream(&format!("endpoints: [a:1], ejection: {{ {keys} }}")).ejection, Some(expected));
    let other = upstream("endpoints: [a:1], balance: round_robin, ejection: { ratio: off, max_time: 1h }");
    let expected = Ejection { ratio_thousandths: None, max_time: seconds(3600), ..Ejection::default() };
    assert_eq!((other.balance, other.ejection), (Balance::RoundRobin, Some(expected)));
}

#[test]
fn health_has_its_defaults() {
    let health = upstream("url: 'http://a', health: { path: '/health?a' }").health.unwrap();
    assert_eq!((health.path.as_str(), &health.host, &health.rules), ("/health?a", &None, &None));
    assert_eq!((health.interval, health.timeout), (Duration::from_secs(5), Duration::from_secs(1)));
    assert_eq!((health.healthy, health.unhealthy), (2, 3));
    let good = |health: &Health| {
        (100..1000)
            .filter(|code| health.good.contains(http::StatusCode::from_u16(*code).unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(good(&health), (200..300).collect::<Vec<_>>());
    let keys = "path: /, interval: 1s, timeout: 2s, healthy: 1, unhealthy: 9, host: 'b:1', status: '20[04]', rules: well";
    let health = upstream(&format!("url: 'http://a', health: {{ {keys} }}")).health.unwrap();
    assert_eq!((health.interval, health.timeout), (Duration::from_secs(1), Duration::from_secs(2)));
    assert_eq!((health.healthy, health.unhealthy, good(&health)), (1, 9, vec![200, 204]));
    assert_eq!((health.host.unwrap(), health.rules.as_deref()), ("b:1".parse().unwrap(), Some("well")));
    assert_eq!(upstream("url: 'http://a', health: { path: /, rules: \"off\" }").health.unwrap().rules, None);
}

#[test]
fn connections_are_bounded() {
    let limits = upstream("url: 'http://a', limits: { connections: 4 }").limits;
    assert_eq!(
        (limits.connections, limits.pending, limits.pending_time),
        (Some(4), 100, Duration::from_secs(1))
    );
    let limits = upstream("url: 'http://a', limits: { connections: 4, pending: 0, pending_time: 2s }").limits;
    assert_eq!((limits.pending, limits.pending_time), (0, Duration::from_secs(2)));
    assert_eq!(
        upstream("url: 'http://a', protocol: h2, limits: { connections: off }").limits.connections,
        None
    );
}

#[test]
fn wrong_places_are_told() {
    check_wrong("balance: round_robin", &["upstream `a` needs `url`"]);
    check_wrong("url: 'http://a', balance: round_robin", &["`balance` for an upstream with one endpoint"]);
    check_wrong("resolve: 1s", &["upstream `a` needs `url`"]);
    check_wrong("url: 'http://a', endpoint: [b:1]", &["unknown key `endpoint` in upstream `a`"]);
    check_wrong("endpoints: []", &["`endpoints` is empty: requests would have nowhere to go"]);
    check_wrong("endpoints: { a: 1 }", &["expected an endpoint, `host:port`, found a map"]);
    check_wrong("endpoints: [a:0]", &["`a:0` is not an endpoint"]);
    check_wrong("endpoints: ['a:1/b']", &["`a:1/b` is not an endpoint"]);
    check_wrong("endpoints: ['ftp://a']", &["upstream URL `ftp://a` has the scheme `ftp`"]);
    check_wrong("endpoints: [a:1, b:1, 'a:1']", &["the same endpoint twice"]);
    let unlike = "endpoints of one upstream with different schemes or paths";
    check_wrong("endpoints: [a:1, 'https://b:1']", &[unlike]);
    check_wrong("endpoints: [a:1, 'http://b:1/c']", &[unlike]);
    let unlike = "an endpoint unlike the upstream's `url`, `https://…/b`";
    check_wrong("url: 'https://a/b', endpoints: ['http://c/b']", &[unlike]);
    check_wrong("url: 'http://a', endpoints: [b:1], resolve: 1s", &["`resolve` beside `endpoints`"]);
    check_wrong("url: 'http://a', resolve: 0s", &["a timeout of zero would let nothing through"]);
    check_wrong("url: 'unix:/run/a.sock', resolve: 1s", &["`resolve` for a socket in the file system"]);
    check_wrong("endpoints: [a:1], balance: random", &["`random` is not a choice of `balance`"]);
}

#[test]
fn wrong_ejections_are_told() {
    let check = |keys: &str, expected: &[&str]| {
        check_wrong(&format!("endpoints: [a:1], ejection: {{ {keys} }}"), expected)
    };
    check("ratio: 0", &["`0` is not a share"]);
    check("ratio: 1.1", &["`1.1` is not a share"]);
    check("max_share: half", &["`half` is not a share"]);
    check("max_share: [1]", &["expected `max_share`, found a list"]);
    check("consecutive: 0", &["`consecutive` must be 1 to 1000000, not 0"]);
    check("min_requests: few", &["expected `min_requests` (a whole number), found text"]);
    check("window: 0s", &["a timeout of zero would let nothing through"]);
    check("base_time: 2d", &["longer than a day"]);
    check("base_time: 10s, max_time: 5s", &["`max_time` is shorter than `base_time`"]);
    check("consecutve: 1", &["unknown key `consecutve` in `ejection`"]);
    check_wrong("endpoints: [a:1], ejection: on", &["expected `ejection` (a map), found text"]);
    check_wrong("url: 'http://a', ejection: { ratio: 1 }", &["`ejection` for an upstream with one endpoint"]);
}

#[test]
fn wrong_health_is_told() {
    let check = |keys: &str, expected: &[&str]| {
        check_wrong(&format!("url: 'http://a', health: {{ {keys} }}"), expected)
    };
    check("interval: 1s", &["`health` needs `path`"]);
    check("path: health", &["`health` is not a path"]);
    check("path: '/a b'", &["`/a b` is not a path"]);
    check("path: /, interval: 0s", &["a timeout of zero would let nothing through"]);
    check("path: /, timeout: soon", &["expected a time, found `soon`"]);
    check("path: /, healthy: 0", &["`healthy` must be 1 to 1000, not 0"]);
    check("path: /, unhealthy: x", &["expected `unhealthy` (a whole number), found text"]);
    check("path: /, host: 'a b'", &["`a b` is not a host"]);
    check("path: /, host: 'me@a'", &["`me@a` is not a host"]);
    check("path: /, status: '2'", &["no status matches `2`"]);
    check("path: /, status: '2(0'", &["pattern `2(0` is not valid: unclosed group"]);
    check("path: /, rules: [a]", &["expected the name of a rule set, found a list"]);
    check("path: /, rule: a", &["unknown key `rule` in `health`"]);
    check_wrong("url: 'http://a', health: /health", &["expected `health` (a map), found text"]);
}

#[test]
fn wrong_bounds_are_told() {
    let check = |keys: &str, expected: &[&str]| {
        check_wrong(&format!("url: 'http://a', limits: {{ {keys} }}"), expected)
    };
    check("connections: 0", &["`connections` must be 1 to 1000000, not 0"]);
    check("connections: 1, pending: many", &["expected `pending` (a whole number), found text"]);
    check("connections: 1, pending_time: 0s", &["a timeout of zero would let nothing through"]);
    check("requests: 0", &["`requests` must be 1 to 1000000, not 0"]);
    check("requests: some", &["expected `requests` (a whole number), found text"]);
    check("pending: 1", &["a bound on waiting where nothing is bounded"]);
    let over_http_2 = ["`connections` for an upstream over HTTP/2"];
    check_wrong("url: 'http://a', protocol: h2, limits: { connections: 1 }", &over_http_2);
    check_wrong("url: 'https://a', protocol: auto, limits: { connections: 1 }", &over_http_2);
}

#[test]
fn what_is_agreed_on_within_tls_needs_tls() {
    let check = |keys: &str| check_wrong(keys, &["`protocol: auto` for a URL without TLS"]);
    check("url: 'http://a', protocol: auto");
    check("url: 'unix:/run/app.sock', protocol: auto");
    check("endpoints: ['a:1', 'b:1'], protocol: auto");
}

#[test]
fn wrong_upstreams_are_told() {
    let check = |upstreams: &str, expected: &str| {
        let (_, problems) = load(Some(&format!("version: 1\nupstreams: {upstreams}")), &Beside::default());
        let messages: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(messages, [expected], "{upstreams}");
    };
    check("", "no upstream to send requests to");
    check("{}", "no upstream to send requests to");
    check("[http://app]", "expected `upstreams` (a map), found a list");
    check("{ a: { host: upstream } }", "upstream `a` needs `url`");
    check("{ a: { url: 'http://a', protocol: h3 } }", "`h3` is not a choice of `protocol`");
    check("{ a: { url: 'https://a', protocol: aut } }", "`aut` is not a choice of `protocol`");
    check("{ a: { url: [x] } }", "expected a URL, found a list");
    check(
        "{ a: { url: 'http://a', timeouts: { connect: 0s } } }",
        "a timeout of zero would let nothing through",
    );
    check("{ a: { url: 'http://a', timeouts: { total: soon } } }", "expected a time, found `soon`");
    check(
        "{ a: { url: 'http://a', limits: { response_header_bytes: 1 } } }",
        "`response_header_bytes` must be 8192 to 1048576 bytes, not 1",
    );
    check("{ a: { url: 'http://a', timeouts: { read: 1s } } }", "unknown key `read` in `timeouts`");
    let check_ratio = |ratio: &str| {
        let budget = format!("{{ a: {{ url: 'http://a', retry_budget: {{ ratio: {ratio} }} }} }}");
        check(&budget, &format!("`{ratio}` is not a ratio from 0 to 10"));
    };
    check_ratio("-0.1");
    check_ratio("10.1");
    check_ratio("NaN");
    check_ratio("half");
}
