//! Rules as their author wrote them: where each of them stands, and each of its tests. For tools that advise;
//! nothing here is needed to serve.

use crate::diagnostic::Place;
use crate::document::{Entry, Node, Value};

use super::condition::{JOINS, NAMED, OPERATORS, PARTS};
use super::{Quick, line};

/// A rule of the document or of a flag.
#[derive(Debug)]
pub struct WrittenRule<'n> {
    /// The name of the rule set, `None` for rules of flags, which come first in every set.
    pub set: Option<&'n str>,
    /// As in [`Rule::label`](crate::engine::ruleset::Rule::label).
    pub label: String,
    /// The name, or where the rule begins.
    pub place: Place,
    /// What it produces, unless it is a line.
    pub then: Option<&'n Node>,
    /// Its tests, in the order of [`Condition::leaves`](crate::engine::condition::Condition::leaves).
    pub tests: Vec<WrittenTest>,
}

/// One test of a condition.
#[derive(Debug, Clone)]
pub struct WrittenTest {
    /// The word for the operator, where one is written.
    pub operator: Option<Place>,
    /// What is compared with: patterns, texts, literals.
    pub values: Vec<Node>,
    /// Where the test stands.
    pub place: Place,
}

/// All rules that a document and flags have, in their order.
pub fn written<'n>(document: Option<&'n Node>, quick: Quick<'n>) -> Vec<WrittenRule<'n>> {
    let lines = quick.lines.iter().enumerate().map(|(index, node)| WrittenRule {
        set: None,
        label: format!("flags/rule-{}", index + 1),
        place: node.place.clone(),
        then: None,
        tests: line::tests(node),
    });
    let sets = document.and_then(|document| document.entry("rule_sets")).map(|entry| &entry.node);
    let sets = sets.map(entries).unwrap_or_default();
    lines.chain(sets.iter().flat_map(rules_of)).collect()
}

fn rules_of(set: &Entry) -> impl Iterator<Item = WrittenRule<'_>> {
    let rules = match set.node.entry("rules").map(|entry| &entry.node.value) {
        Some(Value::List(rules)) => rules.as_slice(),
        _ => &[],
    };
    rules.iter().enumerate().map(|(index, node)| {
        let name = node.entry("name").map(|entry| &entry.node);
        let label = match name.and_then(Node::scalar_text) {
            Some(name) => format!("{}/{name}", set.key),
            None => format!("{}/rule-{}", set.key, index + 1),
        };
        WrittenRule {
            set: Some(&set.key),
            label,
            place: name.map_or(&node.place, |name| &name.place).clone(),
            then: node.entry("then").map(|entry| &entry.node),
            tests: node.entry("when").map(|when| tests_in(&when.node)).unwrap_or_default(),
        }
    })
}

/// The tests of a condition, in the order in which `condition::read` finds them.
pub fn tests_in(when: &Node) -> Vec<WrittenTest> {
    let mut tests = Vec::new();
    tests.extend(PARTS.iter().filter_map(|key| when.entry(key)).map(|entry| match &entry.node.value {
        Value::Map(_) => with_operator(entry, entries(&entry.node)),
        _ => WrittenTest {
            operator: None,
            values: entry.node.list_or_one().to_vec(),
            place: entry.key_place.clone(),
        },
    }));
    tests.extend(when.entry("empty_body").map(|entry| WrittenTest {
        operator: None,
        values: vec![entry.node.clone()],
        place: entry.key_place.clone(),
    }));
    let named = entries(when).iter().filter(|entry| NAMED.contains(&entry.key.as_str()));
    tests.extend(named.map(|entry| with_operator(entry, entries(when))));
    for key in JOINS {
        let joined = when.entry(key).map(|entry| entry.node.list_or_one()).unwrap_or_default();
        tests.extend(joined.iter().flat_map(tests_in));
    }
    tests
}

fn with_operator(part: &Entry, beside: &[Entry]) -> WrittenTest {
    let operator = beside.iter().find(|entry| OPERATORS.contains(&entry.key.as_str()));
    WrittenTest {
        operator: operator.map(|entry| entry.key_place.clone()),
        values: operator.map(|entry| entry.node.list_or_one().to_vec()).unwrap_or_default(),
        place: part.key_place.clone(),
    }
}

fn entries(node: &Node) -> &[Entry] {
    match &node.value {
        Value::Map(entries) => entries,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Diagnostics, Source};
    use crate::document;
    use crate::engine::ruleset::RuleKind;
    use crate::rules;

    #[test]
    fn tests_stand_in_the_order_of_the_compiled_condition() {
        let text = r"
rule_sets:
  a:
    rules:
      - name: all-forms
        when:
          not: { path: /health }
          any:
            - { json: $.error, matches: 'BUSY.*' }
            - { all: [{ header: retry-after }, { query: q, in: [1, two] }] }
          all: [{ request_header: accept, contains: [json, xml] }]
          json: $.code
          search: '4..'
          empty_body: false
          body: { search: [one, two] }
          status: ['2..', '3..']
        then: { status: 500 }
";
        let lines = [Node::scalar(&Source::new("--rule", "$.a:x & body & status:2.. -> 404"))];
        let quick = Quick { presets: &[], lines: &lines };
        let mut diagnostics = Diagnostics::default();
        let document = document::parse(&Source::new("f.yaml", text), &mut diagnostics);
        let compiled = rules::read(document.as_ref(), quick, &["default".into()], &mut diagnostics);
        assert!(diagnostics.is_empty(), "{:?}", diagnostics.into_sorted());
        let written = written(document.as_ref(), quick);
        let set = compiled.set("a").unwrap();
        assert_eq!(set.rules.len(), written.len());
        for (rule, written) in set.rules.iter().zip(&written) {
            assert_eq!(*rule.label, *written.label);
            let RuleKind::Translate { when, .. } = &rule.kind else { panic!() };
            let compiled: Vec<String> = when.leaves().map(|leaf| leaf.test.to_string()).collect();
            assert_eq!(compiled.len(), written.tests.len());
            for (compiled, written) in compiled.iter().zip(&written.tests) {
                for value in &written.values {
                    let text = value.scalar_text().unwrap();
                    assert!(compiled.contains(text), "{compiled} should hold {text}");
                }
            }
        }
    }
}
