//! Files, environment and flags made into a configuration, with every problem in them. The one place where they
//! are read from the machine; everything else works on text.

mod files;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::apigateway;
use crate::apigateway::model::Api;
use crate::apigateway::read::native;
use crate::case::{Playground, Written};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Severity, Source, did_you_mean};
use crate::document::Node;
use crate::live::{Deployment, Snapshot};
use crate::rules::{self, Quick, Rules};
use crate::settings::{self, ExtProc, Flag, Layers, Settings, Token, Traces};

use super::{Exit, RuleFlags, problems};

pub use files::{Content, Files, Held, is_lasting};

/// What a configuration is made of.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Files in the order given.
    pub files: Vec<PathBuf>,
    /// Flags in the order given.
    pub flags: Vec<(Flag, String)>,
    /// Stands in where nothing names an upstream, for commands that send nothing.
    pub upstream_if_none: Option<&'static str>,
}

impl Options {
    /// The same, with a listener for Envoy.
    pub fn with_ext_proc(mut self, address: Option<String>) -> Options {
        self.flags.extend(address.map(|address| (Flag::ExtProc, address)));
        self
    }

    /// Options as typed.
    pub fn new(rules: &RuleFlags, listen: Option<String>, admin: Option<String>) -> Options {
        let mut flags = rules.flags();
        flags.extend(listen.map(|address| (Flag::Listen, address)));
        flags.extend(admin.map(|address| (Flag::Admin, address)));
        Options { files: rules.config.clone(), flags, upstream_if_none: None }
    }
}

/// A configuration, and everything that was found wrong with it.
#[derive(Debug)]
pub struct Loaded {
    /// `None` when something forbids its use.
    pub configuration: Option<Configuration>,
    /// Problems in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

/// A configuration without problems.
#[derive(Debug)]
pub struct Configuration {
    /// Listeners, upstreams, bounds.
    pub settings: Settings,
    /// Rules and routes.
    pub rules: Rules,
    /// The API, if there is one.
    pub deployment: Option<Deployment>,
    /// All of it as written.
    pub written: Written,
}

impl Loaded {
    /// The configuration as an exchange sees it.
    pub fn snapshot(self) -> Option<Arc<Snapshot>> {
        self.playground().map(|playground| Arc::clone(playground.snapshot()))
    }

    /// The same, to try things on.
    pub fn playground(self) -> Option<Playground> {
        self.playground_after(None)
    }

