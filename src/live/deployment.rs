//! An API in force: what its definition says, and where its integrations are reached from here.

use std::fmt::Display;

use http::uri::{PathAndQuery, Uri};

use crate::apigateway::execute;
use crate::apigateway::model::{Api, Backend, Function, Method, UriPart, UriPattern};
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::settings::{self, Settings, Upstream, UpstreamUrl};

/// An API and the way to all that answers for it.
#[derive(Debug)]
pub struct Deployment {
    /// What the definition says.
    pub api: Api,
    /// What it leaves open.
    pub settings: execute::Settings,
    /// Who answers for functions.
    pub functions: Vec<Callee>,
    hosts: Hosts,
}

/// Who answers for a Lambda function.
#[derive(Debug)]
pub struct Callee {
    /// The function's name, perhaps with its alias.
    pub name: String,
    /// The upstream it is at, by its index in the settings.
    pub upstream: usize,
    /// Where there.
    pub path: Uri,
    /// How many events it is given at a time; `None` is any number.
    pub concurrency: Option<usize>,
    /// How many events may wait for their turn.
    pub queue: usize,
}

/// Which upstream is reached under which host of an integration's URI.
#[derive(Debug)]
enum Hosts {
    /// One upstream stands in for all.
    All(usize),
    /// Each is an upstream of its own.
    Each(Vec<(UpstreamUrl, usize)>),
}

impl Deployment {
    /// The API, and an upstream in the settings for everything it calls. What cannot be called is told as a warning: the
    /// rest of the API is of use without it.
    pub fn new(
        api: Api,
        said: &settings::Api,
        settings: &mut Settings,
        diagnostics: &mut Diagnostics,
    ) -> Deployment {
        check_functions(&api, &said.lambdas, diagnostics);
        check_keys(&api, said, diagnostics);
        let functions = said.lambdas.iter().filter_map(|lambda| Callee::new(lambda, settings)).collect();
        let named = |name: &str| settings.upstreams.iter().position(|upstream| *upstream.name == *name);
        let stands_in = said.upstream.as_deref().and_then(named);
        let hosts = match stands_in {
            Some(upstream) => Hosts::All(upstream),
            None => Hosts::each(&api, settings, diagnostics),
        };
        Deployment { api, settings: execution_settings(said), functions, hosts }
    }

    /// The upstream that answers under the scheme and authority of an integration's URI, by its index in the settings.
    pub fn upstream(&self, uri: &Uri) -> Option<usize> {
        match &self.hosts {
            Hosts::All(upstream) => Some(*upstream),
            Hosts::Each(known) => {
                let is_meant = |url: &UpstreamUrl| {
                    Some(&url.scheme) == uri.scheme() && Some(&url.authority) == uri.authority()
                };
                known.iter().find(|(url, _)| is_meant(url)).map(|(_, upstream)| *upstream)
            }
        }
    }

    /// The upstream that stands in for every host and for the services of AWS, if there is one, by its index in the
    /// settings.
    pub fn stand_in(&self) -> Option<usize> {
        match &self.hosts {
            Hosts::All(upstream) => Some(*upstream),
            Hosts::Each(_) => None,
        }
    }

    /// Who answers for a function, by its index: one that is named with its alias goes first.
    pub fn callee(&self, function: &Function) -> Option<(usize, &Callee)> {
        let is_meant = |callee: &Callee| answers_for(&callee.name, function);
        let exact = |callee: &Callee| is_meant(callee) && callee.name != function.name;
        let functions = || self.functions.iter().enumerate();
        functions()
            .find(|(_, callee)| exact(callee))
            .or_else(|| functions().find(|(_, callee)| is_meant(callee)))
    }
}

fn execution_settings(said: &settings::Api) -> execute::Settings {
    let default = execute::Identity::default();
    let identity = execute::Identity {
        account_id: said.account_id.clone().unwrap_or(default.account_id),
        api_id: said.api_id.clone().unwrap_or(default.api_id),
        deployment_id: default.deployment_id,
    };
    execute::Settings {
        identity,
        keys: said.keys.clone(),
        strict: said.strict,
        response_models: said.response_models,
    }
}

/// Whether a name that was given for a function means this one.
fn answers_for(name: &str, function: &Function) -> bool {
    let qualified = name.strip_prefix(&*function.name).and_then(|rest| rest.strip_prefix(':'));
    name == function.name || qualified.is_some_and(|alias| Some(alias) == function.qualifier.as_deref())
}

