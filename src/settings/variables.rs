//! `${NAME}` inside a file's values: environment variables put in before the file is read further.
//! Three forms: `${NAME}`, `${NAME:-default}` (unset or empty), `${NAME:?message}`. `$${` is a literal `${`.
//! Everything else that holds a dollar sign (regular expressions) stays as written, and all of a mapping template:
//! there `${name}` is the template's own.

use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::document::{Entry, Node, Value};

/// What the environment says of a name.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Puts the values of variables into every text of the tree; keys are left alone. A value that is one
/// variable and nothing else is typed as if it had been written there: `port: ${PORT:-80}` is a number.
pub fn substitute(node: &mut Node, lookup: Lookup<'_>, diagnostics: &mut Diagnostics) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| substitute(item, lookup, diagnostics)),
        Value::Map(entries) => {
            let others = entries.iter_mut().filter(|entry| !is_template(entry));
            others.for_each(|Entry { node, .. }| substitute(node, lookup, diagnostics));
        }
        Value::Text(text) if text.contains("${") => {
            node.value = expand(text, &node.place, lookup, diagnostics);
        }
        Value::Text(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether the entry is a template, or several by media type, written in the file itself.
fn is_template(entry: &Entry) -> bool {
    match (entry.key.as_str(), &entry.node.value) {
        ("template", Value::Text(_)) => true,
        ("templates", Value::Map(templates)) => {
            templates.iter().all(|template| matches!(template.node.value, Value::Text(_)))
        }
        _ => false,
    }
}

fn expand(text: &str, place: &Place, lookup: Lookup<'_>, diagnostics: &mut Diagnostics) -> Value {
    let mut value = |reference: &Reference<'_>| {
        let value = reference.value(lookup);
        value.map_err(|problem| diagnostics.push(problem.at(&within(place, reference.name)))).ok()
    };
    if let Some((reference, "")) = text.strip_prefix("${").and_then(Reference::read) {
        return value(&reference).map_or(Value::Null, |value| Value::plain(&value));
    }
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let escaped = before.strip_suffix('$');
        expanded.push_str(escaped.unwrap_or(before));
        match Reference::read(after).filter(|_| escaped.is_none()) {
            Some((reference, after)) => {
                // The name stands in for a missing value, so that the rest of the text can still be checked.
                expanded.push_str(value(&reference).as_deref().unwrap_or(reference.name));
                rest = after;
            }
            None => {
                expanded.push_str("${");
                rest = after;
            }
        }
    }
    expanded.push_str(rest);
    Value::Text(expanded)
}

/// Where `${name` stands on the line of the value, or the whole value when its text is on later lines.
fn within(place: &Place, name: &str) -> Place {
    let line = place.source.line(place.line).unwrap_or_default();
    let value: String = line.chars().skip(place.column.saturating_sub(1)).collect();
    match value.split_once(&format!("${{{name}")) {
        Some((before, _)) => place.within(before.chars().count(), name.chars().count() + 2),
        None => place.clone(),
    }
}

/// One `${…}`: a name, and what to do when there is nothing behind it.
struct Reference<'t> {
    name: &'t str,
    otherwise: Otherwise<'t>,
}

