//! What `candor learn` makes of traffic whose errors are known: rules learnt from one half of a labelled corpus are
//! put to the other half. The corpus is the demo's backend and conventions of public APIs, and among them answers that
//! only look like errors.

use std::collections::BTreeMap;
use std::fs;

use candor::cli::demo::legacy::{ENDPOINTS, Truth, router};
use candor::cli::load;
use candor::diagnostic::Source;
use candor::engine::{Answer, AnswerHead, Exchange, RequestSnapshot};
use candor::live::Snapshot;
use candor::settings::Layers;
use candor::traffic::Recorded;
use candor::traffic::judge::judge;
use candor::traffic::learn::{Demands, Learner};
use candor::traffic::redact::Redaction;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::cli::{candor, ended};
use crate::support::files;

const PAGE: &str = "docs/learn.md";

/// What an answer really says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    Good,
    Error,
}
use Label::{Error, Good};

struct Labelled {
    convention: &'static str,
    label: Label,
    recorded: Recorded,
}

/// A sequence that looks like chance and is always the same.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

fn recorded(method: &str, path: &str, content_type: &str, body: Vec<u8>) -> Recorded {
    let mut headers = http::HeaderMap::new();
    headers.insert("content-type", content_type.parse().unwrap());
    let request = RequestSnapshot {
        method: method.parse().unwrap(),
        uri: path.parse().unwrap(),
        headers: http::HeaderMap::new(),
        circumstances: None,
    };
    let head = AnswerHead { status: http::StatusCode::OK, headers };
    let exchange = Exchange { request, answer: Answer { head, body: body.into() } };
    Recorded::new(exchange)
}

fn json_answer(convention: &'static str, label: Label, method: &str, path: &str, body: &Value) -> Labelled {
    let recorded = recorded(method, path, "application/json", body.to_string().into_bytes());
    Labelled { convention, label, recorded }
}

/// The demo's backend: what its errors are, the page says that `demo` prints. Streams and what has no end for the
/// engine are left out.
fn demo(corpus: &mut Vec<Labelled>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for endpoint in ENDPOINTS {
        let label = match endpoint.truth {
            Truth::Status(200 | 204) => Good,
            Truth::Status(_) => Error,
            Truth::Streams | Truth::Undecided(_) => continue,
        };
        let request = http::Request::get(endpoint.path).body(axum::body::Body::empty()).unwrap();
        let answer = runtime.block_on(router().oneshot(request)).unwrap();
        let (head, body) = answer.into_parts();
        let body = runtime.block_on(axum::body::to_bytes(body, 1 << 20)).unwrap();
        for _ in 0..12 {
            let mut recorded = recorded("GET", endpoint.path, "text/plain", body.to_vec());
            recorded.exchange.answer.head.headers = head.headers.clone();
            corpus.push(Labelled { convention: "demo backend", label, recorded });
        }
    }
}

/// <https://www.jsonrpc.org/specification>
fn json_rpc(corpus: &mut Vec<Labelled>, chance: &mut Chance) {
    for id in 0..300 {
        let (label, body) = match chance.below(10) {
            0 => {
                (Error, json!({"jsonrpc":"2.0","id":id,"error":{"code":-32601,"message":"Method not found"}}))
            }
            1 => (
                Error,
                json!({"jsonrpc":"2.0","id":id,"error":{"code":-32602,"message":"Invalid params","data":"x"}}),
            ),
            2 => (
                Error,
                json!({"jsonrpc":"2.0","id":id,"error":{"code":-32000,"message":"execution reverted"}}),
            ),
            3 => (Good, json!({"jsonrpc":"2.0","id":id,"result":{"code":7,"status":"failed","hash":"0xab"}})),
            4 => (Good, json!({"jsonrpc":"2.0","id":id,"result":null})),
            _ => (Good, json!({"jsonrpc":"2.0","id":id,"result":"0x1b4"})),
        };
        corpus.push(json_answer("JSON-RPC 2.0", label, "POST", "/rpc", &body));
    }
}

