//! One request through an API: what is sent to the backend, and what the client gets of the answer.
//!
//! ```text
//! validate -> map parameters -> body by template -> call -> select -> map headers -> body by template -> override
//! ```
//! What fails on the way ends in a gateway response. Proxy integrations go from the request to the call and from the
//! answer to the client without mappings.

mod api_key;
mod content;
mod context;
mod contract;
mod event;
mod fault;
mod gateway_response;
mod headers;
mod lambda;
mod prepare;
mod remap;
mod render;
mod request;
mod respond;
mod response_model;
#[cfg(test)]
pub(super) mod tests;
mod trace;
mod url;
mod validate;
mod validation;
mod values;

use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value};

use super::model::{Api, Kind, Location, Method};
use crate::vtl::gateway::ResponseOverrides;
use api_key::Admitted;
pub use api_key::ApiKey;
pub use context::Identity;
pub use fault::Fault;
pub use headers::Headers;
use request::Received;
pub use request::{Answer, Call, Failure, Request, Target};
pub use response_model::{Misfit, ResponseModels, misfits};
pub use trace::{BodyBy, Considered, Tested, Trace, Tried};

/// How an API is carried out where its definition says nothing of it.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What stands for the API's place in the cloud.
    pub identity: Identity,
    /// The API keys that are good; `None`: any is.
    pub keys: Option<Vec<ApiKey>>,
    /// Where it is not known what API Gateway does: refuse rather than guess (COMPATIBILITY.md says where).
    pub strict: bool,
    /// What is done about answers that do not fit the models that their methods declare.
    pub response_models: ResponseModels,
}

impl Settings {
    /// The same where any key is good.
    pub fn without_keys(&self) -> Settings {
        Settings { keys: None, ..self.clone() }
    }
}

/// One request on its way through an API.
#[derive(Debug)]
pub struct Execution<'a> {
    api: &'a Api,
    settings: &'a Settings,
    method: Option<&'a Method>,
    received: Received<'a>,
    context: OnceCell<Map<String, Value>>,
    /// What belongs into the context when it is made.
    told: Vec<(&'static str, Value)>,
    /// What templates have put into `$context.responseOverride`.
    overrides: ResponseOverrides,
    /// A template has left overrides that the next one must find.
    has_left_overrides: bool,
    chosen: Option<Chosen>,
    trace: Option<Box<Trace>>,
}

/// How an exchange goes on.
#[derive(Debug)]
pub enum Step<'a> {
    /// This is to be sent, and [`Execution::finish`] to be told how it went.
    Call(Call<'a>),
    /// Nothing is sent: the client gets this.
    Done(Finished),
}

/// What the client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The answer.
    pub answer: Answer,
    /// Why it is a gateway response, where it is one.
    pub fault: Option<Fault>,
    /// Which integration response it is made by; none for proxy integrations.
    pub chosen: Option<Chosen>,
    /// Where the answer that was made does not fit its model, if anybody wants to know.
    pub misfits: Vec<Misfit>,
    /// What happened on the way, if it was [asked for](Execution::traced).
    pub trace: Option<Box<Trace>>,
}

/// Which integration response an answer has met, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// What the patterns were held against: the status, or the message of a function's error.
    pub subject: String,
    /// The pattern that matched; none: the default response.
    pub pattern: Option<Arc<str>>,
    /// The status that the integration response has.
    pub status: StatusCode,
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.pattern.as_deref().unwrap_or("default"), self.status.as_u16())
    }
}

/// What has become of a request.
enum Prepared<'a> {
    Call(Call<'a>),
    Mock(i64),
}

