//! The API of API Gateway that Candor carries out: where its definition is, and what that leaves open: the stage, who
//! answers for its functions, what to do where API Gateway's own behaviour is not known.

use std::sync::Arc;

use crate::apigateway::execute::{ApiKey, ResponseModels};
use crate::apigateway::read::{Options, native};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::document::{Entry, Node, Value};

use super::quick::Quick;
use super::section::Section;
use super::upstream::{DEFAULT_NAME, UpstreamUrl};

/// Keys of `api:`, beside those that say what the API is.
const KEYS: [&str; 12] = [
    "definition",
    "resource",
    "stage",
    "stage_variables",
    "parameters",
    "upstream",
    "lambdas",
    "keys",
    "account_id",
    "api_id",
    "strict",
    "response_models",
];

/// An API, as far as its definition leaves it open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// The file that defines it.
    pub definition: Option<Definition>,
    /// Which API of a CloudFormation template that has several, by its logical id.
    pub resource: Option<String>,
    /// The stage.
    pub stage: Option<String>,
    /// Values of `stageVariables.*`.
    pub stage_variables: Vec<(String, String)>,
    /// Parameters of a CloudFormation template.
    pub parameters: Vec<(String, String)>,
    /// The upstream that stands in for scheme and authority of every `http` and `http_proxy` URI.
    pub upstream: Option<Arc<str>>,
    /// Who answers for functions.
    pub lambdas: Vec<Lambda>,
    /// The API keys that are good; `None`: any is.
    pub keys: Option<Vec<ApiKey>>,
    /// `$context.accountId`, where it matters.
    pub account_id: Option<String>,
    /// `$context.apiId`, where it matters.
    pub api_id: Option<String>,
    /// Refuse where it is not known what API Gateway does, rather than guess.
    pub strict: bool,
    /// What is done about answers that do not fit their models.
    pub response_models: ResponseModels,
}

/// A file that defines an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its path, from the folder of the file that names it.
    pub path: String,
    /// Where it is named.
    pub place: Place,
}

/// Who answers for a Lambda function: a URL that speaks the Invoke API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lambda {
    /// The function's name, perhaps with its alias: `orders`, `orders:live`.
    pub name: String,
    /// The URL to post events to.
    pub url: UpstreamUrl,
    /// How many events it is given at a time; `None` is any number. The Runtime Interface Emulator takes one.
    pub concurrency: Option<usize>,
    /// How many events may wait for their turn; 100 unless set. Any more are answered 429.
    pub queue: usize,
}

/// The last part of a path at which an emulator is asked, whatever the function.
const EMULATOR_PATH: &str = "/functions/function/invocations";
const QUEUE: usize = 100;
const QUEUE_MAX: u64 = 100_000;

impl Api {
    /// How its definition is read.
    pub fn reading(&self) -> Options {
        Options {
            api: self.resource.clone(),
            stage: self.stage.clone(),
            stage_variables: self.stage_variables.clone(),
            parameters: self.parameters.clone(),
        }
    }

    /// `api:` with what flags say of it; `None` where nobody speaks of an API.
    pub(super) fn read(top: Section<'_>, quick: &Quick, diagnostics: &mut Diagnostics) -> Option<Api> {
        if top.given("api").is_none() {
            refuse_without_api(quick, diagnostics);
            return None;
        }
        let keys = [&KEYS[..], &native::KEYS].concat();
        let section = top.section("api", &keys, diagnostics);
        let text = |key: &str, what: &str, diagnostics: &mut Diagnostics| {
            section.read(key, |node, found| node.text(what, found).map(str::to_owned), diagnostics)
        };
        let models = |node: &Node, found: &mut Diagnostics| {
            node.word("a choice of `response_models`", &ResponseModels::NAMED, found)
        };
        Some(Api {
            definition: section.read("definition", definition, diagnostics),
            resource: text("resource", "the id of a resource", diagnostics),
            stage: text("stage", "the name of a stage", diagnostics),
            stage_variables: pairs("stage_variables", section, &quick.stage_variables, diagnostics),
            parameters: pairs("parameters", section, &quick.parameters, diagnostics),
            upstream: section
                .read("upstream", |node, found| upstream(node, top, quick, found), diagnostics)
                .or_else(|| quick.upstream.is_some().then(|| DEFAULT_NAME.into())),
            lambdas: lambdas(section, quick, diagnostics),
            keys: section.read("keys", api_keys, diagnostics),
            account_id: text("account_id", "an account's id", diagnostics),
            api_id: text("api_id", "an API's id", diagnostics),
            strict: section.read("strict", Node::bool, diagnostics).unwrap_or_default(),
            response_models: section.read("response_models", models, diagnostics).unwrap_or_default(),
        })
    }
}

/// Flags that speak of an API, where there is none.
fn refuse_without_api(quick: &Quick, diagnostics: &mut Diagnostics) {
    for (nodes, what) in [
        (&quick.lambdas, "a function's URL"),
        (&quick.stage_variables, "a stage variable"),
        (&quick.parameters, "a template's parameter"),
    ] {
        if let Some(node) = nodes.first() {
            let wrong = Diagnostic::error(format!("{what}, but no definition of an API")).at(&node.place);
            diagnostics.push(wrong.help("name the definition with `--openapi FILE` or `api.definition`"));
        }
    }
}