    /// The same, to take the place of another.
    pub fn playground_after(self, previous: Option<&Snapshot>) -> Option<Playground> {
        let Configuration { settings, rules, deployment, written } = self.configuration?;
        let snapshot = Snapshot::new(settings, rules.routes, rules.selection);
        let snapshot = snapshot.with(deployment).checked_by(&rules.checks).asking(rules.probes);
        let snapshot = match previous {
            Some(previous) => snapshot.after(previous),
            None => snapshot,
        };
        Some(Playground::new(Arc::new(snapshot), written))
    }
}

/// Reads and compiles a configuration.
///
/// # Errors
/// When a file cannot be read at all; the diagnostic says which and why.
pub fn load(options: &Options) -> Result<Loaded, Diagnostic> {
    load_from(options, &Files::default())
}

/// The same, by somebody who keeps in mind which files were read.
///
/// # Errors
/// As [`load`].
pub fn load_from(options: &Options, files: &Files) -> Result<Loaded, Diagnostic> {
    Ok(compile_with(&layers(options, files)?, options.upstream_if_none, files))
}

/// The configuration as one document that is not compiled, and what short names say. Nothing where a file is no
/// configuration at all.
///
/// # Errors
/// As [`load`].
pub fn document(
    options: &Options,
    diagnostics: &mut Diagnostics,
) -> Result<Option<(Node, settings::Quick)>, Diagnostic> {
    let merged = layers(options, &Files::default())?.merge(diagnostics);
    Ok(merged.map(|(mut document, quick)| {
        rules::fill_in_templates(&mut document, &beside, diagnostics);
        (document, quick)
    }))
}

fn layers(options: &Options, files: &Files) -> Result<Layers, Diagnostic> {
    let environment = environment();
    let paths = match (options.files.as_slice(), variable(&environment, "CANDOR_CONFIG")) {
        ([], Some(paths)) => std::env::split_paths(paths).collect(),
        (paths, _) => paths.to_vec(),
    };
    let sources = paths.iter().map(|path| files.read(path)).collect::<Result<Vec<_>, _>>()?;
    for (_, path) in options.flags.iter().filter(|(flag, _)| *flag == Flag::Openapi) {
        files.read(Path::new(path))?;
    }
    Ok(Layers { files: sources, environment, flags: options.flags.clone() })
}

/// Compiles layers that have been read.
pub fn compile(layers: &Layers, upstream_if_none: Option<&str>) -> Loaded {
    compile_with(layers, upstream_if_none, &Files::default())
}

fn compile_with(layers: &Layers, upstream_if_none: Option<&str>, files: &Files) -> Loaded {
    let beside = |path: &str, place: &Place| files.beside(path, place);
    let mut diagnostics = Diagnostics::default();
    let configuration = layers.merge(&mut diagnostics).and_then(|(mut document, mut quick)| {
        let written = document.clone();
        let templates = rules::fill_in_templates(&mut document, &beside, &mut diagnostics);
        if document.entry("upstreams").is_none() && quick.upstream.is_none() {
            let nobody = ExtProc::is_alone(&document).then_some("http://127.0.0.1");
            quick.upstream =
                upstream_if_none.or(nobody).map(|url| Node::scalar(&Source::new("--upstream", url)));
        }
        // Certificates are looked at by those who use them, and taken in without a reload.
        let unwatched = |path: &str, place: &Place| Files::default().beside(path, place);
        let settings = Settings::read_with_files(&document, &quick, &unwatched, &mut diagnostics);
        let names = match &settings {
            Some(settings) => settings.upstreams.iter().map(|upstream| Arc::clone(&upstream.name)).collect(),
            None => upstream_names(&document, quick.upstream.is_some()),
        };
        let lines = Quick { presets: &quick.presets, lines: &quick.rules };
        let rules = rules::read(Some(&document), lines, &names, &mut diagnostics);
        let traces = Traces::read(&layers.environment, &unwatched, &mut diagnostics);
        let mut settings = Settings { traces, ..settings? };
        if let Some((path, place)) = settings.admin.token_file.take() {
            settings.admin.token =
                token(&path, &place, files).map_err(|problem| diagnostics.push(problem)).ok();
        }
        check_captured(&settings, &rules, &mut diagnostics);
        let mut definition = None;
        let deployment = match settings.api.clone() {
            Some(said) => {
                let api;
                (api, definition) = self::api(&said, &document, files, &mut diagnostics)?;
                let mut unreached = Diagnostics::default();
                let deployment = Deployment::new(api, &said, &mut settings, &mut unreached);
                // A command that sends nothing need not reach anything.
                if upstream_if_none.is_none() {
                    unreached.into_sorted().into_iter().for_each(|problem| diagnostics.push(problem));
                }
                Some(deployment)
            }
            None => None,
        };
        let written = Written { document: written, templates, definition, quick };
        (!diagnostics.has_errors()).then_some(Configuration { settings, rules, deployment, written })
    });
    let mut diagnostics = diagnostics.into_sorted();
    // A rule set that several others use is read once for each.
    diagnostics.dedup();
    Loaded { configuration, diagnostics }
}

/// The token that a file holds, as platforms hand secrets to containers.
fn token(path: &str, place: &Place, files: &Files) -> Result<Token, Diagnostic> {
    let source = files.beside(path, place)?;
    Token::new(source.text.trim())
        .map_err(|wrong| Diagnostic::error(format!("the token in `{path}` {wrong}")).at(place))
}

/// The API that a configuration has: one that it says itself, or one whose definition it names, which comes with it.
fn api(
    said: &settings::Api,
    document: &Node,
    files: &Files,
    diagnostics: &mut Diagnostics,
) -> Option<(Api, Option<Arc<Source>>)> {
    let options = said.reading();
    let node = document.entry("api").map_or(document, |entry| &entry.node);
    let own = native::KEYS.iter().find_map(|key| node.entry(key));
    match (&said.definition, own) {
        (None, None) => {
            let problem = Diagnostic::error("`api` has neither `routes` nor `definition`").at(&node.place);
            diagnostics
                .push(problem.help("`routes` say what the API is, or `definition` names a file that does"));
            None
        }
        (None, Some(_)) => native::read(node, &options, diagnostics).map(|api| (api, None)),
        (Some(definition), None) => {
            let source = files.beside(&definition.path, &definition.place);
            let source = source.map_err(|problem| diagnostics.push(problem)).ok()?;
            apigateway::read::read(&source, &options, diagnostics).map(|api| (api, Some(source)))
        }
        (Some(definition), Some(own)) => {
            let message = format!("`{}` beside a definition that says it all", own.key);
            let problem = Diagnostic::error(message).at(&own.key_place);
            diagnostics
                .push(problem.help(format!("the definition is `{}`; keep one of the two", definition.path)));
            None
        }
    }
}

/// Tells of rules that `capture` waits for and that are not there.
fn check_captured(settings: &Settings, rules: &Rules, diagnostics: &mut Diagnostics) {
    let labels = || rules.sets.iter().flat_map(|set| &set.rules).map(|rule| &*rule.label);
    let wanted = settings.capture.iter().flat_map(|capture| &capture.rules);
    for missing in wanted.filter(|wanted| labels().all(|label| label != *wanted)) {
        let warning = Diagnostic::warning(format!("`capture.rules` names `{missing}`, which is no rule"));
        diagnostics.push(match did_you_mean(missing, labels()) {
            Some(meant) => warning.help(format!("did you mean `{meant}`?")),
            None => warning,
        });
    }
}

/// The upstreams that routes may name where the settings are wrong, so that routes are not blamed for it.
fn upstream_names(document: &Node, quick: bool) -> Vec<Arc<str>> {
    let written = document.entry("upstreams").map(|entry| entry.node.keys()).unwrap_or_default();
    let mut names: Vec<Arc<str>> = written.into_iter().map(Arc::from).collect();
    if quick && !names.iter().any(|name| &**name == "default") {
        names.push("default".into());
    }
    names
}

/// Prints problems for people on standard error.
pub fn tell(diagnostics: &[Diagnostic]) {
    problems::shown(diagnostics).iter().for_each(|text| eprintln!("{text}\n"));
}

/// How a command ends whose configuration has these problems.
pub fn verdict(diagnostics: &[Diagnostic]) -> Exit {
    match diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        true => Exit::No,
        false => Exit::Fine,
    }
}