impl<'a> Execution<'a> {
    /// A request for a method of an API.
    pub fn new(
        api: &'a Api,
        method: &'a Method,
        request: &'a Request,
        settings: &'a Settings,
    ) -> Execution<'a> {
        let declared = method.parameters.iter().filter(|parameter| parameter.location == Location::Header);
        let declared: Vec<&str> = declared.map(|parameter| parameter.name.as_str()).collect();
        let received = Received::new(api, request, &declared);
        Execution { method: Some(method), received, ..Execution::without_method(api, request, settings) }
    }

    fn without_method(api: &'a Api, request: &'a Request, settings: &'a Settings) -> Execution<'a> {
        Execution {
            api,
            settings,
            method: None,
            received: Received::new(api, request, &[]),
            chosen: None,
            trace: None,
            context: OnceCell::new(),
            told: Vec::new(),
            overrides: ResponseOverrides::default(),
            has_left_overrides: false,
        }
    }

    /// The answer to a request that no method of the API is for.
    pub fn no_route(api: &'a Api, request: &'a Request, settings: &'a Settings) -> Finished {
        Execution::without_method(api, request, settings).refused(unrouted())
    }

    /// The answer to a request whose body is larger than a body may be.
    pub fn too_large(api: &'a Api, request: &'a Request, settings: &'a Settings) -> Finished {
        let fault = Fault::told(Kind::RequestTooLarge, "Request Too Long");
        Execution::without_method(api, request, settings).refused(fault)
    }

    /// The answer to a request that there is no room for.
    pub fn busy(api: &'a Api, request: &'a Request, settings: &'a Settings) -> Finished {
        Execution::without_method(api, request, settings).refused(Fault::from_failure(Failure::Busy))
    }

    /// The way to the backend.
    pub fn begin(&mut self) -> Step<'a> {
        let Some(method) = self.method else { return Step::Done(self.refused(unrouted())) };
        let done = match self.prepare(method) {
            Ok(Prepared::Call(call)) => return Step::Call(call),
            Ok(Prepared::Mock(status)) => self.respond_to_mock(method, status),
            Err(fault) => Err(fault),
        };
        Step::Done(self.ended(method, done))
    }

    /// The way back, when the backend has answered or has not.
    pub fn finish(mut self, outcome: Result<Answer, Failure>) -> Finished {
        let Some(method) = self.method else { return self.refused(unrouted()) };
        let done = match outcome {
            Ok(answer) => self.respond(method, answer),
            Err(failure) => Err(Fault::from_failure(failure)),
        };
        self.ended(method, done)
    }

    fn ended(&mut self, method: &Method, done: Result<Answer, Fault>) -> Finished {
        match done {
            Ok(answer) => {
                let answer = self.finished(answer, &method.integration.backend);
                self.checked(method, answer)
            }
            Err(fault) => self.refused(fault),
        }
    }

    /// The answer held against its model, where that is wanted.
    fn checked(&mut self, method: &Method, answer: Answer) -> Finished {
        let misfits = match self.settings.response_models {
            ResponseModels::Off => Vec::new(),
            ResponseModels::Warn | ResponseModels::Enforce => misfits(method, &answer),
        };
        match misfits.first().filter(|_| self.settings.response_models == ResponseModels::Enforce) {
            Some(misfit) => {
                let fault = Fault::configuration(format!("the answer does not fit its model: {misfit}"));
                Finished { misfits, ..self.refused(fault) }
            }
            None => Finished {
                answer,
                fault: None,
                chosen: self.chosen.take(),
                misfits,
                trace: self.trace.take(),
            },
        }
    }

    /// The API key that the request came with, where its method asks for one.
    fn admitted(&self, method: &Method) -> Result<Option<Admitted<'_>>, Fault> {
        api_key::admitted(method, self.settings.keys.as_deref(), &self.received)
    }

    fn context(&self) -> &Map<String, Value> {
        self.context.get_or_init(|| self.made_context())
    }

    fn made_context(&self) -> Map<String, Value> {
        let key = self.method.and_then(|method| self.admitted(method).ok()).flatten();
        let mut context =
            context::context(self.api, &self.settings.identity, self.method, &self.received, key);
        for (name, value) in &self.told {
            context.insert((*name).to_owned(), value.clone());
        }
        context
    }

    /// Puts a value into `$context`.
    fn tell(&mut self, name: &'static str, value: Value) {
        match self.context.get_mut() {
            Some(context) => _ = context.insert(name.to_owned(), value),
            None => self.told.push((name, value)),
        }
    }

    /// Keeps what a template has put into `$context` for the next one and for the answer.
    fn leave(&mut self, [response, request]: [Option<Value>; 2], overrides: ResponseOverrides) {
        self.overrides = overrides;
        // Reports differ on digits in quotes.
        let is_text = response.as_ref().and_then(|left| left.get("status")).is_some_and(Value::is_string);
        if self.settings.strict && is_text {
            self.overrides.status = None;
        }
        for (name, left) in [("responseOverride", response), ("requestOverride", request)] {
            if let Some(left) = left {
                self.has_left_overrides = true;
                self.tell(name, left);
            }
        }
    }

    /// The ids by which an exchange is found again.
    fn sign(&self, headers: &mut Headers) {
        headers.set("x-amzn-RequestId", self.received.request.request_id.clone());
        headers.set("x-amz-apigw-id", self.received.request.request_id.clone());
    }
}

fn unrouted() -> Fault {
    Fault::told(Kind::MissingAuthenticationToken, "Missing Authentication Token")
}
