//! Exchanges that go through an API of API Gateway. Its definition may want all of a request before anything is sent,
//! and all of an answer before anything is decided, so both are collected, within API Gateway's own bounds. What becomes
//! of them is [`Execution`]'s to say.

mod call;
mod collect;
mod request;
mod turns;

use std::mem::take;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};

pub(super) use request::Spelling;
pub(super) use turns::Turns;

use super::body::Content;
use super::capture::Sample;
use super::error::ProxyError;
use super::headers::{self, via};
use super::intake::{Intake, Source};
use super::record::Record;
use super::{Carried, Downstream, Worker};
use crate::apigateway::execute::{self, Execution, Finished, Step};
use crate::engine::AnswerHead;
use crate::engine::mutation::allows_body;
use crate::live::Deployment;
use collect::{Collected, REQUEST_BYTES_MAX, collect};

impl Worker {
    /// Carries one exchange through the API.
    ///
    /// # Errors
    /// When the request's own body has no end, a sidecar that is draining has no upstream any more, or the upstream has
    /// as much to do as it may have. All else that fails is answered as the definition says.
    pub(super) async fn carry_through_api(
        &self,
        deployment: &Deployment,
        downstream: &Downstream,
        request: &mut Request<Source>,
        record: &mut Record,
    ) -> Result<Box<Carried>, ProxyError> {
        let body = take(request.body_mut());
        let server = &self.snapshot.settings.server;
        let mut asked = request::of(request, &downstream.peer, &server.trusted_proxies);
        let captures = self.captures.as_ref();
        let sample = |resource: &Arc<str>| captures?.sample(request, resource, downstream.peer.ip);
        let finished = self.execute(deployment, &mut asked, body, sample, record).await?;
        record.executed(&finished);
        let mut carried = carried(finished, request.method());
        if server.via {
            via::append(&mut carried.head.headers, request.version());
        }
        Ok(Box::new(carried))
    }

    async fn execute(
        &self,
        deployment: &Deployment,
        asked: &mut execute::Request,
        body: Source,
        sample: impl FnOnce(&Arc<str>) -> Option<Sample>,
        record: &mut Record,
    ) -> Result<Finished, ProxyError> {
        let Deployment { api, settings, .. } = deployment;
        let path = asked.path.clone();
        let Some((method, parameters)) = api.find(&asked.method, &path) else {
            return Ok(Execution::no_route(api, asked, settings));
        };
        record.routed_to(&method.resource);
        let sample = sample(&method.resource);
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        asked.path_parameters = parameters.into_iter().map(own).collect();
        let mut share = self.holds.share();
        let Ok(intake) = Intake::new(body, &self.snapshot.settings.server) else {
            return Ok(Execution::too_large(api, asked, settings));
        };
        asked.body =
            match collect(intake, REQUEST_BYTES_MAX, &mut share).await.map_err(ProxyError::of_intake)? {
                Collected::Whole(body) => body,
                Collected::TooLarge => return Ok(Execution::too_large(api, asked, settings)),
                Collected::NoRoom => return Ok(Execution::busy(api, asked, settings)),
            };
        let mut execution = Execution::new(api, method, asked, settings);
        Ok(match execution.begin() {
            Step::Done(finished) => finished,
            Step::Call(call) => {
                let outcome = self.call(deployment, call, sample.as_ref(), &mut share, record).await?;
                let received = outcome.as_ref().ok();
                let received = sample.zip(received).map(|(sample, it)| (sample, it.status, it.body.clone()));
                let finished = execution.finish(outcome);
                if let Some((sample, status, body)) = received {
                    let is_changed = (finished.answer.status, &finished.answer.body) != (status, &body);
                    sample.executed(&asked.body, &finished, is_changed);
                }
                finished
            }
        })
    }
}

/// What goes to the client.
fn carried(finished: Finished, method: &Method) -> Carried {
    let execute::Answer { status, headers, body } = finished.answer;
    let mut headers = HeaderMap::from(&headers);
    headers::strip_answer(&mut headers);
    headers.remove(header::CONTENT_LENGTH);
    let content = content(status, body, method);
    Carried { head: AnswerHead { status, headers }, phrase: None, content, tunnel: None }
}

fn content(status: StatusCode, body: Bytes, method: &Method) -> Content {
    if method == Method::HEAD || !allows_body(status) { Content::Empty } else { Content::from(body) }
}
