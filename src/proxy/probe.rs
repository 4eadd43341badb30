//! Asks upstreams how they are, for those who cannot read what they say: the request of a probe, and what the rules
//! make of its answer. On a thread and on connections of its own, so that health is told when all workers are busy.
//! Nothing of it is counted or logged as an exchange.

use std::fmt::Write as _;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use http::header::{self, HeaderMap, HeaderValue};
use http::{StatusCode, Uri, Version};
use tokio::runtime::{Builder, LocalOptions};
use tokio::select;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tracing::error;

use super::download::Download;
use super::error::{ProxyError, UpstreamFault};
use super::headers;
use super::hold::{self, Decided};
use super::http1::{Answer, Buffers};
use super::place::{Means, Way};
use super::request_body::RequestBody;
use super::tls::Failures;
use super::upstream::{Patience, RequestHead, Taken, Upstream};
use crate::engine::mutation::BodyChange;
use crate::engine::outcome::{Outcome, Verdict};
use crate::engine::probe::Probe;
use crate::engine::{AnswerHead, Inquiry, RequestSnapshot};
use crate::live::{Finding, Question, Snapshot};
use crate::telemetry::meters::Meters;

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("candor-probe/", env!("CARGO_PKG_VERSION")));

/// The upstreams of one configuration, to be asked.
struct Prober {
    snapshot: Arc<Snapshot>,
    upstreams: Vec<Upstream>,
}

/// Answers questions until there can be no more. The thread begins with the first.
pub async fn answer_probes(mut questions: UnboundedReceiver<Question>) {
    let Some(first) = questions.recv().await else { return };
    let answering = move || -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
        runtime.block_on(answer_all(first, questions));
        Ok(())
    };
    let started = thread::Builder::new().name("prober".to_owned()).spawn(move || {
        if let Err(error) = answering() {
            error!(%error, "probes cannot be answered");
        }
    });
    if let Err(error) = started {
        error!(%error, "probes cannot be answered");
    }
}

async fn answer_all(first: Question, mut questions: UnboundedReceiver<Question>) {
    let mut next = Some(first);
    let mut prober: Option<Rc<Prober>> = None;
    while let Some(Question { snapshot, index, mut answer }) = next {
        let of_this = prober.take().filter(|prober| Arc::ptr_eq(&prober.snapshot, &snapshot));
        let asking = Rc::clone(prober.insert(of_this.unwrap_or_else(|| Rc::new(Prober::new(snapshot)))));
        spawn_local(async move {
            let finding = select! {
                finding = asking.find(index) => finding,
                () = answer.closed() => return,
            };
            // Whoever asked may be gone by now.
            let _ = answer.send(finding);
        });
        next = questions.recv().await;
    }
}

impl Prober {
    fn new(snapshot: Arc<Snapshot>) -> Prober {
        let buffers = Rc::<Buffers>::default();
        // Nobody reads them: these connections carry no exchange.
        let nobody = Meters::start();
        let (meter, failures) = (nobody.meter(), Failures::told_with(&nobody));
        let credentials = &snapshot.credentials.upstreams;
        let upstreams = snapshot.endpoints.iter().enumerate().map(|(index, endpoints)| {
            let credential = credentials.get(index).cloned().flatten();
            let links = meter.links(&endpoints.settings.name);
            let (buffers, failures) = (Rc::clone(&buffers), failures.clone());
            Upstream::new(endpoints, &Means { buffers, links, credential, failures, is_traffic: false })
        });
        let upstreams = upstreams.collect();
        Prober { snapshot, upstreams }
    }

    async fn find(&self, index: usize) -> Finding {
        let Some(probe) = self.snapshot.probes.get(index) else {
            return Finding::failed("there is no such probe");
        };
        match timeout(probe.time_max, self.ask(probe)).await {
            Ok(Ok(finding)) => finding,
            Ok(Err(error)) => Finding::failed(error.detail()),
            Err(_) => {
                Finding::failed(format!("no answer within {}", humantime::format_duration(probe.time_max)))
            }
        }
    }

