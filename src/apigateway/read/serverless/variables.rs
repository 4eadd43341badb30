//! The variables of `serverless.yml`, as far as the file and what was given with it know their values:
//! `${self:custom.stage}`, `${opt:stage, 'dev'}`, `${env:HOST}`.

use super::super::Options;
use super::super::budget::{Budget, VALUE_BYTES};
use super::at;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::document::{Entry, Node, Value};

/// Variables within variables.
const DEPTH_MAX: usize = 20;
/// Variables that are looked up in all, and bytes that one text may grow to: values that hold themselves twice over could
/// otherwise go on for ever.
const LOOKUPS_MAX: usize = 20_000;
const TEXT_BYTES_MAX: usize = 1 << 20;
/// What begins a variable. Everything else in `${…}` is a template's, or CloudFormation's.
const SOURCES: [&str; 11] =
    ["self:", "opt:", "sls:", "env:", "param:", "aws:", "file(", "ssm:", "cf:", "cf(", "s3:"];
/// Sections that an API consists of.
const SECTIONS: [&str; 4] = ["service", "provider", "functions", "resources"];
/// What has no bearing on an API.
const ELSEWHERE: [&str; 10] = [
    "environment",
    "iam",
    "iamRoleStatements",
    "role",
    "vpc",
    "layers",
    "tags",
    "deploymentBucket",
    "tracing",
    "logs",
];

struct Variables<'a> {
    root: &'a Node,
    options: &'a Options,
    problems: &'a mut Diagnostics,
    lookups: usize,
    budget: Budget,
    /// The paths that are being looked up: a value that holds itself has none.
    open: Vec<String>,
}

/// The document with all values filled in that are known. What is not is told, and stays as it is.
pub fn filled(root: &Node, options: &Options, problems: &mut Diagnostics) -> Node {
    let Value::Map(entries) = &root.value else { return root.clone() };
    let mut variables = Variables {
        root,
        options,
        problems,
        lookups: 0,
        budget: Budget::of_bytes("the variables"),
        open: Vec::new(),
    };
    let filled = |entry: &Entry| match SECTIONS.contains(&entry.key.as_str()) {
        true => Entry { node: variables.node(&entry.node, 0), ..entry.clone() },
        false => entry.clone(),
    };
    Node { place: root.place.clone(), value: Value::Map(entries.iter().map(filled).collect()) }
}

impl Variables<'_> {
    fn makes(&mut self, bytes: usize, place: &Place) -> bool {
        self.budget.takes(bytes, place, self.problems)
    }

    fn node(&mut self, node: &Node, depth: usize) -> Node {
        if depth > 0 && !self.makes(VALUE_BYTES, &node.place) {
            return Node { place: node.place.clone(), value: Value::Null };
        }
        let value = match &node.value {
            Value::List(items) => Value::List(items.iter().map(|item| self.node(item, depth)).collect()),
            Value::Map(entries) => Value::Map(entries.iter().map(|entry| self.entry(entry, depth)).collect()),
            Value::Text(text) => return self.text(text, node, depth),
            scalar => scalar.clone(),
        };
        Node { place: node.place.clone(), value }
    }

    fn entry(&mut self, entry: &Entry, depth: usize) -> Entry {
        match ELSEWHERE.contains(&entry.key.as_str()) {
            true => entry.clone(),
            false => Entry { node: self.node(&entry.node, depth), ..entry.clone() },
        }
    }

    /// A text with its variables filled in, the inner ones first; one that is nothing but a variable is its value.
    fn text(&mut self, text: &str, node: &Node, depth: usize) -> Node {
        let mut text = text.to_owned();
        for _ in 0..DEPTH_MAX {
            let Some((before, expression, after)) = innermost(&text) else { break };
            let Some(value) = self.value(expression, depth) else {
                let problem = Diagnostic::warning(format!("`${{{expression}}}` has no value here"))
                    .at(&node.place)
                    .approximated();
                self.problems
                    .push(problem.help("`serverless print` writes the file with all values filled in"));
                break;
            };
            match value.scalar_text() {
                Some(value) => {
                    let longer = format!("{before}{value}{after}");
                    if longer == text
                        || longer.len() > TEXT_BYTES_MAX
                        || !self.makes(longer.len(), &node.place)
                    {
                        break;
                    }
                    text = longer;
                }
                None if before.is_empty() && after.is_empty() => return value,
                None => break,
            }
        }
        Node { place: node.place.clone(), value: Value::Text(text) }
    }

    /// The first of the alternatives that has a value.
    fn value(&mut self, expression: &str, depth: usize) -> Option<Node> {
        self.lookups += 1;
        if depth >= DEPTH_MAX || self.lookups > LOOKUPS_MAX {
            return None;
        }
        expression.split(',').map(str::trim).find_map(|part| self.one(part, depth))
    }

    fn one(&mut self, part: &str, depth: usize) -> Option<Node> {
        let plain = |text: &str| Node { place: self.root.place.clone(), value: Value::plain(text) };
        if let Some((_, value)) = self.options.parameters.iter().find(|(name, _)| name == part) {
            return Some(plain(value));
        }
        if let Some(text) = quoted(part) {
            return Some(Node { value: Value::Text(text.to_owned()), ..plain("") });
        }
        let Some((source, name)) = part.split_once(':') else {
            // A fallback without quotes: a number or a boolean.
            return (!SOURCES.iter().any(|source| part.starts_with(source))).then(|| plain(part));
        };
        match (source, name) {
            ("self", path) => {
                let parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
                let found = at(self.root, &parts).filter(|_| !self.open.iter().any(|open| open == path))?;
                self.open.push(path.to_owned());
                let value = self.node(found, depth + 1);
                self.open.pop();
                Some(value)
            }
            ("opt" | "sls", "stage") if self.options.stage.is_some() => {
                self.options.stage.as_deref().map(plain)
            }
            ("sls", "stage") => match at(self.root, &["provider", "stage"]) {
                Some(stage) => Some(self.node(stage, depth + 1)),
                None => Some(plain("dev")),
            },
            ("aws", "region") => Some(plain("us-east-1")),
            ("aws", "accountId") => Some(plain("123456789012")),
            (_, name) => {
                let given = self.options.parameters.iter().find(|(known, _)| known == name);
                given.map(|(_, value)| plain(value))
            }
        }
    }
}

