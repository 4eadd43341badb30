//! Settings with a short name of their own: a flag, a variable without levels. `CANDOR_UPSTREAM=http://app:9000
//! CANDOR_PRESET=status-field` is a whole configuration. Some stand for one setting ([`Target::Setting`]); an
//! upstream, presets and rules stand for routes, which others build from [`Quick`].

use std::sync::Arc;

use crate::diagnostic::{Place, Source};
use crate::document::{Node, Value};

/// A configuration in a few words: what was given by short names and is not itself a setting.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Quick {
    /// `--upstream URL`, `CANDOR_UPSTREAM`: the upstream named `default`.
    pub upstream: Option<Node>,
    /// `--preset NAME`…, `CANDOR_PRESET`: names separated by commas or spaces.
    pub presets: Vec<Node>,
    /// `--rule LINE`…, `CANDOR_RULES`: one-line rules, each on its line.
    pub rules: Vec<Node>,
    /// `--lambda NAME=URL`…, `CANDOR_LAMBDAS`, each on its line: `api.lambdas`.
    pub lambdas: Vec<Node>,
    /// `--stage-variable NAME=VALUE`…, `CANDOR_STAGE_VARIABLES`, each on its line: `api.stage_variables`.
    pub stage_variables: Vec<Node>,
    /// `--parameter NAME=VALUE`…: `api.parameters`.
    pub parameters: Vec<Node>,
}

impl Quick {
    /// What this says, and where it says nothing, what `lower` says. Lists are not mixed.
    pub(super) fn over(self, lower: Quick) -> Quick {
        let or = |own: Vec<Node>, lower| if own.is_empty() { lower } else { own };
        Quick {
            upstream: self.upstream.or(lower.upstream),
            presets: or(self.presets, lower.presets),
            rules: or(self.rules, lower.rules),
            lambdas: or(self.lambdas, lower.lambdas),
            stage_variables: or(self.stage_variables, lower.stage_variables),
            parameters: or(self.parameters, lower.parameters),
        }
    }
}

/// A flag that sets something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// `--listen ADDR`
    Listen,
    /// `--admin ADDR`
    Admin,
    /// `--ext-proc ADDR`
    ExtProc,
    /// `--upstream URL`
    Upstream,
    /// `--preset NAME`
    Preset,
    /// `--rule LINE`
    Rule,
    /// `--openapi FILE`
    Openapi,
    /// `--stage NAME`
    Stage,
    /// `--lambda NAME=URL`
    Lambda,
    /// `--stage-variable NAME=VALUE`
    StageVariable,
    /// `--parameter NAME=VALUE`
    Parameter,
}

impl Flag {
    /// The flag as typed.
    pub fn name(self) -> &'static str {
        match self {
            Flag::Listen => "--listen",
            Flag::Admin => "--admin",
            Flag::ExtProc => "--ext-proc",
            Flag::Upstream => "--upstream",
            Flag::Preset => "--preset",
            Flag::Rule => "--rule",
            Flag::Openapi => "--openapi",
            Flag::Stage => "--stage",
            Flag::Lambda => "--lambda",
            Flag::StageVariable => "--stage-variable",
            Flag::Parameter => "--parameter",
        }
    }

    pub(super) fn target(self) -> Target {
        match self {
            Flag::Listen => LISTEN,
            Flag::Admin => ADMIN,
            Flag::ExtProc => EXT_PROC,
            Flag::Upstream => Target::Upstream,
            Flag::Preset => Target::Presets,
            Flag::Rule => Target::Rules,
            Flag::Openapi => DEFINITION,
            Flag::Stage => Target::Setting(&["api", "stage"]),
            Flag::Lambda => Target::Lambdas,
            Flag::StageVariable => Target::StageVariables,
            Flag::Parameter => Target::Parameters,
        }
    }
}

/// What a short name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// One setting: its keys from the top.
    Setting(&'static [&'static str]),
    Upstream,
    Presets,
    Rules,
    Lambdas,
    StageVariables,
    Parameters,
    /// The configuration files themselves, read before there are layers.
    Files,
}

