//! Conditions that may tell errors from answers that went well, each with the answers it holds for and how sure it
//! is.
//!
//! A condition is as sure as the answers it holds for agree with it in other ways: another field that speaks of an
//! error, words that do, a shape that no good answer of the route has. Each kind of condition has some credit to
//! begin with, worth two answers; answers that look like good ones count against it.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;

use super::seen::{Mark, Observations, Seen};
use crate::traffic::signs::{self, Role, Wording};
use crate::traffic::traits::Form;

/// A condition and what speaks for it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What kind of sign it goes by. The first kinds are tried first.
    pub kind: Kind,
    /// What is looked at; `None` for the body as text.
    pub path: Option<usize>,
    /// What is asked of it.
    pub test: Test,
    /// A field that must not hold anything: answers that have it are good in part.
    pub without: Option<usize>,
    /// The answers it holds for.
    pub matches: Vec<usize>,
    /// From 0 to 1.
    pub confidence: f64,
}

/// A kind of sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The answer describes another one.
    Envelope,
    /// A SOAP fault.
    Fault,
    /// The title of a page has the status.
    Title,
    /// A field has the status.
    Status,
    /// A flag says that it did not go well.
    Flag,
    /// A field that only errors have.
    Error,
    /// A code other than the one of success.
    Code,
    /// A word such as `fail`.
    Word,
    /// A program died.
    Crash,
    /// Words of a message.
    Message,
    /// Words of a short text.
    Complaint,
}

/// What is asked of a field or a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// It is a status from 400 to 599.
    IsErrorStatus,
    /// It is one of these.
    In(Vec<Literal>),
    /// There is one, and it is none of these.
    NotIn(Vec<Literal>),
    /// A pattern is found in it.
    Search(String),
    /// It is an envelope.
    IsEnvelope,
}

/// A value as it stands in a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Literal {
    pub text: String,
    /// Whether it is a text in JSON, too.
    pub is_text: bool,
}

impl Kind {
    /// The credit before any answer is looked at.
    fn prior(self) -> f64 {
        match self {
            Kind::Fault | Kind::Title | Kind::Envelope => 0.95,
            Kind::Status | Kind::Flag => 0.9,
            Kind::Error | Kind::Crash => 0.8,
            Kind::Word | Kind::Code => 0.6,
            Kind::Message | Kind::Complaint => 0.5,
        }
    }

    /// How much an answer that looks like a good one counts against it.
    fn doubt(self) -> f64 {
        match self {
            Kind::Fault | Kind::Title | Kind::Envelope => 0.0,
            Kind::Status | Kind::Flag | Kind::Error | Kind::Crash => 0.3,
            Kind::Code | Kind::Word | Kind::Message | Kind::Complaint => 1.0,
        }
    }
}

/// All conditions that hold for some answer, the most telling first.
pub fn all(observations: &Observations) -> Vec<Candidate> {
    let good_shapes = observations.good_shapes();
    let good_routes = good_shapes.iter().map(|(route, _)| *route).collect();
    let weighing = Weighing { observations, good_shapes, good_routes };
    let mut fields: BTreeMap<(usize, Role), Vec<usize>> = BTreeMap::new();
    let mut texts: BTreeMap<Wording, Vec<usize>> = BTreeMap::new();
    let mut envelopes = Vec::new();
    for (index, seen) in observations.seen.iter().enumerate() {
        for mark in &seen.marks {
            fields.entry((mark.path, mark.role)).or_default().push(index);
        }
        if let Some(wording) = seen.wording {
            texts.entry(wording).or_default().push(index);
        }
        if seen.is_envelope {
            envelopes.push(index);
        }
    }
    let has_envelopes = !envelopes.is_empty();
    let mut candidates = Vec::new();
    if has_envelopes {
        candidates.extend(weighing.weigh(Kind::Envelope, None, Test::IsEnvelope, envelopes));
    }
    for ((path, role), answers) in &fields {
        match role {
            Role::Message => candidates.extend(weighing.messages(*path, answers)),
            _ => candidates.extend(weighing.field(*path, *role, answers)),
        }
    }
    for (wording, answers) in texts {
        let (kind, pattern) = match wording {
            Wording::Title => (Kind::Title, signs::TITLE_STATUS.to_owned()),
            Wording::Crash(pattern) => (Kind::Crash, pattern.to_owned()),
            Wording::Complaint(words) => (Kind::Complaint, words.to_owned()),
        };
        candidates.extend(weighing.weigh(kind, None, Test::Search(pattern), answers));
    }
    let order = |candidate: &Candidate| {
        let path = candidate.path.map(|path| observations.paths.name(path).to_owned());
        (candidate.kind, std::cmp::Reverse(candidate.matches.len()), path)
    };
    candidates.sort_by_cached_key(order);
    candidates
}