/// API keys by name; nothing in their place is no list at all.
pub fn api_keys(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<ApiKey>> {
    if node.value == Value::Null {
        return None;
    }
    let mut keys = Vec::new();
    for Entry { key, node, .. } in node.entries("`keys`", diagnostics)? {
        let value = node.text("an API key (text)", diagnostics)?.to_owned();
        if value.is_empty() {
            diagnostics.error(&node.place, format!("API key `{key}` is empty"));
        }
        keys.push(ApiKey { name: key.clone(), value });
    }
    Some(keys)
}

fn definition(node: &Node, diagnostics: &mut Diagnostics) -> Option<Definition> {
    let path = node.text("a path", diagnostics)?.to_owned();
    Some(Definition { path, place: node.place.clone() })
}

fn upstream(node: &Node, top: Section<'_>, quick: &Quick, diagnostics: &mut Diagnostics) -> Option<Arc<str>> {
    let name = node.text("the name of an upstream", diagnostics)?;
    let is_written = top.given("upstreams").is_some_and(|upstreams| upstreams.entry(name).is_some());
    if !(is_written || name == DEFAULT_NAME && quick.upstream.is_some()) {
        diagnostics.error(&node.place, format!("there is no upstream `{name}`"));
        return None;
    }
    Some(name.into())
}

/// A map of texts, and the `NAME=VALUE` pairs of flags, which win.
fn pairs(
    key: &str,
    section: Section<'_>,
    quick: &[Node],
    diagnostics: &mut Diagnostics,
) -> Vec<(String, String)> {
    let written = section.read(key, |node, found| node.entries(&format!("`{key}`"), found), diagnostics);
    let mut pairs = Vec::new();
    for Entry { key, node, .. } in written.unwrap_or_default() {
        pairs.extend(node.text("a text", diagnostics).map(|value| (key.clone(), value.to_owned())));
    }
    for node in quick {
        let Some((name, value)) = pair(node, "VALUE", diagnostics) else { continue };
        pairs.retain(|(known, _)| known != name);
        pairs.push((name.to_owned(), value.to_owned()));
    }
    pairs
}

fn pair<'n>(node: &'n Node, value: &str, diagnostics: &mut Diagnostics) -> Option<(&'n str, &'n str)> {
    let text = node.text("a pair", diagnostics)?;
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    if pair.is_none() {
        diagnostics.error(&node.place, format!("expected NAME={value}, not `{text}`"));
    }
    pair
}

fn lambdas(section: Section<'_>, quick: &Quick, diagnostics: &mut Diagnostics) -> Vec<Lambda> {
    let written = section
        .read("lambdas", |node, found| node.entries("`lambdas`", found), diagnostics)
        .unwrap_or_default();
    let mut lambdas: Vec<Lambda> =
        written.iter().filter_map(|entry| Lambda::read(&entry.key, &entry.node, diagnostics)).collect();
    for node in &quick.lambdas {
        let Some((name, url)) = pair(node, "URL", diagnostics) else { continue };
        // The place of the whole pair: the URL alone would look as if it stood alone.
        let url = Node { place: node.place.clone(), value: Value::Text(url.to_owned()) };
        let Some(url) = UpstreamUrl::read(&url, diagnostics) else { continue };
        lambdas.retain(|known| known.name != name);
        lambdas.push(Lambda::new(name, url));
    }
    lambdas
}

impl Lambda {
    /// A function that is asked at this URL: one event at a time if that is an emulator's.
    fn new(name: &str, url: UpstreamUrl) -> Lambda {
        let is_emulator = url.base_path.ends_with(EMULATOR_PATH);
        Lambda { name: name.to_owned(), url, concurrency: is_emulator.then_some(1), queue: QUEUE }
    }

    /// Its URL, or a map with `url`.
    fn read(name: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<Lambda> {
        if node.scalar_text().is_some() {
            return UpstreamUrl::read(node, diagnostics).map(|url| Lambda::new(name, url));
        }
        let what = format!("function `{name}`");
        let section = Section::of(node, &what, &["url", "concurrency", "queue"], diagnostics);
        let Some(url) = section.given("url") else {
            diagnostics.error(&node.place, format!("{what} needs `url`"));
            return None;
        };
        let count = |key: &str, least: u64, diagnostics: &mut Diagnostics| {
            let read = |node: &Node, found: &mut Diagnostics| {
                let count = node.integer(&format!("`{key}`"), least..=QUEUE_MAX, found)?;
                usize::try_from(count).ok()
            };
            section.read(key, read, diagnostics)
        };
        let concurrency = match section.given("concurrency").and_then(Node::scalar_text) {
            Some("off") => Some(None),
            _ => count("concurrency", 1, diagnostics).map(Some),
        };
        let queue = count("queue", 0, diagnostics);
        let plain = Lambda::new(name, UpstreamUrl::read(url, diagnostics)?);
        Some(Lambda {
            concurrency: concurrency.unwrap_or(plain.concurrency),
            queue: queue.unwrap_or(plain.queue),
            ..plain
        })
    }
}
