//! `rule_sets:` compiled into [`RuleSet`]s. A set's own rules come first, then its envelope, then what it `use`s:
//! other sets of the file, or presets. Each set is compiled whole, because its rules share one pass over the body.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::document::{Entry, Fields, Node};
use crate::engine::envelope::Contract;
use crate::engine::hold::{HoldChange, OnLimit};
use crate::engine::index::Index;
use crate::engine::retry::Retry;
use crate::engine::ruleset::{Fallback, Mode, OnError, Rule, RuleKind, RuleSet};
use crate::engine::subject::Subjects;
use crate::engine::text::TextSet;

use super::{Quick, action, condition, line, presets, reachable};

/// Keys of a rule set.
pub const SET_KEYS: &[&str] = &["use", "rules", "default", "envelope", "on_error", "hold"];
/// Keys of a rule.
pub const RULE_KEYS: &[&str] = &["name", "mode", "when", "then"];
/// Keys of `hold:`.
pub const HOLD_KEYS: &[&str] = &["max_bytes", "max_time", "on_limit"];

/// Names that mean something else where a rule set is named.
pub const RESERVED_NAMES: [&str; 1] = ["off"];

/// The rule sets of a document, compiled as they are asked for.
pub struct Sets<'a> {
    written: &'a [Entry],
    quick: Quick<'a>,
    compiled: Vec<Arc<RuleSet>>,
    /// Presets that turned out to be needed, parsed once.
    presets: HashMap<&'static str, Node>,
}

