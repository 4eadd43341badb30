//! Recorded exchanges through an API Gateway definition: the request is mapped, the backend's answer is the recorded
//! one, and nothing is sent.

use std::borrow::Cow;

use bytes::Bytes;

use super::Recorded;
use super::redact::REDACTED;
use crate::apigateway::execute::{
    Answer, BodyBy, Execution, Finished, Headers, Request, Settings, Step, Target,
};
use crate::engine::{self, RequestSnapshot};
use crate::live::Deployment;

/// What the API makes of an exchange; nothing where it would take what is missing of a body to know that.
pub fn finished(deployment: &Deployment, recorded: &Recorded) -> Option<Finished> {
    let api = &deployment.api;
    let request = asked(recorded);
    let settings = &*settings(&deployment.settings, &request);
    let path = request.path.clone();
    let Some((method, parameters)) = api.find(&request.method, &path) else {
        return Some(Execution::no_route(api, &request, settings));
    };
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let request = Request { path_parameters: parameters.into_iter().map(own).collect(), ..request };
    let mut execution = Execution::new(api, method, &request, settings);
    if recorded.is_cut {
        execution = execution.traced();
    }
    match execution.begin() {
        // What refuses the beginning of a body might have taken all of it.
        Step::Done(finished) => (finished.fault.is_none() || !recorded.is_request_cut).then_some(finished),
        Step::Call(call) => {
            let finished = execution.finish(Ok(answer(&recorded.exchange.answer)));
            let trace = finished.trace.as_ref();
            let is_rendered =
                trace.and_then(|trace| trace.answer_body.as_ref()).is_some_and(BodyBy::is_template);
            let is_read = is_rendered || matches!(call.target, Target::Function(_));
            (!recorded.is_cut || !is_read).then_some(finished)
        }
    }
}

/// The request as it was recorded, from whom and by which id, where that is known.
fn asked(recorded: &Recorded) -> Request {
    let snapshot = &recorded.exchange.request;
    let mut asked = request(snapshot, Headers::from(&snapshot.headers), recorded.request_body.clone());
    if let Some(id) = asked.headers.get("x-request-id") {
        asked.request_id = id.to_owned();
    }
    if let Some(client) = recorded.client {
        asked.source_ip = client.to_string();
    }
    asked
}

/// What the API is carried out by. A key that was taken out of a recording was a good one, or nobody would have been
/// called.
fn settings<'s>(settings: &'s Settings, asked: &Request) -> Cow<'s, Settings> {
    match asked.headers.get("x-api-key") {
        Some(REDACTED) => Cow::Owned(settings.without_keys()),
        _ => Cow::Borrowed(settings),
    }
}

/// The request as an API sees it. Ids and times are such that the same question has the same answer.
pub fn request(snapshot: &RequestSnapshot, lines: Headers, body: Bytes) -> Request {
    let host = lines.get("host").or(snapshot.uri.host());
    let port = host.and_then(|host| host.rsplit_once(':')).and_then(|(_, port)| port.parse().ok());
    let request = Request {
        method: snapshot.method.clone(),
        path: snapshot.uri.path().to_owned(),
        query: snapshot.uri.query().unwrap_or_default().to_owned(),
        headers: lines,
        body,
        request_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        source_ip: "127.0.0.1".to_owned(),
        protocol: "HTTP/1.1".to_owned(),
        scheme: "http".to_owned(),
        port: port.unwrap_or(80),
        time: "01/Jan/1970:00:00:00 +0000".to_owned(),
        ..Request::default()
    };
    request.with_method_override()
}

/// A saved answer as an API sees it.
pub fn answer(saved: &engine::Answer) -> Answer {
    Answer {
        status: saved.head.status,
        headers: Headers::from(&saved.head.headers),
        body: saved.body.clone(),
    }
}