/// What conditions are weighed by.
struct Weighing<'o> {
    observations: &'o Observations,
    good_shapes: BTreeSet<(usize, usize)>,
    good_routes: BTreeSet<usize>,
}

impl Weighing<'_> {
    fn seen(&self, index: usize) -> Option<&Seen> {
        self.observations.seen.get(index)
    }

    /// The marks of some answers at a path.
    fn marks<'a>(&'a self, path: usize, answers: &'a [usize]) -> impl Iterator<Item = (usize, &'a Mark)> {
        answers.iter().filter_map(move |index| Some((*index, self.seen(*index)?.mark(path)?)))
    }

    fn literal(&self, mark: &Mark) -> Literal {
        Literal { text: self.observations.values.name(mark.value).to_owned(), is_text: mark.is_text }
    }

    /// The condition that a field of this role leads to.
    fn field(&self, path: usize, role: Role, answers: &[usize]) -> Option<Candidate> {
        let bad: Vec<usize> =
            self.marks(path, answers).filter(|(_, mark)| mark.is_bad).map(|(index, _)| index).collect();
        let literals = |of_bad: bool| -> Vec<Literal> {
            let marks = self.marks(path, answers).filter(|(_, mark)| mark.is_bad == of_bad);
            marks.map(|(_, mark)| self.literal(mark)).collect::<BTreeSet<_>>().into_iter().collect()
        };
        match role {
            Role::Fault => self.weigh(Kind::Fault, Some(path), Test::NotIn(Vec::new()), bad),
            Role::Flag { .. } => self.weigh(Kind::Flag, Some(path), Test::In(literals(true)), bad),
            Role::Word => self.weigh(Kind::Word, Some(path), Test::In(literals(true)), bad),
            Role::Error => {
                // Lists and objects have no value; empty ones are asked for by what is in them.
                let empty = literals(false).into_iter().filter(|literal| literal.is_text).collect();
                self.weigh(Kind::Error, Some(path), Test::NotIn(empty), bad)
            }
            Role::Number => self.number(path, answers),
            Role::Name | Role::Message => None,
        }
    }

    /// Conditions on the words with which messages complain.
    fn messages(&self, path: usize, answers: &[usize]) -> Vec<Candidate> {
        let mut words: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, mark) in self.marks(path, answers) {
            words.entry(mark.value).or_default().push(index);
        }
        let search = |value: usize| Test::Search(self.observations.values.name(value).to_owned());
        let weighed = |(value, matches)| self.weigh(Kind::Message, Some(path), search(value), matches);
        words.into_iter().filter_map(weighed).collect()
    }

    /// A number is a status where all that are seen are; otherwise a code, if it is known which one means success.
    fn number(&self, path: usize, answers: &[usize]) -> Option<Candidate> {
        let numbers: Vec<(usize, i64, &Mark)> = self
            .marks(path, answers)
            .filter_map(|(index, mark)| {
                Some((index, signs::number(self.observations.values.name(mark.value))?, mark))
            })
            .collect();
        let is_status = |number: i64| {
            let status = u16::try_from(number).ok().and_then(|number| StatusCode::from_u16(number).ok());
            status.is_some_and(|status| status.canonical_reason().is_some())
        };
        let bad = |is_bad: &dyn Fn(i64) -> bool| -> Vec<usize> {
            numbers.iter().filter(|(_, number, _)| is_bad(*number)).map(|(index, ..)| *index).collect()
        };
        if numbers.iter().all(|(_, number, _)| is_status(*number) || *number == 0) {
            let bad = bad(&|number| number >= 400);
            return self.weigh(Kind::Status, Some(path), Test::IsErrorStatus, bad);
        }
        let is_success = |number: i64| [0, 200, 20_000].contains(&number);
        let good: BTreeSet<Literal> = numbers
            .iter()
            .filter(|(_, number, _)| is_success(*number))
            .map(|(_, _, mark)| self.literal(mark))
            .collect();
        let bad = bad(&|number| !is_success(number));
        if !good.is_empty() {
            let test = Test::NotIn(good.into_iter().collect());
            return self.weigh(Kind::Code, Some(path), test, bad);
        }
        // Within an error there are codes, too; the error is the sign then.
        let name = self.observations.paths.name(path);
        let is_within =
            |mark: &Mark| mark.role == Role::Error && is_below(name, self.observations.paths.name(mark.path));
        let within =
            bad.iter().filter(|index| self.seen(**index).is_some_and(|it| it.marks.iter().any(is_within)));
        if within.count() > 0 {
            return None;
        }
        let codes: BTreeSet<Literal> = numbers.iter().map(|(_, _, mark)| self.literal(mark)).collect();
        // Many different numbers are what something is called, not how it went.
        (codes.len() <= 12)
            .then(|| self.weigh(Kind::Code, Some(path), Test::In(codes.into_iter().collect()), bad))
            .flatten()
    }

    /// How sure a condition is that holds for these answers.
    fn weigh(
        &self,
        kind: Kind,
        path: Option<usize>,
        test: Test,
        mut matches: Vec<usize>,
    ) -> Option<Candidate> {
        let without = path.filter(|_| kind == Kind::Error).and_then(|_| self.payload_beside(&matches));
        if let Some(payload) = without {
            matches.retain(|index| self.seen(*index).is_some_and(|seen| !seen.payload.contains(&payload)));
        }
        let (mut agreeing, mut contradicting) = (0_usize, 0_usize);
        for seen in matches.iter().filter_map(|index| self.seen(*index)) {
            match self.agrees(seen, kind, path) {
                true => agreeing += 1,
                false if self.looks_good(seen) => contradicting += 1,
                false => {}
            }
        }
        let support = matches.len() as f64;
        if matches.is_empty() {
            return None;
        }
        let doubt = 1.0 - kind.doubt() * contradicting as f64 / support;
        let confidence = (agreeing as f64 + 2.0 * kind.prior()) / (support + 2.0) * doubt;
        Some(Candidate { kind, path, test, without, matches, confidence })
    }

    /// Whether something else than this field speaks of an error.
    fn agrees(&self, seen: &Seen, kind: Kind, path: Option<usize>) -> bool {
        let name = path.map(|path| self.observations.paths.name(path)).unwrap_or_default();
        let is_other = |mark: &Mark| {
            let other = self.observations.paths.name(mark.path);
            path.is_none() || !(other == name || is_below(other, name) || is_below(name, other))
        };
        let has_good = self.good_routes.contains(&seen.route);
        (kind != Kind::Message && kind != Kind::Complaint && seen.says.is_some())
            || seen.marks.iter().any(|mark| mark.is_bad && is_other(mark))
            || (has_good && !self.looks_good(seen))
    }

    fn looks_good(&self, seen: &Seen) -> bool {
        self.good_shapes.contains(&(seen.route, seen.shape))
    }

    /// The field that good answers of the same routes have, and some of these: those are good in part.
    fn payload_beside(&self, matches: &[usize]) -> Option<usize> {
        let matching: BTreeSet<usize> = matches.iter().copied().collect();
        let routes: BTreeSet<usize> =
            matches.iter().filter_map(|index| Some(self.seen(*index)?.route)).collect();
        let mut others = 0_usize;
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for (index, seen) in self.observations.seen.iter().enumerate() {
            if seen.form == Form::Json && routes.contains(&seen.route) && !matching.contains(&index) {
                others += 1;
                seen.payload.iter().for_each(|path| *counts.entry(*path).or_default() += 1);
            }
        }
        let has = |path: usize| {
            matches
                .iter()
                .filter(|index| self.seen(**index).is_some_and(|seen| seen.payload.contains(&path)))
                .count()
        };
        let in_part = |path: usize| (1..matches.len()).contains(&has(path));
        let is_usual = |count: usize| others >= 2 && count * 10 >= others * 9;
        counts.into_iter().find(|(path, count)| is_usual(*count) && in_part(*path)).map(|(path, _)| path)
    }
}

/// Whether a path leads on from another.
fn is_below(path: &str, other: &str) -> bool {
    path.strip_prefix(other).is_some_and(|rest| rest.starts_with(['.', '[', '/']))
}
