//! The call that an API makes of a request: to an upstream by its URL, or to a function by the Invoke API.

use std::rc::Rc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Uri, Version};
use tokio::time::Instant;

use super::super::Worker;
use super::super::capture::Sample;
use super::super::download::Download;
use super::super::error::{ProxyError, UpstreamFault};
use super::super::headers::strip_request;
use super::super::http1::Answer;
use super::super::place::Way;
use super::super::record::Record;
use super::super::request_body::RequestBody;
use super::super::retry::Repeat;
use super::super::several::Choice;
use super::super::upstream::{Patience, RequestHead, Taken, Upstream};
use super::collect::{Collected, FUNCTION_BYTES_MAX, REQUEST_BYTES_MAX, collect};
use crate::apigateway::execute::{self, Call, Failure, Target};
use crate::engine::AnswerHead;
use crate::live::Deployment;
use crate::live::Share;

/// Where a call goes.
struct Destination<'a> {
    upstream: &'a Upstream,
    uri: Uri,
    /// The function that is called, by its index.
    function: Option<usize>,
}

/// A call on its way, and how long it may take.
struct Sent<'a> {
    upstream: &'a Upstream,
    sample: Option<&'a Sample>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    end: Instant,
    answer_bytes_max: usize,
}

impl Worker {
    /// Sends the call and collects its answer, or says why there is none; the record has the cause.
    ///
    /// # Errors
    /// While the sidecar is draining, when nobody is there to be called, and where the upstream has as much to do as it
    /// may have: that is no failure of the API.
    pub(super) async fn call(
        &self,
        deployment: &Deployment,
        call: Call<'_>,
        sample: Option<&Sample>,
        share: &mut Share,
        record: &mut Record,
    ) -> Result<Result<execute::Answer, Failure>, ProxyError> {
        let end = Instant::now() + call.timeout;
        let Call { target, method, headers, body, .. } = call;
        let Some(Destination { upstream, uri, function }) = self.destination(deployment, &target) else {
            return Ok(Err(Failure::InvalidAddress));
        };
        let (_turn, answer_bytes_max) = match function {
            Some(index) => match self.turns.take(index, end).await {
                Ok(turn) => (turn, FUNCTION_BYTES_MAX),
                Err(failure) => return Ok(Err(failure)),
            },
            None => (None, REQUEST_BYTES_MAX),
        };
        let headers = HeaderMap::from(&headers);
        let sent = Sent { upstream, sample, method, uri, headers, body, end, answer_bytes_max };
        match sent.outcome(share, record).await {
            Err(error) => match self.settled(error) {
                error if error.is_passing() => Err(error),
                error => {
                    record.failed(&error);
                    Ok(Err(failure(&error)))
                }
            },
            outcome => outcome,
        }
    }

    /// Where a call goes; nowhere if nobody has said who answers.
    fn destination(&self, deployment: &Deployment, target: &Target<'_>) -> Option<Destination<'_>> {
        let (upstream, uri, function) = match target {
            Target::Url(url) => {
                let uri: Uri = url.parse().ok().or_else(|| without_host(url)?.parse().ok())?;
                (deployment.upstream(&uri)?, uri, None)
            }
            Target::Function(function) => {
                let (index, callee) = deployment.callee(function)?;
                (callee.upstream, callee.path.clone(), Some(index))
            }
            // Not signed: who stands in for AWS asks for no signature.
            Target::Service(_, path) => (deployment.stand_in()?, path.parse().ok()?, None),
        };
        Some(Destination {
            upstream: self.upstreams.get(upstream).map(|upstream| &**upstream)?,
            uri,
            function,
        })
    }
}

/// The path of a URL whose host is a stage variable without a value: whoever stands in for all hosts needs no more.
fn without_host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.starts_with('/').then_some(rest)
}

