//! What holds whatever comes: the engine and the readers never panic, answers are valid HTTP, and a body decided on
//! piece by piece is decided on as the whole.

use std::io::Read;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use candor::case;
use candor::cli::load;
use candor::diagnostic::{Diagnostics, Source};
use candor::document;
use candor::engine::mutation::{BodyChange, allows_body, is_reserved};
use candor::engine::outcome::Undecided;
use candor::engine::{
    Answer, AnswerHead, Exchange, Inquiry, Limits, Outcome, Progress, RequestSnapshot, RuleSet, evaluate,
};
use candor::rules::{self, Quick, presets};
use candor::settings::Layers;
use flate2::Compression;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use regex::Regex;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::support::files;

/// Every condition and every action. `MODE` is put in.
const RULES: &str = r#"
    - { mode: MODE, when: { status: '30\d', content_type: 'text/.*' }, then: { status: 410, reason: 'Gone Away' } }
    - mode: MODE
      when: { header: x-legacy, matches: '(?<code>\d+) ?(?<why>.*)' }
      then: { status: { from: capture.code }, headers: { set: { x-why: { from: capture.why } }, remove: [set-cookie] } }
    - { mode: MODE, when: { request_header: accept, contains: html }, then: { body: { text: '<p>' , content_type: text/html } } }
    - { mode: MODE, when: { query: code, in: ['5', x] }, then: { cache: no-store } }
    - { mode: MODE, when: { method: 'PUT|DELETE', path: '/orders/.*' }, then: { status: 205 } }
    - mode: MODE
      when: { json: $.statusCode, matches: '\d+' }
      then: { status: { from: $.statusCode }, headers: { append: { x-type: { from: $.errorType, default: none } } }, body: { from: $.data } }
    - mode: MODE
      when: { json: $.error.code, in: [1, 404, x, true, null] }
      then: { status: { from: $.error.code, table: { 1: 404, x: 204, 'true': 304 }, default: 500 }, cache: keep, body: keep }
    - { mode: MODE, when: { json: '$.errorMessage | $.status' }, then: { status: { from: '$.errorMessage | $.status' } } }
    - { mode: MODE, when: { json: '$.items[*].code', equals: 404 }, then: { status: 404, headers: { set: { x-item: { from: '$.items[0].code' } } } } }
    - { mode: MODE, when: { json: '$[?@.a > 1]', exists: true }, then: { status: 409, body: empty } }
    - mode: MODE
      when: { error: '(?s).*\[(?<code>\w+)\] (?<text>.*)' }
      then: { status: { from: capture.code, default: 502 }, body: { problem: { detail: { from: capture.text }, extensions: { all: { from: error } } } } }
    - { mode: MODE, when: { body: '(?s)\s*<b>Fatal.*' }, then: { status: 500 } }
    - { mode: MODE, when: { body: 'no', status: '2\d\d' }, then: { status: 404, body: { from: body } } }
    - { mode: MODE, when: { body: { search: '(?m)^(?<what>\w+) (?i:not FOUND)$' } }, then: { status: 404, headers: { set: { x-what: { from: capture.what } } } } }
    - { mode: MODE, when: { body: { search: '\bfatal\b' } }, then: { status: 500 } }
    - { mode: MODE, when: { xml: //Value/@code }, then: { status: 500 } }
    - { mode: MODE, when: { body: { search: '(?i)not found' } }, then: { status: 404, body: { from: body } } }
    - { mode: MODE, when: { body: { contains: ["fatal", "\0"] } }, then: { status: 500, body: { json: { a: [1.50, null] } } } }
    - { mode: MODE, when: { xml: Envelope/Body/Fault/faultcode }, then: { status: 500, body: { from: xml.Envelope/Body/Fault/faultcode } } }
    - { mode: MODE, when: { empty_body: true }, then: { status: 204 } }
    - mode: MODE
      when: { any: [ { json: $.a }, { all: [ { body: { equals: 'no' } }, { status: 200 } ] } ], not: { json: $.ok, equals: true } }
      then: { status: 422, body: problem }
"#;

/// The rules above in force and in shadow, under several bounds, envelopes and every preset.
static RULE_SETS: LazyLock<Vec<Arc<RuleSet>>> = LazyLock::new(|| {
    let mut text = String::from("rule_sets:\n  default: {}\n");
    let all = |mode: &str| RULES.replace("MODE", mode);
    let mut add = |name: &str, keys: &str| text.push_str(&format!("  {name}:\n{keys}\n"));
    add("enforced", &format!("    rules:{}    default: {{ status: 299 }}", all("enforce")));
    add("failing", &format!("    on_error: fail\n    rules:{}", all("enforce")));
    add(
        "shadowed",
        &format!("    rules:{}    default: {{ status: {{ from: $.statusCode }} }}", all("shadow")),
    );
    add("bounded", &format!("    hold: {{ max_bytes: 24 }}\n    rules:{}", all("enforce")));
    add(
        "bounded-fail",
        &format!("    hold: {{ max_bytes: 24, on_limit: fail }}\n    rules:{}", all("enforce")),
    );
    add("envelope", &format!("    envelope: auto\n    rules:{}", all("shadow")));
    add("required", "    envelope: required");
    add("required-in-bounds", "    envelope: required\n    hold: { max_bytes: 24 }");
    for name in presets::names() {
        add(&format!("with-{name}"), &format!("    use: [{name}]"));
    }
    add("with-all", &format!("    use: [{}]", presets::names().collect::<Vec<_>>().join(", ")));
    let mut diagnostics = Diagnostics::default();
    let document = document::parse(&Source::new("properties.yaml", text), &mut diagnostics);
    let rules = rules::read(document.as_ref(), Quick::default(), &["upstream".into()], &mut diagnostics);
    let problems: String = diagnostics.into_sorted().iter().map(|problem| format!("{problem}\n")).collect();
    assert_eq!(problems, "", "{problems}");
    rules.sets
});

/// Members of JSON objects that mean something to rules.
const MEMBERS: &[&str] = &[
    r#""statusCode":404"#,
    r#""statusCode":"404""#,
    r#""statusCode":"4\u00304""#,
    r#""headers":{"x-a":"b","content-length":"9"}"#,
    r#""headers":{"x-a":"b\r\nc: d"}"#,
    r#""multiValueHeaders":{"set-cookie":["a","b"]}"#,
    r#""body":"text""#,
    r#""body":"aGk=""#,
    r#""isBase64Encoded":true"#,
    r#""cookies":["a=b"]"#,
    r#""data":{"x":1}"#,
    r#""data":null"#,
    r#""error":{"code":1}"#,
    r#""errorType":"T\r\nx: y""#,
    r#""errorMessage":"[404] no""#,
    r#""errorMessage":"[600] no""#,
    r#""errorMessage":"{\"status\":503}""#,
    r#""items":[{"code":404}]"#,
    r#""a":2"#,
    r#""ok":false"#,
    r#""success":false"#,
    r#""jsonrpc":"2.0""#,
    r#""errors":[{"message":"m"}]"#,
];

/// Other pieces of bodies, and bodies.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "null",
    "200.5",
    " ",
    "\n",
    "\0",
    "\u{feff}",
    "é",
    "no",
    "record not found",
    "fatal",
    "</Body>",
    "&lt;",
    "<![CDATA[",
    "[{\"a\":2}]",
    r#"{"jsonrpc":"2.0","error":{"code":-32601}}"#,
    r#"[{"jsonrpc":"2.0","error":{"code":-32700}},{"jsonrpc":"2.0","error":{"code":-32600}}]"#,
    "<Envelope><Body><Fault><faultcode>a&#10;b</faultcode></Fault></Body></Envelope>",
    "<e:Envelope xmlns:e='x'><e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value></e:Code></e:Fault></e:Body></e:Envelope>",
    "Traceback (most recent call last):",
    "<title>404 Not Found</title>",
    "<b>Fatal error</b>: no",
];

fn body() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop_oneof![
        1 => vec(any::<u8>(), 0..80),
        2 => vec(select([MEMBERS, PIECES].concat()), 0..12).prop_map(|pieces| pieces.concat().into_bytes()),
        2 => select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        4 => vec(select(MEMBERS), 0..6).prop_map(|members| format!("{{{}}}", members.join(",")).into_bytes()),
    ];
    (whole, prop::option::weighted(0.2, any::<Index>())).prop_map(|(mut body, cut)| {
        let length = cut.map_or(body.len(), |cut| cut.index(body.len() + 1));
        body.truncate(length);
        body
    })
}