/// <https://spec.graphql.org/October2021/#sec-Response>; codes as Apollo Server has them.
fn graphql(corpus: &mut Vec<Labelled>, chance: &mut Chance) {
    for id in 0..300 {
        let code = *chance.one(&["UNAUTHENTICATED", "BAD_USER_INPUT", "INTERNAL_SERVER_ERROR", "FORBIDDEN"]);
        let error = json!([{"message":"It cannot be done","extensions":{"code":code}}]);
        let (label, body) = match chance.below(10) {
            0 => (Error, json!({"errors":error,"data":null})),
            1 => (Error, json!({"errors":error})),
            2 => (Good, json!({"errors":error,"data":{"order":{"id":id},"stock":null}})),
            3 => (Good, json!({"data":{"validate":{"errors":[],"error":null}}})),
            _ => (Good, json!({"data":{"order":{"id":id,"status":"shipped"}}})),
        };
        corpus.push(json_answer("GraphQL", label, "POST", "/graphql", &body));
    }
}

/// SOAP 1.1 and 1.2.
fn soap(corpus: &mut Vec<Labelled>, chance: &mut Chance) {
    for id in 0..200 {
        let (label, inside) = match chance.below(8) {
            0 => (Error, "<s:Fault><faultcode>s:Client</faultcode><faultstring>No such account</faultstring></s:Fault>".to_owned()),
            1 => (Error, "<s:Fault><faultcode>s:Server</faultcode><faultstring>The ledger is closed</faultstring></s:Fault>".to_owned()),
            2 => (Good, format!("<Balance><id>{id}</id><error/><message>no error</message></Balance>")),
            _ => (Good, format!("<Balance><id>{id}</id><amount>40.00</amount></Balance>")),
        };
        let body = format!(
            "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{inside}</s:Body></s:Envelope>"
        );
        let recorded = recorded("POST", "/soap", "text/xml; charset=utf-8", body.into_bytes());
        corpus.push(Labelled { convention: "SOAP", label, recorded });
    }
}

/// <https://api.slack.com/web#responses>
fn slack(corpus: &mut Vec<Labelled>, chance: &mut Chance) {
    for id in 0..300 {
        let method = *chance.one(&["chat.postMessage", "conversations.info", "users.list"]);
        let path = format!("/api/{method}");
        let errors = ["channel_not_found", "not_authed", "ratelimited", "missing_scope", "msg_too_long"];
        let (label, body) = match chance.below(6) {
            0 => (Error, json!({"ok":false,"error":chance.one(&errors)})),
            1 => (Good, json!({"ok":true,"ts":id.to_string(),"warning":"missing_charset"})),
            2 => {
                (Good, json!({"ok":true,"message":{"text":"order not found, error 404"},"ts":id.to_string()}))
            }
            _ => (Good, json!({"ok":true,"channel":{"id":"C1","name":"errors"}})),
        };
        corpus.push(json_answer("Slack Web API", label, "POST", &path, &body));
    }
}

/// <https://developers.weixin.qq.com/doc/offiaccount/en/Getting_Started/Global_Return_Code.html>
fn wechat(corpus: &mut Vec<Labelled>, chance: &mut Chance) {
    for id in 0..200 {
        let (label, body) = match chance.below(6) {
            0 => (Error, json!({"errcode":40013,"errmsg":"invalid appid"})),
            1 => (Error, json!({"errcode":-1,"errmsg":"system busy"})),
            2 => (Error, json!({"errcode":45009,"errmsg":"reach max api daily quota limit"})),
            3 => (Good, json!({"errcode":0,"errmsg":"ok"})),
            _ => (Good, json!({"errcode":0,"errmsg":"ok","openid":id.to_string(),"subscribe":1})),
        };
        corpus.push(json_answer("WeChat errcode", label, "GET", "/cgi-bin/user/info", &body));
    }
}

/// The error of <https://google.aip.dev/193>, with a success for its status.
fn google(corpus: &mut Vec<Labelled>, chance: &mut Chance) {
    let errors = [(404, "NOT_FOUND"), (403, "PERMISSION_DENIED"), (429, "RESOURCE_EXHAUSTED")];
    for id in 0..200 {
        let (code, status) = *chance.one(&errors);
        let path = format!("/v1/things/{id}");
        let (label, body) = match chance.below(5) {
            0 => (Error, json!({"error":{"code":code,"message":"It is not there","status":status}})),
            1 => (Good, json!({"name":"things/1","code":404,"state":"ACTIVE"})),
            _ => (Good, json!({"name":"things/1","code":17,"state":"ACTIVE"})),
        };
        corpus.push(json_answer("Google error model", label, "GET", &path, &body));
    }
}