/// The last variable that begins in a text, which has none inside it.
fn innermost(text: &str) -> Option<(&str, &str, &str)> {
    let mut end = text.rfind('}')?;
    while let Some(start) = text.get(..end)?.rfind("${") {
        let rest = text.get(start + 2..)?;
        if SOURCES.iter().any(|source| rest.starts_with(source))
            && let Some((expression, after)) = rest.split_once('}')
        {
            return Some((text.get(..start)?, expression, after));
        }
        end = start;
    }
    None
}

fn quoted(text: &str) -> Option<&str> {
    let quoted = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    quoted('\'').or_else(|| quoted('"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::document;

    fn check(service: &str, expected: &str, problems: usize) {
        let text = format!(
            "service: {service}\ncustom: {{ a: x, m: {{ prod: {{ h: p }} }}, loop: '${{self:custom.loop}}', t: {{ k: '${{self:custom.a}}' }} }}\nprovider: {{ stage: \"${{opt:stage, 'prod'}}\" }}\n"
        );
        let mut told = Diagnostics::default();
        let root = document::parse(&Source::new("s.yml", text), &mut told).unwrap();
        let options = Options { parameters: vec![("HOST".into(), "h".into())], ..Options::default() };
        let filled = filled(&root, &options, &mut told);
        assert_eq!(filled.entry("service").unwrap().node.to_json().to_string(), expected, "{service}");
        assert_eq!(told.into_sorted().len().min(1), problems, "{service}");
    }

    #[test]
    fn values_of_the_file_and_of_options_are_filled_in() {
        check("'${self:custom.a}-${env:HOST}'", "\"x-h\"", 0);
        check("'${self:custom.m.${self:provider.stage}.h}'", "\"p\"", 0);
        check("'${self:custom.m.${sls:stage}.h}'", "\"p\"", 0);
        check("'${opt:none, self:custom.a}'", "\"x\"", 0);
        check("'${opt:none, 5}'", "\"5\"", 0);
        check("'${self:custom.t}'", "{\"k\":\"x\"}", 0);
    }

    #[test]
    fn what_has_no_value_stays_and_is_told() {
        check("'${env:NONE}'", "\"${env:NONE}\"", 1);
        check("'${file(a.yml)}'", "\"${file(a.yml)}\"", 1);
        check("'${x} $!{self} ${AWS::Region}'", "\"${x} $!{self} ${AWS::Region}\"", 0);
    }

    #[test]
    fn a_variable_of_itself_ends() {
        check("'${self:custom.loop}'", "\"${self:custom.loop}\"", 1);
    }
}