const CONTENT_TYPES: &[&str] = &[
    "application/json",
    "text/html; charset=utf-8",
    "text/xml",
    "text/event-stream",
    "application/grpc+proto",
    "image/png",
];

/// Names of headers that mean something to rules or to framing.
const HEADERS: &[&str] = &[
    "content-type",
    "content-encoding",
    "content-range",
    "etag",
    "digest",
    "repr-digest",
    "last-modified",
    "accept-ranges",
    "cache-control",
    "set-cookie",
    "x-legacy",
    "vary",
    "accept",
];

/// Headers with values that mean something, or with any that are valid.
fn headers() -> impl Strategy<Value = HeaderMap> {
    let value = prop_oneof![
        select(&[
            "gzip",
            "identity",
            "bytes 0-1/2",
            "404 gone",
            "600",
            "max-age=60",
            "\"tag\"",
            "",
            "text/html"
        ])
        .prop_map(HeaderValue::from_static),
        "[ -~\u{80}-\u{ff}]{0,12}".prop_map(|text| HeaderValue::from_str(&text).unwrap()),
    ];
    let line = (select(HEADERS).prop_map(HeaderName::from_static), value);
    let content_type = prop::option::of(select(CONTENT_TYPES).prop_map(HeaderValue::from_static));
    (content_type, vec(line, 0..3)).prop_map(|(content_type, lines)| {
        let mut headers: HeaderMap = content_type.map(|value| (CONTENT_TYPE, value)).into_iter().collect();
        for (name, value) in lines {
            headers.append(name, value);
        }
        headers
    })
}