    async fn ask(&self, probe: &Probe) -> Result<Finding, ProxyError> {
        let upstream = self.upstreams.get(probe.upstream);
        let upstream = upstream.ok_or(ProxyError::Internal("the probe's upstream does not exist"))?;
        let asked = asked(probe, upstream);
        let Answer { status, mut headers, body, .. } = send(upstream, &asked).await?;
        headers::strip_answer(&mut headers);
        let mut head = AnswerHead { status, headers };
        let Decided { outcome, content, broken, .. } = match &probe.rule_set {
            None => Decided::by_head(Outcome::pass(), body),
            Some(rule_set) => {
                let limits = &self.snapshot.limits;
                let inquiry = Inquiry { rule_set, request: &asked, head: &head, limits, explain: false };
                hold::decide(&inquiry, body, &self.snapshot.holds).await
            }
        };
        content.discard();
        let Outcome { verdict, mutation, .. } = outcome;
        match (mutation.apply(&mut head, &asked.method), broken) {
            (BodyChange::Keep, Some(error)) => Err(error.into()),
            _ => {
                let text = text(&upstream.name, status, &verdict, head.status);
                Ok(Finding { is_healthy: probe.is_healthy(head.status), text })
            }
        }
    }
}

/// The request of a probe, as the upstream sees it.
fn asked(probe: &Probe, upstream: &Upstream) -> RequestSnapshot {
    let mut headers = HeaderMap::new();
    if let Ok(authority) = HeaderValue::from_str(upstream.url(None).authority.as_str()) {
        headers.insert(header::HOST, authority);
    }
    headers.insert(header::USER_AGENT, USER_AGENT);
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    upstream.address(&mut headers);
    if let Some(host) = &probe.host {
        headers.insert(header::HOST, host.clone());
    }
    let uri = Uri::from(probe.path.clone());
    RequestSnapshot { method: probe.method.clone(), uri, headers, circumstances: None }
}

async fn send(upstream: &Upstream, asked: &RequestSnapshot) -> Result<Answer<Download>, ProxyError> {
    let RequestSnapshot { method, uri, headers, .. } = asked;
    let head = RequestHead { method, uri, version: Version::HTTP_11, headers, trace: None };
    // The probe has less time than that.
    let patience = Patience { head: upstream.timeouts.response, end: None };
    let choice = upstream.choose(None);
    let mut body = Some(RequestBody::Empty);
    let sent = upstream.send(choice.as_ref(), head, &mut body, None, Way::Any, patience).await;
    let is_lost = |error: &ProxyError| {
        matches!(error.upstream_fault(), Some(UpstreamFault::Lost | UpstreamFault::GivenBack))
    };
    let taken = match sent {
        // The connection of the last question need not be there any more.
        Err(error) if is_lost(&error) && method.is_idempotent() => {
            let mut body = Some(RequestBody::Empty);
            upstream.send(choice.as_ref(), head, &mut body, None, Way::Fresh, patience).await?
        }
        sent => sent?,
    };
    match taken {
        Taken::Answered(answer) => Ok(*answer),
        Taken::Switched(_) => Err(UpstreamFault::Switched.into()),
    }
}

/// What the upstream said, and what became of it.
fn text(upstream: &str, said: StatusCode, verdict: &Verdict, made: StatusCode) -> String {
    let mut text = format!("{upstream} said {}", said.as_u16());
    // Writing to a `String` cannot fail.
    let _ = match verdict {
        Verdict::PassThrough { .. } => Ok(()),
        Verdict::Rewrite { rule } => write!(text, ", {rule} made it {}", made.as_u16()),
        Verdict::Failed { rule, .. } => write!(text, ", {rule} failed"),
        Verdict::Undecided { reason } => write!(text, ", undecided: {reason}"),
    };
    text
}