impl<'a> Sets<'a> {
    /// Sets of the node at `rule_sets:`.
    pub fn new(node: Option<&'a Node>, quick: Quick<'a>, diagnostics: &mut Diagnostics) -> Sets<'a> {
        let written = node.and_then(|node| node.entries("`rule_sets`", diagnostics)).unwrap_or_default();
        for entry in written.iter().filter(|entry| RESERVED_NAMES.contains(&entry.key.as_str())) {
            diagnostics.error(&entry.key_place, format!("`{}` cannot be the name of a rule set", entry.key));
        }
        Sets { written, quick, compiled: Vec::new(), presets: HashMap::new() }
    }

    /// Names of the file's own sets, in its order.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.written.iter().map(|entry| entry.key.as_str())
    }

    /// Compiles every set of the file, so that every problem is told.
    pub fn compile_all(&mut self, diagnostics: &mut Diagnostics) {
        for node in self.quick.presets {
            if let Some(name) = node.text("a preset", diagnostics)
                && !self.is_known(name)
            {
                diagnostics.push(unknown("preset", name, presets::names()).at(&node.place));
            }
        }
        for name in self.names().collect::<Vec<_>>() {
            self.compile(name, diagnostics);
        }
    }

    /// The set named by a node; an unknown name is reported there.
    pub fn named(&mut self, node: &Node, diagnostics: &mut Diagnostics) -> Option<Arc<RuleSet>> {
        let name = node.text("the name of a rule set", diagnostics)?;
        if !self.is_known(name) {
            let known: Vec<&str> = self.names().chain(presets::names()).collect();
            diagnostics.push(unknown("rule set", name, known).at(&node.place));
            return None;
        }
        Some(self.compile(name, diagnostics))
    }

    /// The set for answers of routes that name none: `default`, or the only one there is, or what flags say.
    pub fn of_no_name(&mut self, diagnostics: &mut Diagnostics) -> Option<Arc<RuleSet>> {
        let names: Vec<&str> = self.names().collect();
        match names.as_slice() {
            [] => Some(self.compile("default", diagnostics)),
            [only] => Some(self.compile(only, diagnostics)),
            names if names.contains(&"default") => Some(self.compile("default", diagnostics)),
            _ => None,
        }
    }

    /// Everything compiled, in the order it was asked for.
    pub fn into_compiled(self) -> Vec<Arc<RuleSet>> {
        self.compiled
    }

    fn is_known(&self, name: &str) -> bool {
        self.names().any(|known| known == name) || presets::names().any(|known| known == name)
    }

    fn compile(&mut self, name: &str, diagnostics: &mut Diagnostics) -> Arc<RuleSet> {
        if let Some(set) = self.compiled.iter().find(|set| &*set.name == name) {
            return Arc::clone(set);
        }
        let set = Arc::new(self.compiled_set(name, diagnostics));
        self.compiled.push(Arc::clone(&set));
        set
    }

    fn compiled_set(&mut self, name: &str, diagnostics: &mut Diagnostics) -> RuleSet {
        let mut build = Build { subjects: Subjects::default(), rules: Vec::new(), path: Vec::new() };
        for (index, node) in self.quick.lines.iter().enumerate() {
            let label = format!("flags/rule-{}", index + 1).into();
            if let Some(kind) = line::read(node, &mut build.subjects, diagnostics) {
                build.rules.push(Rule { label, mode: Mode::Enforce, kind });
            }
        }
        let own = self.node_of(name);
        let mut set = RuleSet {
            name: name.into(),
            rules: Vec::new(),
            index: Index::default(),
            subjects: Subjects::default(),
            default: Fallback::Pass,
            on_error: OnError::Pass,
            hold: HoldChange::default(),
            retries: Vec::new(),
            texts: TextSet::default(),
            text_rules: Vec::new(),
        };
        if let Some(node) = own {
            self.append(name, &node, &mut build, diagnostics);
            if let Some(fields) = node.fields("a rule set", SET_KEYS, &mut Diagnostics::default()) {
                set.default = fallback(name, &fields, &mut build.subjects, diagnostics);
                let choices = [("pass", OnError::Pass), ("fail", OnError::Fail)];
                let on_error = fields.get("on_error");
                set.on_error = on_error
                    .and_then(|n| n.word("an `on_error` choice", &choices, diagnostics))
                    .unwrap_or_default();
                set.hold = fields.get("hold").map(|node| hold(node, diagnostics)).unwrap_or_default();
            }
        }
        for node in self.quick.presets {
            if let Some(text) = node.scalar_text().filter(|text| self.is_known(text)).map(str::to_owned)
                && let Some(preset) = self.node_of(&text)
            {
                self.append(&text, &preset, &mut build, diagnostics);
            }
        }
        let retries = retries(&build.rules, &set.default);
        let set = RuleSet { rules: build.rules, subjects: build.subjects, retries, ..set }.with_texts();
        RuleSet { index: Index::new(&set.rules), ..set }
    }

    /// The set as written: by the file, else as a preset.
    fn node_of(&mut self, name: &str) -> Option<Node> {
        if let Some(entry) = self.written.iter().find(|entry| entry.key == name) {
            return Some(entry.node.clone());
        }
        let preset = presets::PRESETS.iter().find(|preset| preset.name == name)?;
        Some(self.presets.entry(preset.name).or_insert_with(|| preset.document()).clone())
    }

    /// Appends the rules of a set, its envelope and what it uses.
    fn append(&mut self, name: &str, node: &Node, build: &mut Build, diagnostics: &mut Diagnostics) {
        let Some(fields) = node.fields(&format!("rule set `{name}`"), SET_KEYS, diagnostics) else { return };
        build.path.push(name.to_owned());
        let before = build.rules.len();
        let mut places = Vec::new();
        for (index, node) in fields
            .get("rules")
            .and_then(|n| n.list("rules", diagnostics))
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            let Some(rule) = rule(name, index, node, &mut build.subjects, diagnostics) else { continue };
            let own = build.rules.get(before..).unwrap_or_default();
            if own.iter().any(|earlier| earlier.label == rule.label) {
                let message = format!("a second rule with the name `{}`", rule.label);
                diagnostics.push(
                    Diagnostic::error(message)
                        .at(&node.place)
                        .help("logs and metrics could not tell them apart"),
                );
            }
            build.rules.push(rule);
            places.push(node.place.clone());
        }
        reachable::check(build.rules.get(before..).unwrap_or_default(), &places, diagnostics);
        self.append_envelope(name, &fields, build, diagnostics);
        for node in fields.get("use").map(Node::list_or_one).unwrap_or_default() {
            self.append_used(node, build, diagnostics);
        }
        build.path.pop();
    }

    fn append_envelope(
        &self,
        name: &str,
        fields: &Fields<'_>,
        build: &mut Build,
        diagnostics: &mut Diagnostics,
    ) {
        let contracts =
            [("auto", Some(Contract::Auto)), ("required", Some(Contract::Required)), ("off", None)];
        let contract =
            fields.get("envelope").and_then(|n| n.word("an `envelope` choice", &contracts, diagnostics));
        if let Some(contract) = contract.flatten() {
            (build.subjects.body, build.subjects.whole_body) = (true, true);
            let label = format!("{name}/envelope").into();
            build.rules.push(Rule { label, mode: Mode::Enforce, kind: RuleKind::Unwrap(contract) });
        }
    }

    fn append_used(&mut self, node: &Node, build: &mut Build, diagnostics: &mut Diagnostics) {
        let Some(name) = node.text("the name of a preset or rule set", diagnostics) else { return };
        if build.path.iter().any(|before| before == name) {
            let circle = build.path.join("` uses `");
            diagnostics.error(&node.place, format!("rule sets in a circle: `{circle}` uses `{name}`"));
            return;
        }
        match self.node_of(name) {
            Some(used) => self.append(name, &used, build, diagnostics),
            None => {
                let known: Vec<&str> = self.names().chain(presets::names()).collect();
                diagnostics.push(unknown("preset or rule set", name, known).at(&node.place));
            }
        }
    }
}

