//! Recorded exchanges through an API Gateway definition: the request is mapped, the backend's answer is the recorded
//! one, and nothing is sent.

use bytes::Bytes;

use super::Recorded;
use crate::apigateway::execute::{Answer, Execution, Finished, Headers, Request, Step};
use crate::engine::{self, RequestSnapshot};
use crate::live::Deployment;

/// What the API makes of an exchange.
pub fn finished(deployment: &Deployment, recorded: &Recorded) -> Finished {
    let Deployment { api, settings, .. } = deployment;
    let snapshot = &recorded.exchange.request;
    let request = request(snapshot, Headers::from(&snapshot.headers), recorded.request_body.clone());
    let path = request.path.clone();
    let Some((method, parameters)) = api.find(&request.method, &path) else {
        return Execution::no_route(api, &request, settings);
    };
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let request = Request { path_parameters: parameters.into_iter().map(own).collect(), ..request };
    let mut execution = Execution::new(api, method, &request, settings);
    match execution.begin() {
        Step::Done(finished) => finished,
        Step::Call(_) => execution.finish(Ok(answer(&recorded.exchange.answer))),
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