fn request() -> impl Strategy<Value = RequestSnapshot> {
    let method = select(&[Method::GET, Method::GET, Method::POST, Method::PUT, Method::HEAD]);
    let target = prop_oneof![
        4 => Just("/".to_owned()),
        1 => Just("/orders/17".to_owned()),
        1 => "/[a-z%/.]{0,8}(\\?code=[5x%+]{0,2}(&[a-z=&%+0-9]{0,12})?)?",
    ];
    (method, target.prop_filter_map("a target", |target| target.parse::<Uri>().ok()), headers())
        .prop_map(|(method, uri, headers)| RequestSnapshot { method, uri, headers, circumstances: None })
}

/// A request and a well-framed answer to it.
fn exchange() -> impl Strategy<Value = Exchange> {
    let status = prop_oneof![3 => Just(200), 2 => 200_u16..600, 1 => select(&[204_u16, 205, 206, 304])];
    (request(), status, headers(), body(), any::<bool>()).prop_map(
        |(request, status, mut headers, body, sized)| {
            let status = StatusCode::from_u16(status).unwrap();
            let body = if allows_body(status) { Bytes::from(body) } else { Bytes::new() };
            if sized {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            }
            let body = if request.method == Method::HEAD { Bytes::new() } else { body };
            Exchange { request, answer: Answer { head: AnswerHead { status, headers }, body } }
        },
    )
}

/// What goes out: the mutation applied as the proxy does it.
fn applied(exchange: &Exchange, outcome: Outcome) -> (AnswerHead, Bytes) {
    let mut head = exchange.answer.head.clone();
    let body = match outcome.mutation.apply(&mut head, &exchange.request.method) {
        BodyChange::Replace(bytes) => bytes,
        BodyChange::Keep if allows_body(head.status) => exchange.answer.body.clone(),
        BodyChange::Keep => Bytes::new(),
    };
    (head, body)
}

/// The outcome of a body that comes in pieces, under the bound on what is held, as the proxy asks for it.
fn piece_by_piece(inquiry: &Inquiry<'_>, body: &[u8], cuts: &[Index]) -> Outcome {
    let mut evaluation = match inquiry.begin() {
        Progress::Settled(outcome) => return *outcome,
        Progress::Waiting(evaluation) => evaluation,
    };
    let bytes_max = inquiry.hold().max_bytes;
    let mut room = usize::try_from(bytes_max).unwrap();
    for piece in pieces(body, cuts) {
        if let Some(outcome) =
            evaluation.feed(inquiry, &Bytes::copy_from_slice(&piece[..piece.len().min(room)]))
        {
            return outcome;
        }
        if piece.len() > room {
            return evaluation.give_up(inquiry, Undecided::OverBytes { bytes_max });
        }
        room -= piece.len();
    }
    evaluation.finish(inquiry, || Bytes::copy_from_slice(body))
}

fn pieces<'b>(body: &'b [u8], cuts: &[Index]) -> Vec<&'b [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).chain([body.len()]).collect();
    ends.sort_unstable();
    let begins = [0].into_iter().chain(ends.clone());
    begins.zip(ends).map(|(begin, end)| &body[begin..end]).collect()
}

