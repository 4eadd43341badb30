//! Rules that match no answer, and rules that earlier ones always come before.

use http::Method;

use crate::engine::condition::{Condition, Leaf};
use crate::engine::subject::Subject;

use super::super::Report;
use super::super::advice::{Advice, Lint, Note};
use super::super::logic::formula::Formula;
use super::super::logic::solve::{Answer, Model, solve};
use super::super::logic::universe::BodyIs;
use super::super::scene::{Ruled, Scene};

/// Earlier rules that are weighed together before it is given up.
const TOGETHER_MAX: usize = 48;

/// Reports rules that can never decide.
pub fn check(scene: &mut Scene<'_>, report: &mut Report) {
    for index in scene.own() {
        match scene.can_match(index, None) {
            Answer::With(model) => shadow(scene, index, &model, report),
            Answer::No => impossible(scene, index, report),
            Answer::Unknown => undecided(scene, index, "can match at all", report),
        }
    }
}

fn undecided(scene: &Scene<'_>, index: usize, what: &str, report: &mut Report) {
    let Some(ruled) = scene.rule(index) else { return };
    let message = format!("not decided whether {} {what}", ruled.name());
    report.undecided.push(Note { place: ruled.written.place.clone(), message });
}

fn impossible(scene: &Scene<'_>, index: usize, report: &mut Report) {
    let Some(ruled) = scene.rule(index) else { return };
    let message = format!("{} can never match", ruled.name());
    // Where it could match an answer whose body is read although it never is, that is the reason.
    let if_read = |routed| {
        let formulas: Vec<&Formula> =
            [ruled.matches(BodyIs::Known)].into_iter().chain(scene.laws(routed)).collect();
        solve(&scene.universe, &formulas)
    };
    let advice = match (if_read(true), if_read(false), scene.methods()) {
        (Answer::With(model), ..) => Advice::new(Lint::BodyNotRead, message, &ruled.written.place)
            .because(format!(
                "it looks at the body of answers whose body is never looked at{}",
                heads(scene, ruled)
            ))
            .fix("ask for the status, headers or the request alone, or for other answers")
            .witness(scene.shown(index, &model)),
        (_, Answer::With(_), Some(methods)) => Advice::new(Lint::NeverMatches, message, &ruled.written.place)
            .because(format!("the routes that lead to it take no other requests than {}", joined(methods)))
            .fix("remove it, or name the methods it is for in a route"),
        _ => {
            let reason = culprit(scene, ruled);
            let reason = reason.unwrap_or_else(|| "no answer fits all of its conditions at once".to_owned());
            let on_type = ruled.when.leaves().any(|leaf| matches!(leaf.subject, Subject::ContentType));
            let hint = match on_type {
                true => "; content types are compared in lower case, without parameters",
                false => "",
            };
            Advice::new(Lint::NeverMatches, message, &ruled.written.place)
                .because(reason)
                .fix(format!("remove it, or correct the condition{hint}"))
        }
    };
    report.advice.push(advice);
}

fn joined(methods: &[Method]) -> String {
    methods.iter().map(|method| method.as_str()).collect::<Vec<_>>().join(", ")
}

/// What a rule asks of the head of an answer, in parentheses.
fn heads(scene: &Scene<'_>, ruled: &Ruled<'_>) -> String {
    let heads = ruled.when.leaves().filter(|leaf| !leaf.subject.reads_body());
    let heads = heads.map(|leaf| format!("{} {}", leaf.subject, leaf.test));
    let routes = scene.methods().map(|methods| format!("routes for {}", joined(methods)));
    match heads.chain(routes).collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => String::new(),
        heads => format!(" ({heads})"),
    }
}

/// The tests of one part that cannot hold together.
fn culprit(scene: &Scene<'_>, ruled: &Ruled<'_>) -> Option<String> {
    let (tests, formulas) = match (ruled.when, ruled.matches(BodyIs::Known)) {
        (Condition::All(tests), Formula::All(formulas)) => (tests.as_slice(), formulas.as_slice()),
        (one, formula) => (std::slice::from_ref(one), std::slice::from_ref(formula)),
    };
    let asked: Vec<(&Formula, String, &Leaf)> = formulas
        .iter()
        .zip(tests)
        .filter_map(|(formula, part)| match part {
            Condition::Leaf(leaf) => Some((formula, leaf.test.to_string(), leaf)),
            Condition::Not(inner) => match &**inner {
                Condition::Leaf(leaf) => Some((formula, format!("not {}", leaf.test), leaf)),
                _ => None,
            },
            _ => None,
        })
        .collect();
    let cannot = |formulas: &[&Formula]| solve(&scene.universe, formulas) == Answer::No;
    if let Some((_, test, leaf)) = asked.iter().find(|(formula, _, _)| cannot(&[formula])) {
        return Some(format!("no {} {test}", leaf.subject));
    }
    asked.iter().enumerate().find_map(|(index, (first, one, leaf))| {
        let (_, other, _) = asked.iter().skip(index + 1).find(|(second, _, _)| cannot(&[first, second]))?;
        Some(format!("no {} {one} and {other}", leaf.subject))
    })
}

