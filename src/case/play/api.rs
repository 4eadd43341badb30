//! An API played without a socket: route, request, call, answer, as the proxy does it.

use bytes::Bytes;
use http::{HeaderMap, Method};

use super::super::{Gateway, Given, Request};
use super::{Decision, Played, Sent, SentRequest, SentTo, usual_reason};
use crate::apigateway::execute::{Answer, Call, Execution, Finished, Step, Target};
use crate::engine::mutation::allows_body;

/// The host that a request names unless the case says otherwise.
const HOST: &str = "sidecar.test";

/// What an API makes of it.
pub(super) fn play(gateway: &Gateway, given: &Given) -> Played {
    let Gateway { api, settings } = gateway;
    let mut request = given.request.to_api(HOST);
    let path = request.path.clone();
    let Some((method, parameters)) = api.find(&request.method, &path) else {
        let finished = Execution::no_route(api, &request, settings);
        return played(&given.request, Sent::Nothing, finished);
    };
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    request.path_parameters = parameters.into_iter().map(owned).collect();
    let mut execution = Execution::new(api, method, &request, settings);
    let (sent, finished) = match execution.begin() {
        Step::Done(finished) => (Sent::Nothing, finished),
        Step::Call(call) => {
            let mut outcome = given.upstream.to_api();
            if call.method == Method::HEAD {
                outcome = outcome.map(|answer| Answer { body: Bytes::new(), ..answer });
            }
            (Sent::Request(Box::new(sent(call))), execution.finish(outcome))
        }
    };
    played(&given.request, sent, finished)
}

fn sent(call: Call<'_>) -> SentRequest {
    let target = match call.target {
        Target::Url(url) => SentTo::Url(url),
        Target::Function(function) => SentTo::Function(match &function.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", function.name),
            None => function.name.clone(),
        }),
        Target::Service(service, path) => SentTo::Service { name: service.name.clone(), path },
    };
    SentRequest { method: call.method, target, headers: call.headers, body: call.body }
}

fn played(request: &Request, sent: Sent, finished: Finished) -> Played {
    let Finished { answer, fault, chosen, misfits, trace: _ } = finished;
    let has_body = request.snapshot.method != Method::HEAD && allows_body(answer.status);
    Played {
        status: answer.status,
        reason: usual_reason(answer.status),
        headers: HeaderMap::from(&answer.headers),
        body: if has_body { answer.body } else { Bytes::new() },
        sent,
        decision: Decision::Carried { chosen, fault, misfits },
    }
}