/// What upstreams may make of a text, and the header that says so.
#[derive(Debug, Clone, Copy)]
enum Form {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
    Utf16,
}

impl Form {
    fn of(self, body: &[u8]) -> Vec<u8> {
        match self {
            Form::Gzip => flate2::bufread::GzEncoder::new(body, Compression::fast()).read_all(),
            Form::Deflate => flate2::bufread::ZlibEncoder::new(body, Compression::fast()).read_all(),
            Form::Brotli => brotli::CompressorReader::new(body, 4096, 1, 18).read_all(),
            Form::Zstd => compress_to_vec(body, CompressionLevel::Fastest),
            Form::Utf16 => {
                let text = str::from_utf8(body).unwrap();
                text.encode_utf16().flat_map(u16::to_be_bytes).collect()
            }
        }
    }

    fn header(self) -> (HeaderName, HeaderValue) {
        let coding = |name| (CONTENT_ENCODING, HeaderValue::from_static(name));
        match self {
            Form::Gzip => coding("gzip"),
            Form::Deflate => coding("deflate"),
            Form::Brotli => coding("br"),
            Form::Zstd => coding("zstd"),
            Form::Utf16 => (CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-16be")),
        }
    }
}

trait ReadAll: Read + Sized {
    fn read_all(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).unwrap();
        bytes
    }
}

impl<R: Read> ReadAll for R {}

/// A text without a byte order mark, which is no part of a text.
fn text() -> impl Strategy<Value = Vec<u8>> {
    body().prop_filter("a text", |body| str::from_utf8(body).is_ok_and(|text| !text.contains('\u{feff}')))
}

