//! One request through an API Gateway definition and back, as `explain` plays it: nothing is sent, and what the backend
//! answers was saved before.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;

pub use crate::traffic::gateway::{answer, request};

use super::super::FailureArg;
use crate::apigateway::execute::{
    Answer, Execution, Failure, Finished, Headers, Request, ResponseModels, Settings, Step, Target, Trace,
};
use crate::apigateway::model::{self, Api};
use crate::live::Deployment;

/// What happened, stage by stage.
pub struct Explanation<'a> {
    pub api: &'a Api,
    pub request: Request,
    /// The method that the request is for; none: there is none.
    pub method: Option<Arc<model::Method>>,
    /// What the backend is sent; none for mocks, and where the request is refused.
    pub call: Option<Sent>,
    /// What came of it; none where it was not called, or nobody says what came.
    pub outcome: Option<Result<Answer, Failure>>,
    /// What the client gets; none where nobody says what the backend answers.
    pub finished: Option<Finished>,
    /// What happened on the way, where the request had a way to go.
    pub trace: Option<Box<Trace>>,
}

/// What the backend is sent.
pub struct Sent {
    pub method: Method,
    /// A URL, a function's name, or a service with its path.
    pub target: String,
    pub headers: Headers,
    pub body: Bytes,
}

/// Plays a request; `outcome` is asked for what comes of the call if there is one.
///
/// # Errors
/// Those of `outcome`.
pub fn explanation<E>(
    deployment: &Deployment,
    request: Request,
    outcome: impl FnOnce() -> Result<Option<Result<Answer, Failure>>, E>,
) -> Result<Explanation<'_>, E> {
    let api = &deployment.api;
    let settings = &settings(&deployment.settings);
    let path = request.path.clone();
    let Some((method, parameters)) = api.find(&request.method, &path) else {
        let finished = Some(Execution::no_route(api, &request, settings));
        return Ok(Explanation {
            api,
            request,
            method: None,
            call: None,
            outcome: None,
            finished,
            trace: None,
        });
    };
    let method = Arc::clone(method);
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let request = Request { path_parameters: parameters.into_iter().map(own).collect(), ..request };
    let mut execution = Execution::new(api, &method, &request, settings).traced();
    let (call, outcome, finished, trace) = match execution.begin() {
        Step::Done(mut finished) => {
            let trace = finished.trace.take();
            (None, None, Some(finished), trace)
        }
        Step::Call(call) => {
            let call = Sent {
                target: target(&call.target),
                method: call.method,
                headers: call.headers,
                body: call.body,
            };
            let outcome = outcome()?;
            let (finished, trace) = match outcome.clone() {
                Some(outcome) => {
                    let mut finished = execution.finish(outcome);
                    let trace = finished.trace.take();
                    (Some(finished), trace)
                }
                None => (None, execution.into_trace()),
            };
            (Some(call), outcome, finished, trace)
        }
    };
    Ok(Explanation { api, request, method: Some(method), call, outcome, finished, trace })
}

/// An explanation tells of answers that do not fit their models, whatever the sidecar does about it.
fn settings(settings: &Settings) -> Settings {
    let response_models = match settings.response_models {
        ResponseModels::Off => ResponseModels::Warn,
        chosen => chosen,
    };
    Settings { response_models, ..settings.clone() }
}

fn target(target: &Target<'_>) -> String {
    match target {
        Target::Url(url) => url.clone(),
        Target::Function(function) => match &function.qualifier {
            Some(qualifier) => format!("function {}:{qualifier}", function.name),
            None => format!("function {}", function.name),
        },
        Target::Service(service, path) => format!("service {} {path}", service.name),
    }
}

/// What was typed for `--failure`.
pub fn failure(typed: FailureArg) -> Failure {
    match typed {
        FailureArg::Timeout => Failure::Timeout,
        FailureArg::Refused => Failure::Unreachable,
        FailureArg::InvalidAddress => Failure::InvalidAddress,
        FailureArg::TooLarge => Failure::TooLarge,
        FailureArg::Busy => Failure::Busy,
    }
}

impl Explanation<'_> {
    /// The methods that the API has for the path of a request that it has no method for.
    pub fn others(&self) -> Vec<&'static str> {
        let all = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
        let has = |name: &&str| {
            Method::from_bytes(name.as_bytes())
                .is_ok_and(|method| self.api.find(&method, &self.request.path).is_some())
        };
        all.into_iter().filter(has).collect()
    }
}