/// What looks like an error and is none: orders and jobs that failed, logs, messages of people, products.
fn honest(corpus: &mut Vec<Labelled>, chance: &mut Chance) {
    for id in 0..400 {
        let (path, body) = match chance.below(8) {
            0 => (format!("/jobs/{id}"), json!({"id":id,"status":"failed","attempts":3})),
            1 => (format!("/jobs/{id}"), json!({"id":id,"status":"done","attempts":1})),
            2 => (format!("/products/{id}"), json!({"code":chance.below(900)+100,"name":"screw M4"})),
            3 => (format!("/chat/{id}"), json!({"id":id,"text":"my parcel was not found, this is an error"})),
            4 => (format!("/chat/{id}"), json!({"id":id,"text":"thank you"})),
            5 => (
                "/log".to_owned(),
                json!({"entries":[{"level":"error","message":"disk failure","code":500}]}),
            ),
            6 => (format!("/import/{id}"), json!({"rows":100,"errors":chance.below(9),"warnings":2})),
            _ => (format!("/users/{id}"), json!({"success":true,"error":null,"errors":[],"user":{"id":id}})),
        };
        corpus.push(json_answer("only look like errors", Good, "GET", &path, &body));
    }
}

/// Conventions of public APIs that were written down after the words and names that are looked for were settled, and for
/// which none was added: OMDb, Etherscan, Google Maps, Last.fm, OpenWeatherMap, ip-api, VK, fixer.io.
fn unseen(corpus: &mut Vec<Labelled>, chance: &mut Chance) {
    for id in 0..640 {
        let (path, label, body) = match (id % 8, chance.below(4) == 0) {
            (0, true) => ("/omdb", Error, json!({"Response":"False","Error":"Movie not found!"})),
            (0, false) => ("/omdb", Good, json!({"Title":"Brazil","Year":"1985","Response":"True"})),
            (1, true) => {
                ("/etherscan", Error, json!({"status":"0","message":"NOTOK","result":"Invalid API Key"}))
            }
            (1, false) => ("/etherscan", Good, json!({"status":"1","message":"OK","result":id.to_string()})),
            (2, true) => (
                "/maps",
                Error,
                json!({"error_message":"You must use an API key","results":[],"status":"REQUEST_DENIED"}),
            ),
            (2, false) => ("/maps", Good, json!({"results":[{"place_id":id}],"status":"OK"})),
            (3, true) => {
                ("/lastfm", Error, json!({"error":6,"message":"The artist you supplied could not be found"}))
            }
            (3, false) => ("/lastfm", Good, json!({"artist":{"name":"Cher","listeners":id}})),
            (4, true) => ("/weather", Error, json!({"cod":"404","message":"city not found"})),
            (4, false) => ("/weather", Good, json!({"cod":200,"name":"Bonn","main":{"temp":280.1}})),
            (5, true) => {
                ("/ip", Error, json!({"status":"fail","message":"reserved range","query":"127.0.0.1"}))
            }
            (5, false) => ("/ip", Good, json!({"status":"success","country":"Chile","query":"1.2.3.4"})),
            (6, true) => {
                ("/vk", Error, json!({"error":{"error_code":5,"error_msg":"User authorization failed"}}))
            }
            (6, false) => ("/vk", Good, json!({"response":[{"id":id,"first_name":"A"}]})),
            (_, true) => {
                ("/fixer", Error, json!({"success":false,"error":{"code":101,"type":"invalid_access_key"}}))
            }
            (_, false) => ("/fixer", Good, json!({"success":true,"base":"EUR","rates":{"USD":1.1}})),
        };
        corpus.push(json_answer("not known before", label, "GET", path, &body));
    }
}

/// All of it, in an order that does not tell what is what.
fn corpus() -> Vec<Labelled> {
    let (mut corpus, mut chance) = (Vec::new(), Chance(17));
    demo(&mut corpus);
    for add in [json_rpc, graphql, soap, slack, wechat, google, unseen, honest] {
        add(&mut corpus, &mut chance);
    }
    for index in (1..corpus.len()).rev() {
        corpus.swap(index, usize::try_from(chance.below(index as u64 + 1)).unwrap());
    }
    for (index, labelled) in corpus.iter_mut().enumerate() {
        labelled.recorded.number = index as u64 + 1;
    }
    corpus
}