impl Sent<'_> {
    async fn outcome(
        mut self,
        share: &mut Share,
        record: &mut Record,
    ) -> Result<Result<execute::Answer, Failure>, ProxyError> {
        record.called(&self.upstream.name);
        self.complete_headers();
        record.leave_caller(&mut self.headers);
        self.answer(share, record).await
    }

    /// What the sender says of a message, where no mapping has said it.
    fn complete_headers(&mut self) {
        strip_request(&mut self.headers);
        let authority = HeaderValue::from_str(self.upstream.url(None).authority.as_str());
        if let Ok(authority) = authority {
            self.headers.entry(header::HOST).or_insert(authority);
        }
    }

    async fn answer(
        &self,
        share: &mut Share,
        record: &mut Record,
    ) -> Result<Result<execute::Answer, Failure>, ProxyError> {
        let mut choice = self.upstream.choose(None);
        let trace = record.tried(self.upstream.url(choice.as_ref()), &self.uri);
        let mut body = Some(RequestBody::from(self.body.clone()));
        let mut sent = self.send(choice.as_ref(), &mut body, Way::Any, trace.as_ref()).await;
        let repeat = sent.as_ref().err().and_then(|error| self.repeat(choice.is_some(), error, &mut body));
        if let Some(repeat) = repeat {
            choice = self.upstream.choose(choice.as_deref());
            let trace = record.tried_again(repeat, self.upstream.url(choice.as_ref()), &self.uri);
            sent = self.send(choice.as_ref(), &mut body, Way::Fresh, trace.as_ref()).await;
        }
        let answer = sent?;
        record.answered(answer.status);
        record.spoke(answer.version);
        if let Some(choice) = &choice {
            choice.answered(Some(answer.status));
        }
        let Answer { status, headers, mut body, .. } = answer;
        let head = AnswerHead { status, headers };
        if let Some(sample) = self.sample {
            sample.answered(&head);
            body.recorded_in(sample.clone());
        }
        let headers = execute::Headers::from(&head.headers);
        Ok(match collect(body, self.answer_bytes_max, share).await? {
            Collected::Whole(body) => Ok(execute::Answer { status, headers, body }),
            Collected::TooLarge => Err(Failure::TooLarge),
            Collected::NoRoom => Err(Failure::Busy),
        })
    }

    /// Why a call that got no answer is made once more, if it is, with its body, and the end it came to.
    fn repeat(
        &self,
        is_choice: bool,
        error: &ProxyError,
        body: &mut Option<RequestBody>,
    ) -> Option<(Repeat, UpstreamFault)> {
        let fault = error.upstream_fault()?;
        if is_choice && body.is_some() && fault.is_of_endpoint() {
            return Some((Repeat::Elsewhere, fault));
        }
        // A kept-alive connection may be gone before its upstream could tell.
        let is_lost = fault == UpstreamFault::GivenBack
            || (fault == UpstreamFault::Lost && self.method.is_idempotent());
        is_lost.then(|| {
            *body = Some(RequestBody::from(self.body.clone()));
            (Repeat::Lost, fault)
        })
    }

    async fn send(
        &self,
        choice: Option<&Rc<Choice>>,
        body: &mut Option<RequestBody>,
        way: Way,
        trace: Option<&HeaderValue>,
    ) -> Result<Answer<Download>, ProxyError> {
        let head = RequestHead {
            method: &self.method,
            uri: &self.uri,
            version: Version::HTTP_11,
            headers: &self.headers,
            trace,
        };
        let time_left = self.end.saturating_duration_since(Instant::now());
        let patience = Patience { head: time_left, end: Some(self.end) };
        let sent = self.upstream.send(choice, head, body, None, way, patience).await;
        if let (Some(choice), Err(error)) = (choice, &sent) {
            choice.failed(error);
        }
        match sent? {
            Taken::Answered(answer) => Ok(*answer),
            Taken::Switched(_) => Err(UpstreamFault::Switched.into()),
        }
    }
}

/// What API Gateway makes of what went wrong.
fn failure(error: &ProxyError) -> Failure {
    use UpstreamFault::{ConnectTimeout, Late, Name, Silent, Stalled, TooLarge};
    match error.upstream_fault() {
        Some(ConnectTimeout | Silent | Stalled | Late) => Failure::Timeout,
        Some(Name) => Failure::InvalidAddress,
        Some(TooLarge) => Failure::TooLarge,
        _ => Failure::Unreachable,
    }
}
