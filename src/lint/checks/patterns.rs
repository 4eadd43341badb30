//! Patterns that fit more or less than they look like.

use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

use crate::document::Node;
use crate::engine::condition::{Leaf, Test};
use crate::engine::pattern::{Extent, Pattern};
use crate::engine::subject::Subject;
use crate::rules::WrittenTest;

use super::super::Report;
use super::super::advice::{Advice, Lint, shown};
use super::super::edit::Edit;
use super::super::logic::language::Language;
use super::super::logic::part::{Kind, Part};
use super::super::logic::product::{self, Budget, Member};
use super::super::scene::Scene;

/// Texts without a line feed.
const ONE_LINE: &str = r"^[^\n]*$";
/// A number that people write.
const NUMBER: &str = "^[1-9][0-9]*$";
/// Digits of any script.
const DIGITS: &str = r"^\d+$";

/// Reports patterns of a rule.
pub fn check(scene: &Scene<'_>, index: usize, report: &mut Report) {
    let Some(ruled) = scene.rule(index) else { return };
    for (leaf, written) in ruled.tests() {
        let Test::Matches(patterns) = &leaf.test else { continue };
        for (pattern, node) in patterns.iter().zip(&written.values) {
            let Some(hir) = pattern.hir() else { continue };
            let one = One { leaf, pattern, hir, node, written };
            let advice = match pattern.extent() {
                Extent::Anywhere => one.searches_for_nothing().or_else(|| one.unanchored_number()),
                Extent::Whole => {
                    one.matches_empty().or_else(|| one.half_anchored()).or_else(|| one.dot_newline())
                }
            };
            report.advice.extend(advice);
        }
    }
}

/// One pattern of a test.
struct One<'a> {
    leaf: &'a Leaf,
    pattern: &'a Pattern,
    hir: Hir,
    node: &'a Node,
    written: &'a WrittenTest,
}

