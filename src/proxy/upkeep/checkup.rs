//! Endpoints asked whether they are well, and their answers read by rules as all others are: a `200` that says
//! `{"status":"DOWN"}` is what the rules say that it is.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode, Uri, Version};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::super::error::ProxyError;
use super::super::hold::{self, Decided};
use super::super::http1::{Answer, write_close};
use super::super::place::{Means, Way};
use super::super::request_body::RequestBody;
use super::super::several::tell;
use super::super::tls::Failures;
use super::super::upstream::{Patience, RequestHead, Taken, Upstream};
use super::about;
use crate::engine::outcome::Outcome;
use crate::engine::{AnswerHead, Inquiry, RequestSnapshot, RuleSet};
use crate::live::endpoints::Endpoint;
use crate::live::{Credential, Endpoints, Snapshot};
use crate::settings::{Health, Tls};
use crate::telemetry::meters::Meters;

/// The question, and who reads the answers.
struct Checkup {
    health: Health,
    rules: Option<Arc<RuleSet>>,
    snapshot: Arc<Snapshot>,
    request: RequestSnapshot,
}

/// One of those that are asked, as if it were an upstream of its own.
struct Patient {
    endpoint: Arc<Endpoint>,
    upstream: Upstream,
}

/// What was found.
enum Finding {
    Status(StatusCode),
    NoAnswer(ProxyError),
    /// The body broke off.
    NoEnd,
    TooLate,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Status(status) => write!(f, "status {}", status.as_u16()),
            Finding::NoAnswer(error) => write!(f, "{error}"),
            Finding::NoEnd => f.write_str("the answer broke off"),
            Finding::TooLate => f.write_str("no answer in time"),
        }
    }
}

/// Asks all endpoints of an upstream, again and again.
pub(super) async fn keep(
    endpoints: Arc<Endpoints>,
    health: Health,
    rules: Option<Arc<RuleSet>>,
    credential: Option<Arc<Credential<Tls>>>,
    snapshot: Arc<Snapshot>,
) {
    // What is asked here is no traffic, and not counted as such.
    let nobody = Meters::start();
    let links = nobody.meter().links(&endpoints.settings.name);
    let failures = Failures::told_with(&nobody);
    let means = Means { buffers: Rc::default(), links, credential, failures, is_traffic: false };
    let request = request(&endpoints, &health);
    let checkup = Rc::new(Checkup { health, rules, snapshot, request });
    let mut patients: Vec<Rc<Patient>> = Vec::new();
    loop {
        let all = endpoints.all();
        patients.retain(|patient| all.iter().any(|endpoint| Arc::ptr_eq(endpoint, &patient.endpoint)));
        for endpoint in all.iter() {
            if !patients.iter().any(|patient| Arc::ptr_eq(endpoint, &patient.endpoint)) {
                let alone = endpoints.settings.endpoint(&endpoint.url);
                let upstream = Upstream::new(&Endpoints::new(&alone, None), &means);
                patients.push(Rc::new(Patient { endpoint: Arc::clone(endpoint), upstream }));
            }
        }
        let mut questions = JoinSet::new();
        for patient in &patients {
            let (checkup, patient, endpoints) =
                (Rc::clone(&checkup), Rc::clone(patient), Arc::clone(&endpoints));
            questions.spawn_local(async move { checkup.ask(&patient, &endpoints).await });
        }
        while questions.join_next().await.is_some() {}
        sleep(about(checkup.health.interval)).await;
    }
}

fn request(endpoints: &Endpoints, health: &Health) -> RequestSnapshot {
    let settings = &endpoints.settings;
    let own_host = || HeaderValue::from_str(settings.url.authority.as_str()).ok();
    let mut headers = HeaderMap::new();
    headers.extend(health.host.clone().or_else(own_host).map(|host| (header::HOST, host)));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("candor (health check)"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    // That the next connection is taken, too, is part of the question. Over HTTP/2 it is not passed on.
    write_close(&mut headers);
    RequestSnapshot { method: Method::GET, uri: Uri::from(health.path.clone()), headers, circumstances: None }
}

impl Checkup {
    async fn ask(&self, patient: &Patient, endpoints: &Endpoints) {
        let finding = timeout(self.health.timeout, self.finding(patient));
        let finding = finding.await.unwrap_or(Finding::TooLate);
        let is_good = matches!(&finding, Finding::Status(status) if self.health.good.contains(*status));
        if let Some(change) = endpoints.checked(&patient.endpoint, is_good) {
            tell(&endpoints.settings.name, &patient.endpoint.name, change, Some(&finding));
        }
    }

    async fn finding(&self, patient: &Patient) -> Finding {
        let RequestSnapshot { method, uri, headers, .. } = &self.request;
        let head = RequestHead { method, uri, version: Version::HTTP_11, headers, trace: None };
        let patience =
            Patience { head: self.health.timeout, end: Some(Instant::now() + self.health.timeout) };
        let mut body = Some(RequestBody::Empty);
        let sent = patient.upstream.send(None, head, &mut body, None, Way::Fresh, patience).await;
        let Answer { status, headers, body, .. } = match sent {
            Ok(Taken::Answered(answer)) => *answer,
            Ok(Taken::Switched(answer)) => return Finding::Status(answer.status),
            Err(error) => return Finding::NoAnswer(error),
        };
        let head = AnswerHead { status, headers };
        let decided = match &self.rules {
            None => Decided::by_head(Outcome::pass(), body),
            Some(rule_set) => {
                let (request, limits) = (&self.request, &self.snapshot.limits);
                let inquiry = Inquiry { rule_set, request, head: &head, limits, explain: false };
                hold::decide(&inquiry, body, &self.snapshot.holds).await
            }
        };
        decided.really(status).map_or(Finding::NoEnd, Finding::Status)
    }
}