const LISTEN: Target = Target::Setting(&["server", "listen"]);
const ADMIN: Target = Target::Setting(&["admin", "listen"]);
const EXT_PROC: Target = Target::Setting(&["ext_proc", "listen"]);
const DEFINITION: Target = Target::Setting(&["api", "definition"]);

/// Variables with a short name, after `CANDOR_`.
pub(super) const VARIABLES: [(&str, Target); 11] = [
    ("ADMIN", ADMIN),
    ("CONFIG", Target::Files),
    ("EXT_PROC", EXT_PROC),
    ("LAMBDAS", Target::Lambdas),
    ("LISTEN", LISTEN),
    ("LOG", Target::Setting(&["log", "filter"])),
    ("OPENAPI", DEFINITION),
    ("PRESET", Target::Presets),
    ("RULES", Target::Rules),
    ("STAGE_VARIABLES", Target::StageVariables),
    ("UPSTREAM", Target::Upstream),
];

/// The words of a text, each at its place.
pub(super) fn words(text: &str, place: &Place) -> Vec<Node> {
    // The place of a text in quotes has them, its value does not.
    let quote = usize::from(place.width == text.chars().count() + 2);
    let mut offset = quote;
    let mut words = Vec::new();
    for word in text.split(|c: char| c == ',' || c.is_whitespace()) {
        let width = word.chars().count();
        if width > 0 {
            words.push(Node { place: place.within(offset, width), value: Value::Text(word.to_owned()) });
        }
        offset += width + 1;
    }
    words
}

/// The lines of a source that say something, each at its place.
pub(super) fn lines(source: &Arc<Source>) -> Vec<Node> {
    let node = |(index, line): (usize, &str)| {
        let place = Place {
            source: Arc::clone(source),
            line: index + 1,
            column: 1 + line.chars().take_while(|c| c.is_whitespace()).count(),
            width: line.trim().chars().count(),
        };
        Node { place, value: Value::Text(line.trim().to_owned()) }
    };
    source.text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(nodes: &[Node]) -> Vec<(&str, usize, usize, usize)> {
        let mut rows = Vec::new();
        for node in nodes {
            let Place { line, column, width, .. } = node.place;
            rows.push((node.scalar_text().unwrap(), line, column, width));
        }
        rows
    }

    #[test]
    fn words_stand_at_their_places() {
        let check = |text: &str, expected: &[(&str, usize, usize, usize)]| {
            let source = Source::new("CANDOR_PRESET", text);
            assert_eq!(summary(&words(&source.text, &Place::whole(&source))), expected, "{text:?}");
        };
        check("", &[]);
        check("soap", &[("soap", 1, 1, 4)]);
        check(" é, soap\tgraphql,", &[("é", 1, 2, 1), ("soap", 1, 5, 4), ("graphql", 1, 10, 7)]);
        check("404", &[("404", 1, 1, 3)]);
    }

    #[test]
    fn lines_stand_at_their_places() {
        let check = |text: &str, expected: &[(&str, usize, usize, usize)]| {
            assert_eq!(summary(&lines(&Source::new("CANDOR_RULES", text))), expected, "{text:?}");
        };
        check("\n  \n", &[]);
        check("\n  a -> 404 \nb -> 400\r\n", &[("a -> 404", 2, 3, 8), ("b -> 400", 3, 1, 8)]);
    }

    #[test]
    fn a_given_list_replaces_the_lower_one() {
        let quick = |presets: &str, rules: &str| Quick {
            presets: words(presets, &Place::whole(&Source::new("p", presets))),
            rules: lines(&Source::new("r", rules)),
            ..Quick::default()
        };
        let merged = quick("a", "").over(quick("b c", "x -> 1"));
        assert_eq!(summary(&merged.presets), [("a", 1, 1, 1)]);
        assert_eq!(summary(&merged.rules), [("x -> 1", 1, 1, 6)]);
    }
}
