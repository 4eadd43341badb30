//! `when:` read into a [`Condition`]. A map holds when all its keys hold; `json`, `header`, `request_header`,
//! `query` and `xml` name a part and take an operator beside them.

use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::document::{Fields, Node, Value};
use crate::engine::condition::{Condition, Leaf, Literal, Test};
use crate::engine::json::Want;
use crate::engine::pattern::{Extent, Pattern};
use crate::engine::subject::{Subject, Subjects};

use super::source;

/// Keys that join conditions.
pub(super) const JOINS: [&str; 3] = ["all", "any", "not"];
/// Keys that are a part of the exchange, with a pattern or a map of operators as value.
pub(super) const PARTS: [&str; 6] = ["status", "method", "path", "content_type", "error", "body"];
/// Keys that name a part of the exchange, with an operator beside them.
pub(super) const NAMED: [&str; 5] = ["json", "header", "request_header", "query", "xml"];
/// Operators.
pub(super) const OPERATORS: [&str; 6] = ["matches", "search", "contains", "equals", "in", "exists"];

/// All keys of a condition.
pub fn keys() -> Vec<&'static str> {
    [&JOINS[..], &PARTS, &["empty_body"], &NAMED, &OPERATORS].concat()
}

/// Reads a condition.
pub fn read(node: &Node, subjects: &mut Subjects, diagnostics: &mut Diagnostics) -> Option<Condition> {
    let fields = node.fields("a condition", &keys(), diagnostics)?;
    if fields.entries().is_empty() {
        diagnostics.push(
            Diagnostic::error("an empty condition").at(&node.place).help(
                "for answers that no rule matches there is `default:`; to match every answer write `status: '.*'`",
            ),
        );
        return None;
    }
    // Single tests first: they are cheap, and mostly settle the matter.
    let mut all = parts(&fields, subjects, diagnostics);
    all.extend(named(&fields, subjects, diagnostics));
    all.extend(joined(&fields, subjects, diagnostics));
    // What could not be read was reported; a condition without it would mean something else.
    all.into_iter().collect::<Option<Vec<_>>>().map(|mut all| match all.len() {
        1 => all.remove(0),
        _ => Condition::All(all),
    })
}

fn joined(
    fields: &Fields<'_>,
    subjects: &mut Subjects,
    diagnostics: &mut Diagnostics,
) -> Vec<Option<Condition>> {
    let mut list = |key: &str, join: fn(Vec<Condition>) -> Condition| {
        let node = fields.get(key)?;
        let conditions = node.list("conditions", diagnostics).map(|nodes| {
            if nodes.is_empty() {
                diagnostics.error(&node.place, format!("`{key}` without conditions"));
            }
            nodes.iter().map(|node| read(node, subjects, diagnostics)).collect::<Vec<_>>()
        });
        Some(conditions.and_then(|c| c.into_iter().collect::<Option<Vec<_>>>()).map(join))
    };
    let mut all: Vec<Option<Condition>> =
        [list("all", Condition::All), list("any", Condition::Any)].into_iter().flatten().collect();
    if let Some(node) = fields.get("not") {
        all.push(read(node, subjects, diagnostics).map(|condition| Condition::Not(Box::new(condition))));
    }
    all
}

fn parts(
    fields: &Fields<'_>,
    subjects: &mut Subjects,
    diagnostics: &mut Diagnostics,
) -> Vec<Option<Condition>> {
    let mut all = Vec::new();
    for key in PARTS {
        let Some(node) = fields.get(key) else { continue };
        let subject = source::subject(key, &node.place, Want::Value, subjects, diagnostics);
        let test = match &node.value {
            Value::Map(_) => match node.fields("an operator", &OPERATORS, diagnostics) {
                Some(operators) => operator(&operators, node, diagnostics),
                None => None,
            },
            _ => patterns(node, Extent::Whole, diagnostics),
        };
        check_statuses(subject.as_ref(), test.as_ref(), &node.place, diagnostics);
        all.push(leaf(subject, test));
    }
    if let Some(node) = fields.get("empty_body") {
        let subject = Some(subjects.whole_body(Subject::EmptyBody));
        let test = node.bool(diagnostics).map(|empty| Test::Equals(vec![Literal::Bool(empty)]));
        all.push(leaf(subject, test));
    }
    all
}

