//! `${NAME}` in a configuration's values is the environment's, so a text that has it for itself is written `$${NAME}`.
//! Keys and templates are left as they are: there it means nothing else (`settings/variables.rs` has the rules).

use crate::document::Yaml;

/// The tree with its texts written so that they come back as they are.
pub fn guarded(yaml: Yaml) -> Yaml {
    match yaml {
        Yaml::Plain(text) => Yaml::Plain(text),
        Yaml::Text(text) => Yaml::Text(guarded_text(&text)),
        Yaml::List(items) => Yaml::List(items.into_iter().map(guarded).collect()),
        Yaml::Map(entries) => Yaml::Map(entries.into_iter().map(guarded_entry).collect()),
        Yaml::Commented(comment, value) => Yaml::Commented(comment, Box::new(guarded(*value))),
    }
}

fn guarded_entry((key, value): (String, Yaml)) -> (String, Yaml) {
    let is_template = match (key.as_str(), &value) {
        ("template", Yaml::Text(_)) => true,
        ("templates", Yaml::Map(templates)) => templates.iter().all(|(_, it)| matches!(it, Yaml::Text(_))),
        _ => false,
    };
    if is_template { (key, value) } else { (key, guarded(value)) }
}

fn guarded_text(text: &str) -> String {
    let mut guarded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        guarded.push_str(before);
        guarded.push_str(if before.ends_with('$') || is_variable(after) { "$${" } else { "${" });
        rest = after;
    }
    guarded.push_str(rest);
    guarded
}

/// Whether what follows `${` makes a variable of it.
fn is_variable(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let is_name = rest.len() < text.len() && !text.starts_with(|c: char| c.is_ascii_digit());
    is_name && ["}", ":-", ":?"].iter().any(|end| rest.starts_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_a_variable_is_guarded() {
        let check = |text: &str, expected: &str| assert_eq!(guarded_text(text), expected, "{text}");
        check("a ${HOST} b", "a $${HOST} b");
        check("${HOST:-x}", "$${HOST:-x}");
        check("$${HOST}", "$$${HOST}");
        check("http://${stage_variables.host}/", "http://${stage_variables.host}/");
        check("a${2,3}$", "a${2,3}$");
        check("a$${2}", "a$$${2}");
    }

    #[test]
    fn templates_are_left_alone() {
        let of = |key: &str| Yaml::map([(key, Yaml::map([("a", Yaml::text("${X}"))]))]);
        assert_eq!(guarded(of("templates")), of("templates"));
        assert_ne!(guarded(of("headers")), of("headers"));
    }
}
