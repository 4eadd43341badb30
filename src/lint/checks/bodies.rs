//! Bodies that never go out, because the answer has a status without one.

use crate::engine::action::{Action, BodyChoice, StatusChoice};
use crate::engine::condition::{Condition, Test};
use crate::engine::mutation::allows_body;
use crate::engine::pattern::{Extent, Pattern};
use crate::engine::subject::Subject;
use crate::vtl::ast::{Action as Step, Expression, Node as Piece};
use crate::vtl::{Limits, Template};

use super::super::Report;
use super::super::advice::{Advice, Lint};
use super::super::logic::solve::Answer;
use super::super::scene::{Scene, condition};

/// Reports a body that is never sent.
pub fn check(scene: &mut Scene<'_>, index: usize, report: &mut Report) {
    let Some(ruled) = scene.rule(index) else { return };
    let (then, name) = (ruled.then, ruled.name());
    let Some(node) = ruled.then(&["body"]) else { return };
    let text = node.entry("template").and_then(|entry| entry.node.scalar_text());
    let overridden = text.and_then(status_of_template);
    if !has_body(&then.body) {
        return;
    }
    let reason = match (&then.status, overridden) {
        (_, Some(status)) if bodiless(status) => format!("the template makes the status {status}"),
        (Some(StatusChoice::Table { rows, default, .. }), None)
            if !may_override(then)
                && !rows.is_empty()
                && rows
                    .iter()
                    .map(|(_, status)| status)
                    .chain(default)
                    .all(|status| !allows_body(*status)) =>
        {
            "every status of the table is one without a body".to_owned()
        }
        (None, None) if !may_override(then) && only_bodiless(scene, index) => {
            "the rule keeps the status, and matches only answers whose status has no body".to_owned()
        }
        _ => return,
    };
    let advice =
        Advice::new(Lint::BodyUnder204, format!("the body that {name} produces is never sent"), &node.place)
            .because(format!("{reason}; 204, 205 and 304 have no body"))
            .fix("give a status that has a body, such as 200, or leave the body out");
    report.advice.push(advice);
}

fn has_body(body: &BodyChoice) -> bool {
    match body {
        BodyChoice::Keep => false,
        BodyChoice::Static { bytes, .. } => !bytes.is_empty(),
        _ => true,
    }
}

fn bodiless(status: i32) -> bool {
    matches!(status, 204 | 205 | 304)
}

/// Whether a template may set another status.
fn may_override(then: &Action) -> bool {
    let of_body = match &then.body {
        BodyChoice::Template { template, .. } => template.names("context"),
        BodyChoice::Templates { choices, .. } => {
            choices.iter().any(|(_, template)| template.names("context"))
        }
        _ => false,
    };
    of_body || then.template.as_ref().is_some_and(|template| template.names("context"))
}

/// Whether the rule matches answers of such a status only.
fn only_bodiless(scene: &mut Scene<'_>, index: usize) -> bool {
    let Ok(pattern) = Pattern::parse("1..|204|205|304", Extent::Whole) else { return false };
    let status = condition(Subject::Status, Test::Matches(vec![pattern]));
    let other = Condition::Not(Box::new(status));
    scene.can_match(index, Some(&other)) == Answer::No && scene.can_match(index, None) != Answer::No
}

/// The status that a template sets whatever it is given: the last one, set outside of every `#if` and loop, if none
/// is set inside.
fn status_of_template(text: &str) -> Option<i32> {
    let template = Template::parse(text, &Limits::default()).ok()?;
    let is_status = |target: &crate::vtl::ast::Reference| {
        let names: Vec<&str> = target
            .steps
            .iter()
            .filter_map(|step| match &step.action {
                Step::Property(name) => Some(&**name),
                _ => None,
            })
            .collect();
        names == ["responseOverride", "status"]
    };
    let mut anywhere = 0;
    template.visit(&mut |mention| {
        anywhere += usize::from(mention.is_target && is_status(mention.reference));
    });
    let outside: Vec<Option<i32>> = template
        .body()
        .0
        .iter()
        .filter_map(|piece| match piece {
            Piece::Set(set) if set.target.as_ref().is_some_and(is_status) => Some(match &set.value {
                Expression::Integer(status) => Some(*status),
                Expression::String(status) => status.parse().ok(),
                _ => None,
            }),
            _ => None,
        })
        .collect();
    (outside.len() == anywhere).then(|| outside.last().copied().flatten()).flatten()
}
