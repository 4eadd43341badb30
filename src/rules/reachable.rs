//! Rules that can never have an effect: one that an earlier rule always comes before, and one that asks for a
//! capture its patterns do not have.

use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::document::Fields;
use crate::engine::action::{Action, Origin};
use crate::engine::condition::{Condition, Leaf, Literal, Test};
use crate::engine::ruleset::{Mode, Rule, RuleKind};
use crate::engine::subject::Subject;

use super::condition;

/// Reports each rule of one set that can never match because an earlier one matches whenever it would.
pub fn check(rules: &[Rule], places: &[Place], diagnostics: &mut Diagnostics) {
    for (index, (rule, place)) in rules.iter().zip(places).enumerate() {
        let RuleKind::Translate { when, .. } = &rule.kind else { continue };
        let earlier = rules.iter().zip(places).take(index).find(|(earlier, _)| {
            earlier.mode == Mode::Enforce
                && matches!(&earlier.kind, RuleKind::Translate { when: first, .. } if implies(when, first))
        });
        if let Some((earlier, first)) = earlier {
            let message = format!("rule `{}` can never match: `{}` comes first", rule.label, earlier.label);
            diagnostics.push(Diagnostic::error(message).at(place).help(format!(
                "`{}` (line {}) matches every answer that this one would; put the narrower rule first",
                earlier.label, first.line
            )));
        }
    }
}

/// Whether `first` surely holds wherever `when` holds. May say no where it does; never says yes where it does not.
/// The whole truth is for [`lint`](crate::lint): it takes automata, which nobody should wait for when rules are loaded.
fn implies(when: &Condition, first: &Condition) -> bool {
    match (when, first) {
        (_, Condition::All(all)) => all.iter().all(|part| implies(when, part)),
        (Condition::Any(any), _) => any.iter().all(|part| implies(part, first)),
        (_, Condition::Any(any)) => any.iter().any(|part| implies(when, part)),
        (Condition::All(all), _) => all.iter().any(|part| implies(part, first)),
        (Condition::Not(a), Condition::Not(b)) => implies(b, a),
        (Condition::Leaf(a), Condition::Leaf(b)) => leaf_implies(a, b),
        (Condition::Leaf(_), Condition::Not(_)) | (Condition::Not(_), Condition::Leaf(_)) => false,
    }
}

fn leaf_implies(when: &Leaf, first: &Leaf) -> bool {
    if !when.subject.same_as(&first.subject) {
        return false;
    }
    if when.test.to_string() == first.test.to_string() {
        return true;
    }
    match (&when.test, &first.test) {
        // Every status there can be is tried.
        (Test::Matches(_), Test::Matches(wide)) if matches!(when.subject, Subject::Status) => {
            let Test::Matches(narrow) = &when.test else { return false };
            condition::statuses().all(|status| {
                !narrow.iter().any(|p| p.is_match(&status)) || wide.iter().any(|p| p.is_match(&status))
            })
        }
        (Test::Matches(narrow), Test::Matches(wide)) => {
            narrow.iter().all(|n| wide.iter().any(|w| n.compiled_text() == w.compiled_text()))
        }
        (Test::Equals(narrow), Test::Equals(wide)) => narrow.iter().all(|literal| wide.contains(literal)),
        (Test::Equals(literals), Test::Matches(patterns)) => literals.iter().all(|literal| match literal {
            Literal::Text(text) => patterns.iter().any(|p| p.is_match(text)),
            // In a body `7` also equals `7.0`, which the pattern may not fit.
            Literal::Number(text) if !when.subject.reads_body() => patterns.iter().any(|p| p.is_match(text)),
            Literal::Number(_) | Literal::Bool(_) | Literal::Null => false,
        }),
        (Test::Equals(literals), Test::Exists(true)) => !literals.contains(&Literal::Null),
        (Test::Matches(_) | Test::Contains(_), Test::Exists(true)) => true,
        _ => false,
    }
}

/// Reports captures that no pattern of the rule has.
pub fn captures(when: &Condition, then: &Action, rule: &Fields<'_>, diagnostics: &mut Diagnostics) {
    let groups: Vec<&str> = when
        .leaves()
        .filter_map(|leaf| match &leaf.test {
            Test::Matches(patterns) => Some(patterns),
            _ => None,
        })
        .flatten()
        .flat_map(|pattern| pattern.group_names())
        .collect();
    let place = rule.entry("then").map_or(rule.place(), |entry| &entry.key_place);
    for name in then.sources().filter_map(|source| match &source.origin {
        Origin::Capture(name) => Some(name.as_str()),
        Origin::Subject(_) => None,
    }) {
        if !groups.contains(&name) {
            diagnostics.push(super::set::unknown("capture", name, groups.iter().copied()).at(place).help(
                match groups.as_slice() {
                    [] => "name a group in a pattern of this rule: `(?<code>\\d{3})`".to_owned(),
                    groups => format!("this rule's patterns have: {}", groups.join(", ")),
                },
            ));
        }
    }
}