enum Otherwise<'t> {
    Unset,
    Default(&'t str),
    Message(&'t str),
    /// `:-` or `:?` without a closing brace.
    Open,
}

impl<'t> Reference<'t> {
    /// Reads what follows `${`, and gives what follows the closing brace. `None` when it is not a variable.
    fn read(text: &'t str) -> Option<(Reference<'t>, &'t str)> {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        let (name, rest) = text.split_at_checked(end)?;
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return None;
        }
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((Reference { name, otherwise: Otherwise::Unset }, rest));
        }
        let (otherwise, rest): (fn(&'t str) -> Otherwise<'t>, _) =
            match (rest.strip_prefix(":-"), rest.strip_prefix(":?")) {
                (Some(rest), _) => (Otherwise::Default, rest),
                (_, Some(rest)) => (Otherwise::Message, rest),
                (None, None) => return None,
            };
        Some(match rest.split_once('}') {
            Some((words, rest)) => (Reference { name, otherwise: otherwise(words) }, rest),
            None => (Reference { name, otherwise: Otherwise::Open }, ""),
        })
    }

    fn value(&self, lookup: Lookup<'_>) -> Result<String, Diagnostic> {
        let name = self.name;
        let set = lookup(name);
        match self.otherwise {
            Otherwise::Open => Err(Diagnostic::error(format!("`${{{name}` is not closed by `}}`"))),
            Otherwise::Default(text) if text.contains("${") => {
                Err(Diagnostic::error(format!("the default of `{name}` holds another variable"))
                    .help("a default is plain text"))
            }
            Otherwise::Unset => set.ok_or_else(|| {
                Diagnostic::error(format!("the variable `{name}` is not set")).help(format!(
                    "set it, give a default as `${{{name}:-…}}`, or write `$${{{name}}}` for the text itself"
                ))
            }),
            Otherwise::Default(text) => {
                Ok(set.filter(|value| !value.is_empty()).unwrap_or_else(|| text.to_owned()))
            }
            Otherwise::Message(text) => set
                .filter(|value| !value.is_empty())
                .ok_or_else(|| Diagnostic::error(format!("the variable `{name}` is not set: {text}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::document::parse;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("app".into()),
            "PORT" => Some("9000".into()),
            "EMPTY" => Some(String::new()),
            "_TRICK" => Some("${HOST}".into()),
            _ => None,
        }
    }

    fn read(text: &str) -> (Node, Vec<Diagnostic>) {
        let mut diagnostics = Diagnostics::default();
        let mut node = parse(&Source::new("f.yaml", text), &mut diagnostics).unwrap();
        substitute(&mut node, &lookup, &mut diagnostics);
        (node, diagnostics.into_sorted())
    }

    fn check(value: &str, expected: Value) {
        let (node, problems) = read(&format!("it: {value}"));
        assert_eq!(problems, [], "{value}");
        let Value::Map(entries) = node.value else { panic!("not a map") };
        assert_eq!(entries[0].node.value, expected, "{value}");
    }

    fn check_text(value: &str, expected: &str) {
        check(value, Value::Text(expected.into()));
    }

    #[test]
    fn variables_are_put_in() {
        check_text("http://${HOST}:${PORT}/x", "http://app:9000/x");
        check_text("'${HOST}-${HOST}'", "app-app");
        check_text("x${EMPTY}", "x");
        check_text("'${NONE:-a b}!'", "a b!");
        check_text("'${EMPTY:-a}!'", "a!");
        check_text("'${HOST:-a}!'", "app!");
        check_text("'${NONE:-}!'", "!");
        check_text("'${HOST:?needed}!'", "app!");
        check_text("'${_TRICK}!'", "${HOST}!");
    }

    #[test]
    fn a_lone_variable_is_typed_as_if_written_there() {
        check("${PORT}", Value::Number("9000".into()));
        check("${NONE:-true}", Value::Bool(true));
        check("'${PORT}'", Value::Number("9000".into()));
        check("${HOST}", Value::Text("app".into()));
        check("${EMPTY}", Value::Null);
        check("${PORT}${EMPTY}", Value::Text("9000".into()));
    }

    #[test]
    fn other_dollars_stay_as_written() {
        check_text("'4\\d{2}$'", "4\\d{2}$");
        check_text("$.statusCode", "$.statusCode");
        check_text("'^$|a${2,3}'", "^$|a${2,3}");
        check_text("'${input.json(''$'')} $!{x} ${}'", "${input.json('$')} $!{x} ${}");
        check_text("'${HOST'", "${HOST");
        check_text("'${HOST-x}'", "${HOST-x}");
        check_text("'${1A} ${é}'", "${1A} ${é}");
        check_text("$${HOST}", "${HOST}");
        check_text("'$$${HOST} ${HOST}'", "$${HOST} app");
    }

    #[test]
    fn lists_are_searched_and_keys_are_not() {
        let (node, problems) = read("'${HOST}': [{ a: '${HOST}' }]");
        assert_eq!(problems, []);
        let Value::Map(entries) = node.value else { panic!("not a map") };
        assert_eq!(entries[0].key, "${HOST}");
        let Value::List(items) = &entries[0].node.value else { panic!("not a list") };
        let Value::Map(inner) = &items[0].value else { panic!("not a map") };
        assert_eq!(inner[0].node.value, Value::Text("app".into()));
    }

    #[test]
    fn what_cannot_be_put_in_is_told_with_its_place() {
        let check = |text: &str, expected: &str, column: usize, width: usize| {
            let (_, problems) = read(text);
            let place = problems[0].place.as_ref().unwrap();
            assert_eq!(problems[0].message, expected);
            assert_eq!((place.column, place.width), (column, width), "{text}");
        };
        check("a: http://${NOPE}/", "the variable `NOPE` is not set", 11, 6);
        check("a: 'é \"${NOPE}'", "the variable `NOPE` is not set", 8, 6);
        check("a: |\n  ${NOPE} x\n", "the variable `NOPE` is not set", 3, 6);
        check("a: |\n  x y\n  ${NOPE}\n", "the variable `NOPE` is not set", 3, 3);
        check("a: ${NOPE:?which host?}", "the variable `NOPE` is not set: which host?", 4, 6);
        check("a: ${EMPTY:?which}", "the variable `EMPTY` is not set: which", 4, 7);
        check("a: x${HOST:-y", "`${HOST` is not closed by `}`", 5, 6);
        check("a: '${HOST:-${PORT}}'", "the default of `HOST` holds another variable", 5, 6);
    }
}