fn named(
    fields: &Fields<'_>,
    subjects: &mut Subjects,
    diagnostics: &mut Diagnostics,
) -> Vec<Option<Condition>> {
    let here: Vec<_> = fields.entries().iter().filter(|entry| NAMED.contains(&entry.key.as_str())).collect();
    let operators = fields.entries().iter().find(|entry| OPERATORS.contains(&entry.key.as_str()));
    match (here.as_slice(), operators) {
        ([], None) => Vec::new(),
        ([], Some(operator)) => {
            diagnostics.push(
                Diagnostic::error(format!("`{}` of what?", operator.key)).at(&operator.key_place).help(
                    format!(
                        "name a part beside it ({}) or put it below one (`body: {{ {}: … }}`)",
                        NAMED.join(", "),
                        operator.key
                    ),
                ),
            );
            vec![None]
        }
        ([entry], _) => {
            // Without an operator, naming a part asks whether it is there.
            let test = match operators {
                Some(_) => operator(fields, &entry.node, diagnostics),
                None => Some(Test::Exists(true)),
            };
            let want = match test {
                Some(Test::Exists(_)) => Want::Presence,
                _ => Want::Value,
            };
            vec![leaf(named_subject(&entry.key, &entry.node, want, subjects, diagnostics), test)]
        }
        ([first, second, ..], _) => {
            let message = format!("`{}` and `{}` in one condition", first.key, second.key);
            diagnostics.push(
                Diagnostic::error(message)
                    .at(&second.key_place)
                    .help("put each with its operator in an entry of `all:` or `any:`"),
            );
            vec![None]
        }
    }
}

fn named_subject(
    key: &str,
    node: &Node,
    want: Want,
    subjects: &mut Subjects,
    diagnostics: &mut Diagnostics,
) -> Option<Subject> {
    let text = node.text(&format!("a name for `{key}`"), diagnostics)?;
    match key {
        "json" => source::json(text, &node.place, want, subjects, diagnostics).map(Subject::Json),
        "header" => {
            source::header_name(text, &node.place, diagnostics).map(|name| subjects.answer_header(name))
        }
        "request_header" => {
            source::header_name(text, &node.place, diagnostics).map(|name| subjects.request_header(name))
        }
        "query" => Some(Subject::Query(text.to_owned())),
        _ => source::xml(text, &node.place, subjects, diagnostics),
    }
}

/// Every status that an upstream can send, as its three digits.
pub fn statuses() -> impl Iterator<Item = String> {
    (100..1000).map(|status: u16| status.to_string())
}

/// Reports patterns that fit no status: most are meant as a beginning or a part of one.
pub fn check_statuses(
    subject: Option<&Subject>,
    test: Option<&Test>,
    place: &Place,
    diagnostics: &mut Diagnostics,
) {
    let (Some(Subject::Status), Some(Test::Matches(patterns))) = (subject, test) else { return };
    for pattern in patterns.iter().filter(|pattern| !statuses().any(|status| pattern.is_match(&status))) {
        diagnostics.push(
            Diagnostic::error(format!("no status matches `{pattern}`"))
                .at(place)
                .help("the pattern must fit all three digits: `404`, `4\\d{2}`, `40[13]`"),
        );
    }
}

/// One test of one part. A body is there when it has bytes, so whether it exists is asked of its length.
pub fn leaf(subject: Option<Subject>, test: Option<Test>) -> Option<Condition> {
    let is_empty = |wanted| Test::Equals(vec![Literal::Bool(wanted)]);
    let (subject, test) = match (subject?, test?) {
        (Subject::Body, Test::Exists(wanted)) => (Subject::EmptyBody, is_empty(!wanted)),
        (Subject::EmptyBody, Test::Exists(wanted)) => (Subject::EmptyBody, is_empty(wanted)),
        asked => asked,
    };
    Some(Condition::Leaf(Leaf { subject, test, sought: None }))
}

/// The one operator among these fields.
fn operator(fields: &Fields<'_>, subject: &Node, diagnostics: &mut Diagnostics) -> Option<Test> {
    let mut operators = fields.entries().iter().filter(|entry| OPERATORS.contains(&entry.key.as_str()));
    let Some(first) = operators.next() else {
        diagnostics.error(&subject.place, format!("an operator is missing: one of {}", OPERATORS.join(", ")));
        return None;
    };
    if let Some(second) = operators.next() {
        diagnostics.push(
            Diagnostic::error(format!("`{}` beside `{}`", second.key, first.key))
                .at(&second.key_place)
                .help("one operator a condition; join several with `all:` or `any:`"),
        );
        return None;
    }
    let node = &first.node;
    match first.key.as_str() {
        "matches" => patterns(node, Extent::Whole, diagnostics),
        "search" => patterns(node, Extent::Anywhere, diagnostics),
        "contains" => contains(node, diagnostics),
        "exists" => node.bool(diagnostics).map(Test::Exists),
        "in" => node.list("values", diagnostics).and_then(|nodes| literals(nodes, node, diagnostics)),
        _ => literals(std::slice::from_ref(node), node, diagnostics),
    }
}

