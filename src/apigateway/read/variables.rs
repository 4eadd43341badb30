//! `${NAME}` in a definition that is made of a template, mostly Terraform's: names that were given as parameters have
//! their values. All others are for mapping templates, or for whoever needs them to tell of.

use crate::document::{Entry, Node, Value};

/// The definition with the values of parameters filled in; `$${` is its way to write `${`.
pub fn filled(node: &Node, parameters: &[(String, String)]) -> Node {
    let value = match &node.value {
        Value::Text(text) => filled_value(text, parameters),
        Value::List(items) => Value::List(items.iter().map(|item| filled(item, parameters)).collect()),
        Value::Map(entries) => {
            let filled = |entry: &Entry| Entry {
                key: filled_text(&entry.key, parameters),
                key_place: entry.key_place.clone(),
                node: filled(&entry.node, parameters),
            };
            Value::Map(entries.iter().map(filled).collect())
        }
        scalar => scalar.clone(),
    };
    Node { place: node.place.clone(), value }
}

/// A text that is nothing but a variable may be a number.
fn filled_value(text: &str, parameters: &[(String, String)]) -> Value {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    match name.and_then(|name| value(name, parameters)) {
        Some(value) => Value::plain(value),
        None => Value::Text(filled_text(text, parameters)),
    }
}

fn filled_text(text: &str, parameters: &[(String, String)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        rest = after;
        if let Some(before) = before.strip_suffix('$') {
            filled.extend([before, "${"]);
            continue;
        }
        filled.push_str(before);
        let known = after.split_once('}').and_then(|(name, after)| Some((value(name, parameters)?, after)));
        match known {
            Some((value, after)) => {
                filled.push_str(value);
                rest = after;
            }
            None => filled.push_str("${"),
        }
    }
    filled.push_str(rest);
    filled
}

fn value<'p>(name: &str, parameters: &'p [(String, String)]) -> Option<&'p str> {
    let name = name.trim();
    parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_known_have_their_values() {
        let parameters = [("a".to_owned(), "x".to_owned()), ("n".to_owned(), "7".to_owned())];
        let check =
            |text: &str, expected: &str| assert_eq!(filled_text(text, &parameters), expected, "{text}");
        check("${a}-${ n }", "x-7");
        check("${b}${a}", "${b}x");
        check("$${a} ${stageVariables.a}", "${a} ${stageVariables.a}");
        check("${a", "${a");
        check("$a", "$a");
        assert_eq!(filled_value("${n}", &parameters), Value::Number("7".to_owned()));
        assert_eq!(filled_value("0${n}", &parameters), Value::Text("07".to_owned()));
    }
}