fn decided(outcome: &Outcome) -> String {
    format!("{:?} {:?} {:?}", outcome.verdict, outcome.mutation, outcome.shadows)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn answers_are_valid_http(exchange in exchange()) {
        for rule_set in RULE_SETS.iter() {
            let outcome = evaluate(rule_set, &exchange, &Limits::default(), false);
            let told = format!("{}: {}", rule_set.name, decided(&outcome));
            let reason = outcome.mutation.reason.clone().unwrap_or_default();
            let (head, body) = applied(&exchange, outcome);
            let length = head.headers.get(CONTENT_LENGTH).map(|length| length.to_str().unwrap().to_owned());
            prop_assert!((200..600).contains(&head.status.as_u16()), "{}", told);
            prop_assert!(reason.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{}", told);
            let reserved = head.headers.keys().find(|name| is_reserved(name) && *name != CONTENT_LENGTH);
            prop_assert_eq!(reserved, None, "{}", &told);
            if !allows_body(head.status) {
                prop_assert_eq!((body.len(), length), (0, None), "{}", &told);
            } else if exchange.request.method == Method::HEAD {
                prop_assert!(body.is_empty(), "{}", told);
            } else if let Some(length) = length {
                prop_assert_eq!(length, body.len().to_string(), "{}", &told);
            }
        }
    }

    #[test]
    fn a_body_in_pieces_is_decided_on_as_the_whole(exchange in exchange(), cuts in vec(any::<Index>(), 0..6)) {
        let Exchange { request, answer: Answer { head, body } } = &exchange;
        for rule_set in RULE_SETS.iter() {
            let limits = Limits::default();
            let inquiry = Inquiry { rule_set, request, head, limits: &limits, explain: false };
            let whole = evaluate(rule_set, &exchange, &limits, false);
            let in_pieces = piece_by_piece(&inquiry, body, &cuts);
            prop_assert_eq!(decided(&in_pieces), decided(&whole), "{} in {:?}", rule_set.name, pieces(body, &cuts));
        }
    }

    #[test]
    fn an_encoded_body_is_decided_on_as_the_plain_one(
        exchange in exchange(),
        body in text(),
        form in select(&[Form::Gzip, Form::Deflate, Form::Brotli, Form::Zstd, Form::Utf16]),
        cuts in vec(any::<Index>(), 0..6),
    ) {
        let mut plain = exchange;
        plain.answer.head.headers.remove(CONTENT_ENCODING);
        plain.answer.head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        plain.answer.body = body.into();
        let mut encoded = plain.clone();
        let (name, value) = form.header();
        encoded.answer.head.headers.insert(name, value);
        encoded.answer.body = form.of(&plain.answer.body).into();
        let Exchange { request, answer: Answer { head, body } } = &encoded;
        // A bound on bytes holds for what was sent, too, which is longer in another form.
        for rule_set in RULE_SETS.iter().filter(|rule_set| rule_set.hold.max_bytes.is_none()) {
            let limits = Limits::default();
            let inquiry = Inquiry { rule_set, request, head, limits: &limits, explain: false };
            let expected = decided(&evaluate(rule_set, &plain, &limits, false));
            prop_assert_eq!(&decided(&evaluate(rule_set, &encoded, &limits, false)), &expected, "{}", rule_set.name);
            prop_assert_eq!(&decided(&piece_by_piece(&inquiry, body, &cuts)), &expected, "{}", rule_set.name);
        }
    }

    #[test]
    fn explaining_changes_nothing_and_names_every_rule(exchange in exchange()) {
        for rule_set in RULE_SETS.iter() {
            let plain = evaluate(rule_set, &exchange, &Limits::default(), false);
            let explained = evaluate(rule_set, &exchange, &Limits::default(), true);
            prop_assert_eq!(decided(&explained), decided(&plain));
            let labels: Vec<_> = explained.trace.steps.iter().map(|step| &step.rule).collect();
            prop_assert_eq!(labels, rule_set.rules.iter().map(|rule| &rule.label).collect::<Vec<_>>());
        }
    }
}

/// Conditions on the text of a body, and the regular expressions that say the same of the whole.
const TEXT_CONDITIONS: &[(&str, &str)] = &[
    ("{ search: 'not found' }", "not found"),
    ("{ search: '(?i)NOT' }", "(?i)NOT"),
    ("{ search: '(?m)^no' }", "(?m)^no"),
    (r"{ search: '\w\b' }", r"\w\b"),
    ("{ search: '[^a-z]é' }", "[^a-z]é"),
    ("{ search: \"\\ufffd\" }", "\u{fffd}"),
    ("{ matches: '.*found.*' }", "^.*found.*$"),
    ("{ matches: '(?s).*(?:found|fatal).*' }", "(?s)^.*(?:found|fatal).*$"),
    (r"{ matches: '\{.*' }", r"^\{.*$"),
    ("{ matches: '(?s)[^é]*' }", "^[^é]*$"),
    ("{ contains: [fatal, é] }", "fatal|é"),
    ("{ equals: 'no' }", r"\Ano\z"),
];

/// A rule set a condition, with the expression.
static TEXT_RULES: LazyLock<Vec<(Arc<RuleSet>, Regex)>> = LazyLock::new(|| {
    let rule = |(number, (condition, _)): (usize, &(&str, &str))| {
        format!(
            "  s{number}: {{ rules: [ {{ when: {{ body: {condition} }}, then: {{ status: 404 }} }} ] }}\n"
        )
    };
    let text: String = TEXT_CONDITIONS.iter().enumerate().map(rule).collect();
    let mut diagnostics = Diagnostics::default();
    let document = document::parse(
        &Source::new("text.yaml", format!("rule_sets:\n  default: {{}}\n{text}")),
        &mut diagnostics,
    );
    let rules = rules::read(document.as_ref(), Quick::default(), &[], &mut diagnostics);
    assert!(!diagnostics.has_errors(), "{:?}", diagnostics.into_sorted());
    let expected = TEXT_CONDITIONS.iter().map(|(_, expression)| Regex::new(expression).unwrap());
    let sets = (0..).map_while(|number| rules.set(&format!("s{number}")).cloned());
    sets.zip(expected).collect()
});

fn text_inquiry<'a>(
    rule_set: &'a RuleSet,
    head: &'a AnswerHead,
    request: &'a RequestSnapshot,
) -> Inquiry<'a> {
    static LIMITS: LazyLock<Limits> = LazyLock::new(Limits::default);
    Inquiry { rule_set, request, head, limits: &LIMITS, explain: false }
}