/// What is found of a rule and those before it.
enum Covered {
    /// Some answer is left to it.
    No,
    /// These leave nothing.
    By(Vec<usize>),
    Unknown,
}

fn shadow(scene: &Scene<'_>, index: usize, model: &Model, report: &mut Report) {
    let mut by = Vec::new();
    for body in [BodyIs::Known, BodyIs::Withheld] {
        match covered(scene, index, body) {
            Covered::No => return,
            Covered::Unknown => return undecided(scene, index, "is ever reached", report),
            Covered::By(rules) => by.extend(rules),
        }
    }
    by.sort_unstable();
    by.dedup();
    report.advice.extend(shadowed(scene, index, &by, model));
}

/// The advice about a rule that these come before.
fn shadowed(scene: &Scene<'_>, index: usize, by: &[usize], model: &Model) -> Option<Advice> {
    let place = &scene.rule(index)?.written.place;
    let names: Vec<String> = by
        .iter()
        .filter_map(|earlier| scene.rule(*earlier))
        .map(|earlier| match &earlier.written.place {
            first if first.source == place.source => format!("{} (line {})", earlier.name(), first.line),
            first => format!("{} ({first})", earlier.name()),
        })
        .collect();
    let (reason, them) = match names.as_slice() {
        [one] => (format!("{one} matches every answer that this one would"), "it"),
        several => (format!("{} together match every answer that this one would", list(several)), "them"),
    };
    let shown = scene.shown(index, model);
    let advice =
        Advice::new(Lint::ShadowedRule, format!("{} is never reached", scene.rule(index)?.name()), place)
            .fix(format!("put the narrower rule before {them}, or remove it"));
    Some(match decides(scene, index, model) {
        Some(name) if !shown.is_empty() => {
            advice.because(format!("{reason}: of {shown}, {name} decides")).witness(shown)
        }
        _ => advice.because(reason),
    })
}

/// The first of the rules before one that matches an answer.
fn decides(scene: &Scene<'_>, index: usize, model: &Model) -> Option<String> {
    let worlds = [BodyIs::Known, BodyIs::Withheld];
    let matches = |earlier: &Ruled<'_>| {
        worlds.iter().any(|body| model.fits(earlier.matches(*body), &scene.universe) == Some(true))
    };
    scene.before(index).find(|(_, earlier)| matches(earlier)).map(|(_, earlier)| earlier.name())
}

fn list(names: &[String]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// Whether an answer is left that a rule matches and none before it. Rules that stand in the way of an example are
/// taken in one after the other, until there is an example with none in its way, or no example.
fn covered(scene: &Scene<'_>, index: usize, body: BodyIs) -> Covered {
    let Some(ruled) = scene.rule(index) else { return Covered::Unknown };
    let earlier: Vec<(usize, &Formula)> =
        scene.before(index).map(|(index, earlier)| (index, earlier.passes_over(body))).collect();
    let musts: Vec<&Formula> = [ruled.matches(body)].into_iter().chain(scene.world(body)).collect();
    let mut taken: Vec<(usize, &Formula)> = Vec::new();
    loop {
        let formulas: Vec<&Formula> =
            musts.iter().copied().chain(taken.iter().map(|(_, formula)| *formula)).collect();
        let model = match solve(&scene.universe, &formulas) {
            Answer::With(model) => model,
            Answer::Unknown => return Covered::Unknown,
            Answer::No => return Covered::By(needed(scene, &musts, taken)),
        };
        let mut standing = earlier.iter().filter(|it| !taken.iter().any(|taken| taken.0 == it.0));
        match standing.find(|(_, formula)| model.fits(formula, &scene.universe) != Some(true)) {
            None => return Covered::No,
            Some(_) if taken.len() == TOGETHER_MAX => return Covered::Unknown,
            Some(standing) => taken.push(*standing),
        }
    }
}

/// Those of the rules without which something would be left.
fn needed(scene: &Scene<'_>, musts: &[&Formula], taken: Vec<(usize, &Formula)>) -> Vec<usize> {
    let mut needed = taken;
    let mut at = 0;
    while at < needed.len() {
        let others =
            needed.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, (_, formula))| *formula);
        let formulas: Vec<&Formula> = musts.iter().copied().chain(others).collect();
        if solve(&scene.universe, &formulas) == Answer::No {
            needed.remove(at);
        } else {
            at += 1;
        }
    }
    needed.into_iter().map(|(index, _)| index).collect()
}