/// Reads a file of text.
pub(super) fn read(path: &Path) -> Result<Arc<Source>, Diagnostic> {
    Files::default().read(path)
}

/// What was read, as text.
pub(super) fn source(name: String, bytes: Vec<u8>) -> Result<Arc<Source>, Diagnostic> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let byte = error.utf8_error().valid_up_to();
        Diagnostic::error(format!("`{name}` is not UTF-8 text (byte {byte})"))
    })?;
    Ok(Source::new(name, text))
}

/// A file that another file names, from the folder of that one.
pub(super) fn beside(path: &str, place: &Place) -> Result<Arc<Source>, Diagnostic> {
    Files::default().beside(path, place)
}

/// The environment; names and values that are not Unicode can mean nothing here.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn variable<'e>(environment: &'e [(String, String)], name: &str) -> Option<&'e str> {
    environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|v| !v.is_empty())
}

/// Where the admin API of a `serve` in this environment listens.
pub fn admin_address() -> SocketAddr {
    let options = Options { upstream_if_none: Some("http://127.0.0.1"), ..Options::default() };
    let settings = load(&options).ok().and_then(|loaded| loaded.configuration).map(|it| it.settings);
    settings
        .and_then(|settings| settings.admin.listen)
        .unwrap_or_else(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901))
}
