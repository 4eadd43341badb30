//! Rule sets that ship inside: the misbehaviours that many backends share. Each is a file one can read and copy;
//! `use: [name]` tries it after a set's own rules. docs/rules.md says when each is the wrong one.

use crate::diagnostic::{Diagnostics, Place, Source};
use crate::document::{self, Node, Value};

/// A rule set that ships inside.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// The name in `use:` and `--preset`.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        /// All presets, in the order docs/rules.md has them.
        pub const PRESETS: &[Preset] =
            &[$(Preset { name: $name, text: include_str!(concat!("presets/", $name, ".yaml")) }),*];
    };
}

presets![
    "lambda-proxy",
    "lambda-error",
    "status-field",
    "success-flag",
    "soap",
    "graphql",
    "jsonrpc",
    "error-text",
];

/// The names of all presets.
pub fn names<'n>() -> impl Iterator<Item = &'n str> {
    PRESETS.iter().map(|preset| preset.name)
}

impl Preset {
    /// The file as a document. A test reads every preset, so there is always one.
    pub fn document(&self) -> Node {
        let source = Source::new(format!("preset {}", self.name), self.text);
        let empty = Node { place: Place::whole(&source), value: Value::Map(Vec::new()) };
        document::parse(&source, &mut Diagnostics::default()).unwrap_or(empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Quick, read};

    #[test]
    fn every_preset_compiles() {
        for preset in PRESETS {
            let name = Source::new("--preset", preset.name);
            let nodes = [Node::scalar(&name)];
            let mut diagnostics = Diagnostics::default();
            document::parse(&Source::new(preset.name, preset.text), &mut diagnostics);
            let quick = Quick { presets: &nodes, lines: &[] };
            let rules = read(None, quick, &["default".into()], &mut diagnostics);
            let problems: Vec<String> = diagnostics.into_sorted().iter().map(ToString::to_string).collect();
            assert_eq!(problems, Vec::<String>::new(), "{}", preset.name);
            assert!(!rules.set("default").unwrap().rules.is_empty(), "{}", preset.name);
        }
    }
}