fn patterns(node: &Node, extent: Extent, diagnostics: &mut Diagnostics) -> Option<Test> {
    let patterns: Option<Vec<Pattern>> =
        node.list_or_one().iter().map(|node| pattern(node, extent, diagnostics)).collect();
    let patterns = patterns?;
    if patterns.is_empty() {
        diagnostics.error(&node.place, "a list without patterns");
        return None;
    }
    Some(Test::Matches(patterns))
}

fn pattern(node: &Node, extent: Extent, diagnostics: &mut Diagnostics) -> Option<Pattern> {
    let text = node.text("a pattern", diagnostics)?;
    compiled(text, extent, node, diagnostics)
}

/// Compiles the text of a node as a pattern.
pub fn compiled(text: &str, extent: Extent, node: &Node, diagnostics: &mut Diagnostics) -> Option<Pattern> {
    match Pattern::parse(text, extent) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let diagnostic = Diagnostic::error(format!("pattern `{text}` {}", error.message));
            // In quotes or a block the text begins later than the value.
            let quote = usize::from(node.place.width > text.chars().count());
            let diagnostic = match text.contains('\n') {
                true => diagnostic.at(&node.place),
                false => diagnostic.at(&node.place.within(quote + error.offset, 1)),
            };
            diagnostics.push(match error.message.contains("look-around") || error.message.contains("backreferences") {
                true => diagnostic.help("native patterns run in linear time, so they have no look-around and no back-references; use `not:`, or another rule before this one"),
                false => diagnostic,
            });
            None
        }
    }
}

fn contains(node: &Node, diagnostics: &mut Diagnostics) -> Option<Test> {
    let needles: Option<Vec<String>> = node
        .list_or_one()
        .iter()
        .map(|node| {
            let text = node.text("text", diagnostics)?;
            if text.is_empty() {
                diagnostics.error(&node.place, "every value contains the empty text");
                return None;
            }
            Some(text.to_owned())
        })
        .collect();
    let needles = needles?;
    if needles.is_empty() {
        diagnostics.error(&node.place, "nothing to look for");
        return None;
    }
    Some(Test::Contains(needles))
}

/// Reads the values to compare with; `list` is where they stand.
fn literals(nodes: &[Node], list: &Node, diagnostics: &mut Diagnostics) -> Option<Test> {
    let literals: Option<Vec<Literal>> = nodes
        .iter()
        .map(|node| match &node.value {
            Value::Text(text) => Some(Literal::Text(text.clone())),
            Value::Number(text) => Some(Literal::Number(text.clone())),
            Value::Bool(value) => Some(Literal::Bool(*value)),
            Value::Null => Some(Literal::Null),
            Value::List(_) | Value::Map(_) => {
                diagnostics.error(&node.place, format!("cannot compare with {}", node.value.kind()));
                None
            }
        })
        .collect();
    let literals = literals?;
    if literals.is_empty() {
        diagnostics.error(&list.place, "nothing to compare with");
        return None;
    }
    Some(Test::Equals(literals))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::document;

    fn problems(when: &str) -> Vec<String> {
        let mut diagnostics = Diagnostics::default();
        let node = document::parse(&Source::new("when", when), &mut diagnostics).unwrap();
        read(&node, &mut Subjects::default(), &mut diagnostics);
        diagnostics.into_sorted().into_iter().map(|diagnostic| diagnostic.message).collect()
    }

    #[track_caller]
    fn check(when: &str, expected: &[&str]) {
        assert_eq!(problems(when), expected, "{when}");
    }

    #[test]
    fn patterns_that_fit_no_status_are_told() {
        check("status: '4'", &["no status matches `4`"]);
        check("status: ['4', '40[13]', 4000]", &["no status matches `4`", "no status matches `4000`"]);
        check("status: { search: '^4' }", &[]);
        check("status: { matches: '10..' }", &["no status matches `10..`"]);
        check("status: 999", &[]);
    }

    #[test]
    fn what_a_condition_lacks_or_has_too_much_is_told() {
        check("{}", &["an empty condition"]);
        check("matches: x", &["`matches` of what?"]);
        check("{ json: $.a, header: x-a }", &["`json` and `header` in one condition"]);
        check("{ json: $.a, equals: 1, in: [1] }", &["`in` beside `equals`"]);
        check(
            "{ body: {} }",
            &["an operator is missing: one of matches, search, contains, equals, in, exists"],
        );
        check("{ any: [] }", &["`any` without conditions"]);
        check("{ json: $.a, contains: '' }", &["every value contains the empty text"]);
        check("{ json: $.a, contains: [] }", &["nothing to look for"]);
        check("{ json: $.a, in: [] }", &["nothing to compare with"]);
    }
}
