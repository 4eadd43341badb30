//! A path that may name many values: wildcards, slices, filters, descendants (RFC 9535).
//! It needs the tree of the whole body, unlike a [`DefinitePath`](super::DefinitePath).

use std::fmt;

use serde_json::Value;
use serde_json_path::JsonPath;

use super::path::{DefinitePath, PathError};

/// Brackets and parentheses within each other. The parser of filters tries both readings of a nested
/// filter, which doubles the work with every level; real paths stay under four.
const NESTING_MAX: usize = 12;

/// A compiled RFC 9535 query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    text: String,
    path: JsonPath,
}

impl Query {
    /// Compiles `text`, of which the first `read` characters were already read as `start`.
    pub(super) fn compile(text: &str, start: &DefinitePath, read: usize) -> Result<Query, PathError> {
        let rest: String = text.chars().skip(read).collect();
        refuse_deep_nesting(&rest, read)?;
        // The start is written anew, so that a path without `$` and names with `-` work here too.
        let start = start.canonical();
        let path = JsonPath::parse(&format!("{start}{rest}")).map_err(|error| {
            let offset = chars_before(&rest, error.position().saturating_sub(start.len()));
            let message = in_our_words(error.message(), rest.chars().skip(offset));
            PathError { message, offset: read + offset }
        })?;
        Ok(Query { text: text.to_owned(), path })
    }

    /// The values that the query names, in document order.
    pub fn nodes<'v>(&self, root: &'v Value) -> Vec<&'v Value> {
        self.path.query(root).all()
    }
}

/// The query as its author wrote it.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn refuse_deep_nesting(rest: &str, read: usize) -> Result<(), PathError> {
    let mut depth = 0_usize;
    for (offset, char) in rest.chars().enumerate() {
        match char {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING_MAX {
            let message = format!("brackets are nested more than {NESTING_MAX} deep");
            return Err(PathError { message, offset: read + offset });
        }
    }
    Ok(())
}

fn chars_before(text: &str, byte: usize) -> usize {
    text.char_indices().take_while(|(at, _)| *at < byte).count()
}

/// The parser's message without its inner names, and with what it stumbled over.
fn in_our_words(message: &str, mut from: impl Iterator<Item = char>) -> String {
    let expected = match message.rsplit_once(" segment, ").map_or(message, |(_, problem)| problem) {
        "expected closing ']'" => "expected `]`",
        "must start with lowercase alpha or '_'" => "expected a name",
        "parser error" => "not JSONPath (RFC 9535) from here on",
        problem => return problem.replace('\'', "`"),
    };
    match from.find(|char| !char.is_whitespace()) {
        Some(found) => format!("{expected}, found `{found}`"),
        None => format!("{expected}, found the end"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Path, tree};

    const BODY: &str = r#"{
        "items": [{"id": 1, "code": 404}, {"id": 2, "code": 5.0e2}, {"id": 3, "code": "404"}, {"id": 4}],
        "error-list": [{"code": "A"}, {"code": "B"}],
        "big": 12345678901234567890,
        "code": 404.0
    }"#;

    #[track_caller]
    fn check(path: &str, expected: &[&str]) {
        let Ok(Path::Query(query)) = Path::parse(path) else { panic!("`{path}` is not a query") };
        let body = tree(BODY.as_bytes()).unwrap();
        let nodes: Vec<String> = query.nodes(&body).iter().map(|node| node.to_string()).collect();
        assert_eq!(nodes, expected, "{path}");
    }

    #[test]
    fn a_query_names_many_values() {
        check("$.items[*].id", &["1", "2", "3", "4"]);
        check("items[*].id", &["1", "2", "3", "4"]);
        check("$.items[-1].id", &["4"]);
        check("$.items[1:3].id", &["2", "3"]);
        check("$.items[0,2].id", &["1", "3"]);
        check("$['big','code']", &["12345678901234567890", "404.0"]);
        check("$..code", &["404.0", "404", "5.0e+2", "\"404\"", "\"A\"", "\"B\""]);
        check("error-list[*].code", &["\"A\"", "\"B\""]);
        check("$.missing[*]", &[]);
    }

    #[test]
    fn filters_compare_numbers_by_value_although_they_are_kept_as_written() {
        check("$.items[?@.code == 404].id", &["1"]);
        check("$.items[?@.code == 404.0].id", &["1"]);
        check("$.items[?@.code == 500].id", &["2"]);
        check("$.items[?@.code > 404].id", &["2"]);
        check("$.items[?@.code <= 500].id", &["1", "2"]);
        check("$.items[?@.code != 404].id", &["2", "3", "4"]);
        check("$.items[?@.code == '404'].id", &["3"]);
        check("$.items[?@.code == $.code].id", &["1"]);
        check("$[?@ > 1e19]", &["12345678901234567890"]);
        check("$[?length(@) == 2]", &[r#"[{"code":"A"},{"code":"B"}]"#]);
        check("$.items[?match(@.code, '4..')].id", &["3"]);
    }
}