/// A rule set while it is put together.
struct Build {
    subjects: Subjects,
    rules: Vec<Rule>,
    /// Sets whose `use` led here.
    path: Vec<String>,
}

/// An unknown name, with the one that was probably meant.
pub fn unknown<'n>(what: &str, name: &str, known: impl IntoIterator<Item = &'n str>) -> Diagnostic {
    let known: Vec<&str> = known.into_iter().collect();
    let diagnostic = Diagnostic::error(format!("there is no {what} `{name}`"));
    match did_you_mean(name, known.iter().copied()) {
        Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")),
        None if known.is_empty() => diagnostic,
        None => diagnostic.help(format!("there are: {}", known.join(", "))),
    }
}

fn rule(
    set: &str,
    index: usize,
    node: &Node,
    subjects: &mut Subjects,
    diagnostics: &mut Diagnostics,
) -> Option<Rule> {
    let fields = node.fields("a rule", RULE_KEYS, diagnostics)?;
    let name = fields.get("name").and_then(|node| rule_name(node, diagnostics));
    let modes = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow), ("off", Mode::Off)];
    let mode = fields.get("mode").and_then(|node| mode_word(node, &modes, diagnostics));
    let when = fields
        .require("when", "a rule", diagnostics)
        .and_then(|node| condition::read(node, subjects, diagnostics));
    let then = fields
        .require("then", "a rule", diagnostics)
        .and_then(|node| action::read(node, subjects, diagnostics));
    let name = name.unwrap_or_else(|| format!("rule-{}", index + 1));
    let (when, then) = (when?, then?);
    reachable::captures(&when, &then, &fields, diagnostics);
    Some(Rule {
        label: format!("{set}/{name}").into(),
        mode: mode.unwrap_or_default(),
        kind: RuleKind::Translate { when, then: Box::new(then) },
    })
}

/// Unquoted `off` is the word here, whatever YAML 1.1 thought of it.
fn mode_word(node: &Node, modes: &[(&str, Mode)], diagnostics: &mut Diagnostics) -> Option<Mode> {
    node.word("a mode", modes, diagnostics)
}

/// Names stand in logs, metrics and `Proxy-Status`, so they are kept to plain characters.
fn rule_name(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let name = node.text("a name", diagnostics)?;
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !plain {
        diagnostics.push(
            Diagnostic::error(format!("`{name}` cannot be a name"))
                .at(&node.place)
                .help("letters, digits, `-`, `_` and `.`: the name stands in logs and metrics"),
        );
        return None;
    }
    Some(name.to_owned())
}

fn fallback(
    set: &str,
    fields: &Fields<'_>,
    subjects: &mut Subjects,
    diagnostics: &mut Diagnostics,
) -> Fallback {
    let Some(node) = fields.get("default") else { return Fallback::Pass };
    if node.scalar_text().is_some() {
        node.word("a `default`", &[("pass", ())], diagnostics);
        return Fallback::Pass;
    }
    match action::read(node, subjects, diagnostics) {
        Some(action) => Fallback::Produce(format!("{set}/default").into(), Box::new(action)),
        None => Fallback::Pass,
    }
}

/// What rules that act, and the default, say about sending requests again.
fn retries(rules: &[Rule], default: &Fallback) -> Vec<Arc<Retry>> {
    let of_default = match default {
        Fallback::Produce(_, action) => action.retry.as_ref(),
        Fallback::Pass => None,
    };
    let acting = rules.iter().filter(|rule| rule.mode == Mode::Enforce);
    acting.filter_map(Rule::retry).chain(of_default).cloned().collect()
}

/// Reads `hold:` of a rule set; what it leaves out is as for all.
fn hold(node: &Node, diagnostics: &mut Diagnostics) -> HoldChange {
    let Some(fields) = node.fields("`hold`", HOLD_KEYS, diagnostics) else { return HoldChange::default() };
    let limits = [("pass", OnLimit::Pass), ("fail", OnLimit::Fail)];
    HoldChange {
        max_bytes: fields.get("max_bytes").and_then(|n| n.bytes(diagnostics)),
        max_time: fields.get("max_time").and_then(|n| n.duration(diagnostics)),
        on_limit: fields.get("on_limit").and_then(|n| n.word("an `on_limit` choice", &limits, diagnostics)),
    }
}