/// Tells of functions that nobody answers for, and of answers for functions that nobody calls.
fn check_functions(api: &Api, lambdas: &[settings::Lambda], diagnostics: &mut Diagnostics) {
    let called: Vec<(&Function, &Method)> =
        api.methods.iter().filter_map(|method| Some((function(method)?, &**method))).collect();
    let mut told: Vec<&str> = Vec::new();
    for (function, method) in &called {
        let is_answered = lambdas.iter().any(|lambda| answers_for(&lambda.name, function));
        if is_answered || told.contains(&function.name.as_str()) {
            continue;
        }
        told.push(&function.name);
        let name = &function.name;
        let message = format!("no URL for the function `{name}`: requests that need it are answered 500");
        let help =
            format!("give one: `--lambda {name}=http://HOST:PORT/2015-03-31/functions/function/invocations`");
        diagnostics.push(Diagnostic::warning(message).at(&method.place).help(help));
    }
    for lambda in lambdas {
        if called.iter().any(|(function, _)| answers_for(&lambda.name, function)) {
            continue;
        }
        let warning = Diagnostic::warning(format!("no method calls the function `{}`", lambda.name));
        diagnostics.push(
            match did_you_mean(&lambda.name, called.iter().map(|(function, _)| &*function.name)) {
                Some(meant) => warning.help(format!("did you mean `{meant}`?")),
                None => warning,
            },
        );
    }
}

/// Tells of methods that ask for an API key where nobody has said which are good.
fn check_keys(api: &Api, said: &settings::Api, diagnostics: &mut Diagnostics) {
    let asking: Vec<&Method> = api.methods.iter().map(|it| &**it).filter(|it| it.asks_for_key).collect();
    let (Some(first), None) = (asking.first(), &said.keys) else { return };
    let who = match asking.len() {
        1 => format!("{} {} asks", first.verb, first.resource),
        many => format!("{many} methods ask"),
    };
    let warning = Diagnostic::warning(format!("{who} for an API key, and any is good"));
    let help = "say which are: `api.keys: { NAME: KEY }` in the configuration";
    diagnostics.push(warning.at(&first.place).help(help));
}

fn function(method: &Method) -> Option<&Function> {
    match &method.integration.backend {
        Backend::Lambda(function) | Backend::LambdaProxy(function, _) => Some(function),
        Backend::Http(_) | Backend::HttpProxy(_) | Backend::Service(_) | Backend::Mock => None,
    }
}

impl Callee {
    fn new(lambda: &settings::Lambda, settings: &mut Settings) -> Option<Callee> {
        let UpstreamUrl { base_path, .. } = &lambda.url;
        let path =
            if base_path.is_empty() { PathAndQuery::from_static("/") } else { base_path.parse().ok()? };
        Some(Callee {
            name: lambda.name.clone(),
            upstream: at(&UpstreamUrl { base_path: String::new(), ..lambda.url.clone() }, settings),
            path: path.into(),
            concurrency: lambda.concurrency,
            queue: lambda.queue,
        })
    }
}

impl Hosts {
    fn each(api: &Api, settings: &mut Settings, diagnostics: &mut Diagnostics) -> Hosts {
        let mut hosts: Vec<(UpstreamUrl, usize)> = Vec::new();
        let mut told: Vec<String> = Vec::new();
        for method in &api.methods {
            let (Backend::Http(endpoint) | Backend::HttpProxy(endpoint)) = &method.integration.backend else {
                continue;
            };
            match host(&endpoint.uri) {
                Ok(url) if hosts.iter().any(|(known, _)| *known == url) => {}
                Ok(url) => {
                    let upstream = at(&url, settings);
                    hosts.push((url, upstream));
                }
                Err(problem) if told.contains(&problem) => {}
                Err(problem) => {
                    let warning = Diagnostic::warning(format!("{problem}: requests there are answered 500"));
                    let help = "with `--upstream URL` that backend stands in for all hosts of the definition";
                    diagnostics.push(warning.at(&method.place).help(help));
                    told.push(problem);
                }
            }
        }
        Hosts::Each(hosts)
    }
}

/// The host of a URI, or why it cannot be reached.
fn host(uri: &UriPattern) -> Result<UpstreamUrl, String> {
    let Some(UriPart::Text(text)) = uri.parts.first() else {
        return Err("the host of an integration's URI is a parameter".to_owned());
    };
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let end = rest.find(['/', '?']);
    if end.is_none() && uri.parts.len() > 1 {
        return Err(format!("the host of `{text}…` has a parameter in it"));
    }
    let authority = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
    let unreachable = |why: &dyn Display| format!("`{scheme}://{authority}` cannot be reached: {why}");
    let url = UpstreamUrl::parse(&format!("{scheme}://{authority}"));
    url.map_err(|problem| unreachable(&problem.message))
}

/// The upstream at a URL without path: one of the configuration, or one that is made for it.
fn at(url: &UpstreamUrl, settings: &mut Settings) -> usize {
    if let Some(index) = settings.upstreams.iter().position(|upstream| upstream.url == *url) {
        return index;
    }
    settings.upstreams.push(Upstream::new(url.authority.as_str(), url.clone()));
    settings.upstreams.len() - 1
}