/// The configuration that is learnt from every second answer.
fn learnt(corpus: &[Labelled]) -> String {
    let mut learner = Learner::default();
    corpus.iter().step_by(2).for_each(|labelled| learner.add("corpus", &labelled.recorded));
    learner.lesson(Demands::default()).to_yaml(&Redaction::new(&[], &[]))
}

fn compiled(yaml: &str) -> std::sync::Arc<Snapshot> {
    let layers = Layers { files: vec![Source::new("learnt.yaml", yaml)], ..Layers::default() };
    let loaded = load::compile(&layers, Some("http://127.0.0.1"));
    let problems: String = loaded.diagnostics.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{problems}\n{yaml}");
    loaded.snapshot().unwrap()
}

/// How the rules did on some answers.
#[derive(Debug, Clone, Copy, Default)]
struct Score {
    answers: usize,
    errors: usize,
    found: usize,
    wrong: usize,
}

impl Score {
    fn precision(self) -> f64 {
        if self.found + self.wrong == 0 { 1.0 } else { self.found as f64 / (self.found + self.wrong) as f64 }
    }

    fn recall(self) -> f64 {
        if self.errors == 0 { 1.0 } else { self.found as f64 / self.errors as f64 }
    }

    fn add(&mut self, other: Score) {
        self.answers += other.answers;
        self.errors += other.errors;
        self.found += other.found;
        self.wrong += other.wrong;
    }
}

#[test]
fn what_is_learnt_from_one_half_of_the_corpus_holds_for_the_other() {
    let corpus = corpus();
    let yaml = learnt(&corpus);
    let snapshot = compiled(&yaml);
    let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
    let mut mistakes = String::new();
    for labelled in corpus.iter().skip(1).step_by(2) {
        let judged = judge(&snapshot, &labelled.recorded);
        let is_error = judged.status.as_u16() >= 400;
        let mistaken = is_error != (labelled.label == Error);
        if mistaken {
            let body = String::from_utf8_lossy(&labelled.recorded.exchange.answer.body).into_owned();
            mistakes.push_str(&format!(
                "{} {:?} {}: {body:.150}\n",
                labelled.convention,
                labelled.label,
                judged.said()
            ));
        }
        scores.entry(labelled.convention).or_default().add(Score {
            answers: 1,
            errors: usize::from(labelled.label == Error),
            found: usize::from(labelled.label == Error && is_error),
            wrong: usize::from(labelled.label == Good && is_error),
        });
    }
    let mut table = String::from("| answers | all | errors | precision | recall |\n|---|---|---|---|---|\n");
    let mut sum = Score::default();
    let row = |name: &str, score: Score| {
        let Score { answers, errors, .. } = score;
        format!("| {name} | {answers} | {errors} | {:.2} | {:.2} |\n", score.precision(), score.recall())
    };
    for (name, score) in &scores {
        table.push_str(&row(name, *score));
        sum.add(*score);
    }
    table.push_str(&row("**all**", sum));
    let page = files::text(PAGE);
    let (before, rest) = page.split_once("| answers | all |").expect("a table");
    let after = rest.split_once("\n\n").map_or("", |(_, after)| after);
    let written = format!("{before}{table}\n{after}");
    if std::env::var_os("CANDOR_UPDATE_DOCS").is_some() {
        fs::write(files::path(PAGE), &written).unwrap();
    } else {
        assert_eq!(page, written, "run with CANDOR_UPDATE_DOCS=1\n{mistakes}\n{yaml}");
    }
    assert!(sum.precision() > 0.95 && sum.recall() > 0.9, "{sum:?}\n{mistakes}\n{yaml}");
}

#[test]
fn the_same_traffic_leads_to_the_same_rules_and_their_cases_hold() {
    let corpus = corpus();
    let yaml = learnt(&corpus);
    assert_eq!(yaml, learnt(&corpus));
    let file = crate::cli::file(&yaml);
    let (code, stdout, stderr) = ended(candor(&["test", file.path().to_str().unwrap()]).output().unwrap());
    assert_eq!(code, 0, "{stdout}{stderr}\n{yaml}");
}