fn plain() -> (RequestSnapshot, AnswerHead) {
    let request = RequestSnapshot {
        method: Method::GET,
        uri: Uri::from_static("/"),
        headers: HeaderMap::new(),
        circumstances: None,
    };
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
    (request, AnswerHead { status: StatusCode::OK, headers })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_text_in_pieces_is_what_the_whole_says(
        body in body().prop_filter("no byte order mark", |body| !matches!(body.first(), Some(0xef..))),
        cuts in vec(any::<Index>(), 0..6),
    ) {
        let (request, head) = plain();
        prop_assert_eq!(TEXT_RULES.len(), TEXT_CONDITIONS.len());
        for (rule_set, expression) in TEXT_RULES.iter() {
            let outcome = piece_by_piece(&text_inquiry(rule_set, &head, &request), &body, &cuts);
            let expected = expression.is_match(&String::from_utf8_lossy(&body));
            prop_assert_eq!(outcome.verdict.rule().is_some(), expected, "{} in {:?}", expression, pieces(&body, &cuts));
        }
    }

    #[test]
    fn a_search_is_settled_by_the_piece_in_which_its_match_ends(
        before in "[a-zé\\n ]{0,200}",
        after in "\\PC{0,80}",
        cuts in vec(any::<Index>(), 0..6),
    ) {
        let (request, head) = plain();
        let text = format!("{before}not found{after}");
        let end = text.find("not found").unwrap() + "not found".len();
        let inquiry = text_inquiry(&TEXT_RULES[0].0, &head, &request);
        let Progress::Waiting(mut evaluation) = inquiry.begin() else { panic!("settled by the head") };
        let mut gone_by = 0;
        for piece in pieces(text.as_bytes(), &cuts) {
            let outcome = evaluation.feed(&inquiry, &Bytes::copy_from_slice(piece));
            gone_by += piece.len();
            prop_assert_eq!(outcome.is_some(), gone_by >= end, "after {} of {:?}", gone_by, text);
            if outcome.is_some() {
                break;
            }
        }
    }
}

/// Case files that are right, to be made wrong.
static CASE_FILES: LazyLock<Vec<Vec<char>>> = LazyLock::new(|| {
    let files = files::with_extension("tests/cases", &["yaml"]).into_iter();
    files.map(|path| files::text(&path).chars().take(3_000).collect()).collect()
});

#[derive(Debug, Clone)]
enum Edit {
    Remove(Index, usize),
    Repeat(Index, usize),
    Insert(Index, &'static str),
}

fn edit() -> impl Strategy<Value = Edit> {
    let written = select(&[
        "{",
        "}",
        "[",
        "]",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "'",
        "\"",
        "#",
        "&a ",
        "*a",
        "<<: *a",
        "|\n",
        "\t",
        "~",
        "é",
        "\0",
        "when: ",
        "not: ",
        "any: []",
        "$.",
        "$..*",
        "(?<a>",
        "\\",
        "404",
        "off",
        "from: ",
        "use: [soap]",
        "header: x",
    ]);
    prop_oneof![
        (any::<Index>(), 1_usize..40).prop_map(|(at, count)| Edit::Remove(at, count)),
        (any::<Index>(), 1_usize..40).prop_map(|(at, count)| Edit::Repeat(at, count)),
        (any::<Index>(), written).prop_map(|(at, text)| Edit::Insert(at, text)),
    ]
}

fn edited(file: Index, edits: &[Edit]) -> String {
    let mut text = file.get(&CASE_FILES).clone();
    for edit in edits {
        let (Edit::Remove(at, _) | Edit::Repeat(at, _) | Edit::Insert(at, _)) = edit;
        let at = at.index(text.len() + 1);
        let until = |count: &usize| (at + count).min(text.len());
        match edit {
            Edit::Remove(_, count) => drop(text.drain(at..until(count))),
            Edit::Repeat(_, count) => {
                let repeated = text[at..until(count)].to_vec();
                text.splice(at..at, repeated);
            }
            Edit::Insert(_, inserted) => drop(text.splice(at..at, inserted.chars())),
        }
    }
    text.into_iter().collect()
}

/// Reads a text as each kind of file there is. What is refused is refused with a reason.
fn read(text: &str) -> Result<(), TestCaseError> {
    let source = Source::new("any.yaml", text);
    let mut diagnostics = Diagnostics::default();
    match case::read(&source, &mut diagnostics) {
        Some(file) => file.cases.iter().for_each(|case| drop(case.expectation.mismatches(&case.evaluate()))),
        None => prop_assert!(diagnostics.has_errors()),
    }
    let layers = Layers { files: vec![source], environment: Vec::new(), flags: Vec::new() };
    let loaded = load::compile(&layers, Some("http://127.0.0.1:9000"));
    prop_assert!(loaded.configuration.is_some() || !loaded.diagnostics.is_empty());
    loaded.diagnostics.iter().for_each(|diagnostic| drop(diagnostic.to_string()));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}|[\\[\\]{}:,\\-'\"&*|>\n\t a-c1]{0,60}") {
        read(&text)?;
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(file in any::<Index>(), edits in vec(edit(), 1..6)) {
        read(&edited(file, &edits))?;
    }
}