impl One<'_> {
    fn advice(&self, lint: Lint, message: String) -> Advice {
        Advice::new(lint, message, &self.node.place)
    }

    /// The change of the pattern, unless it stands in a flag.
    fn edit(&self, to: &str) -> Option<Edit> {
        let from = self.node.scalar_text()?.to_owned();
        Some(Edit { place: self.node.place.clone(), from, to: to.to_owned() })
    }

    fn searches_for_nothing(&self) -> Option<Advice> {
        if !self.pattern.is_match("") {
            return None;
        }
        let subject = &self.leaf.subject;
        let advice = self
            .advice(Lint::MatchesEmpty, format!("`{}` is found in every value", self.pattern))
            .because(
                "`search` looks for the pattern anywhere, and it fits the empty text, which is everywhere",
            )
            .witness("")
            .fix(format!(
                "write what must be there at least, or ask only whether there is a value at {subject}"
            ));
        Some(self.with_plus(advice))
    }

    fn matches_empty(&self) -> Option<Advice> {
        let can_be_empty = !matches!(
            self.leaf.subject,
            Subject::Status | Subject::Method | Subject::Path | Subject::ContentType | Subject::EmptyBody
        );
        let fits_all = || {
            let texts = language(ONE_LINE)?;
            let own = language(&self.pattern.over_whole_value())?;
            Some(member(&[&texts], &[&own]) == Member::None)
        };
        if !can_be_empty || !self.pattern.is_match("") || says_empty(&self.hir) || fits_all() != Some(false) {
            return None;
        }
        let advice = self
            .advice(Lint::MatchesEmpty, format!("`{}` fits the empty text", self.pattern))
            .because(format!("a value at {} that is empty passes, too", self.leaf.subject))
            .witness("")
            .fix("ask for one character at least; where the empty text is meant, write it: `|…`");
        Some(self.with_plus(advice))
    }

    /// A star at the very end made a plus.
    fn with_plus(&self, advice: Advice) -> Advice {
        let text = self.pattern.to_string();
        let is_star = matches!(self.hir.kind(), HirKind::Repetition(Repetition { min: 0, max: None, .. }));
        match text.strip_suffix('*') {
            Some(rest) if is_star => {
                let plus = format!("{rest}+");
                advice.fix(format!("write `{plus}`")).edit(self.edit(&plus))
            }
            _ => advice,
        }
    }

    fn unanchored_number(&self) -> Option<Advice> {
        let properties = self.hir.properties();
        if properties.minimum_len() == Some(0) || !properties.look_set().is_empty() {
            return None;
        }
        let own = Pattern::parse(&self.pattern.to_string(), Extent::Whole).ok()?;
        let (whole, found) =
            (language(&own.over_whole_value())?, language(&self.pattern.over_whole_value())?);
        let only_digits = member(&[&whole, &language("^(?s:.*)$")?], &[&language(DIGITS)?]) == Member::None;
        if !only_digits {
            return None;
        }
        let part = Part::of(&self.leaf.subject);
        let Member::Found(longer) = member(&[&found, &language(NUMBER)?, part.texts(Kind::Text)?], &[&whole])
        else {
            return None;
        };
        let is_choice = matches!(self.hir.kind(), HirKind::Alternation(_));
        let bounded = match is_choice {
            true => format!(r"\b(?:{})\b", self.pattern),
            false => format!(r"\b{}\b", self.pattern),
        };
        Some(
            self.advice(Lint::UnanchoredNumber, format!("`{}` is found within longer numbers", self.pattern))
                .because(format!("`search` looks anywhere, so {} passes", shown(&longer)))
                .witness(longer)
                .fix(format!(
                    "write `{bounded}`, or `matches: '{}'` where the number is the whole value",
                    self.pattern
                ))
                .edit(self.edit(&bounded)),
        )
    }

    fn half_anchored(&self) -> Option<Advice> {
        let HirKind::Concat(parts) = self.hir.kind() else { return None };
        let (first, last) = (parts.first()?.kind(), parts.last()?.kind());
        let is_text = |kind: &HirKind| matches!(kind, HirKind::Literal(_));
        let (anchor, open) = match (first, last) {
            (HirKind::Look(Look::Start), last) if is_text(last) => ("^", "begins"),
            (first, HirKind::Look(Look::End)) if is_text(first) => ("$", "ends"),
            _ => return None,
        };
        // Of several patterns below one operator the others may be as they should.
        let operator = self.written.operator.as_ref().filter(|_| self.written.values.len() == 1);
        let edit = operator.map(|place| Edit {
            place: place.clone(),
            from: "matches".to_owned(),
            to: "search".to_owned(),
        });
        let text = self.pattern.to_string();
        let fix = match (anchor, &edit) {
            (_, Some(_)) => format!("write `search: '{text}'`"),
            ("^", None) => {
                format!("write `(?s){text}.*`, or `{}` for the whole value", text.replacen('^', "", 1))
            }
            (_, None) => {
                format!("write `(?s).*{text}`, or `{}` for the whole value", text.trim_end_matches('$'))
            }
        };
        let advice = self
            .advice(Lint::HalfAnchored, format!("`{text}` fits one value only, and not what {open} so"))
            .because(format!("`matches` means the whole value, where `{anchor}` says nothing"))
            .fix(fix)
            .edit(edit);
        Some(advice)
    }

    fn dot_newline(&self) -> Option<Advice> {
        let (begins, ends) = margins(&self.hir);
        let asked = match self.leaf.subject {
            Subject::Body | Subject::Error(_) => begins || ends,
            Subject::Json(_) | Subject::Xml { .. } => begins,
            _ => false,
        };
        if !asked {
            return None;
        }
        let text = self.pattern.to_string();
        let dotted = over_lines(&text);
        let wide = Pattern::parse(&dotted, Extent::Whole).ok()?;
        let (own, wide) = (language(&self.pattern.over_whole_value())?, language(&wide.over_whole_value())?);
        let Member::Found(missed) = member(&[&wide, &language("^(?s:.*)$")?], &[&own]) else { return None };
        Some(
            self.advice(Lint::DotNewline, format!("`{text}` fits no text of several lines"))
                .because(format!("`.` does not match a line feed, so {} does not pass", shown(&missed)))
                .witness(missed)
                .fix(format!("write `{dotted}`"))
                .edit(self.edit(&dotted)),
        )
    }
}

fn member(inside: &[&Language], outside: &[&Language]) -> Member {
    product::member(inside, outside, &Budget::default())
}

fn language(pattern: &str) -> Option<Language> {
    Language::of(&[pattern.to_owned()])
}

/// Whether the empty text is one of the choices that are written out.
fn says_empty(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty => true,
        HirKind::Alternation(choices) => choices.iter().any(says_empty),
        HirKind::Capture(group) => says_empty(&group.sub),
        HirKind::Concat(parts) => parts
            .iter()
            .all(|part| matches!(part.kind(), HirKind::Look(Look::Start | Look::End)) || says_empty(part)),
        _ => false,
    }
}

/// Whether a pattern begins, and whether it ends, with `.*` or `.+` that stop at a line feed.
fn margins(hir: &Hir) -> (bool, bool) {
    match hir.kind() {
        HirKind::Concat(parts) => (parts.first().is_some_and(is_line), parts.last().is_some_and(is_line)),
        _ => (is_line(hir), is_line(hir)),
    }
}

fn is_line(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Capture(group) => is_line(&group.sub),
        HirKind::Repetition(Repetition { max: None, sub, .. }) => {
            let HirKind::Class(Class::Unicode(class)) = sub.kind() else { return false };
            let mut others = class.clone();
            others.negate();
            let [only] = others.ranges() else { return false };
            (only.start(), only.end()) == ('\n', '\n')
        }
        _ => false,
    }
}

/// The pattern with dots that match line feeds.
fn over_lines(pattern: &str) -> String {
    let flags = pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')'));
    match flags {
        Some((flags, rest)) if flags.bytes().all(|flag| b"imuUxR".contains(&flag)) => {
            format!("(?{flags}s){rest}")
        }
        _ => format!("(?s){pattern}"),
    }
}
