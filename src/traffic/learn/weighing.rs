//! Conditions that may tell errors from answers that went well, each with the answers it holds for and how sure it
//! is.
//!
//! A condition is as sure as the answers it holds for agree with it in other ways: another field that speaks of an
//! error, words that do, a shape that no good answer of the route has. Each kind of condition has some credit to
//! begin with, worth two answers; answers that look like good ones count against it.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;

use super::candidate::{Candidate, Kind, Literal, Test};
use super::seen::{Mark, Observations, Seen};
use crate::traffic::signs::{self, Role, Wording};
use crate::traffic::traits::Form;

/// Different numbers that may be codes for errors.
const CODES_MAX: usize = 12;
/// Answers of a route that it takes to say that they are all alike.
const MANY: usize = 20;

/// All conditions that hold for some answer, the most telling first.
pub fn candidates(observations: &Observations) -> Vec<Candidate> {
    let good_shapes = observations.good_shapes();
    let good_routes = good_shapes.iter().map(|(route, _)| *route).collect();
    let mut answers: BTreeMap<usize, usize> = BTreeMap::new();
    observations.seen.iter().for_each(|seen| *answers.entry(seen.route).or_default() += 1);
    let weighing = Weighing { observations, good_shapes, good_routes, answers };
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
            Role::Number => candidates.extend(weighing.numbers(*path, answers)),
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

/// What numbers at a path mean.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    /// Statuses.
    Status,
    /// How it went; these say well.
    Code(Vec<Literal>),
    /// Something that only these answers have.
    Number,
}

/// What conditions are weighed by.
struct Weighing<'o> {
    observations: &'o Observations,
    good_shapes: BTreeSet<(usize, usize)>,
    good_routes: BTreeSet<usize>,
    /// How many answers a route has.
    answers: BTreeMap<usize, usize>,
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
            Role::Word => self.words(path, answers),
            Role::Error => self.weigh(Kind::Error, Some(path), Test::NotIn(self.harmless(path)), bad),
            Role::Number | Role::Name | Role::Message => None,
        }
    }

    /// Values that a field has where nothing went wrong: `""`, `false`, `0`. Lists and objects have no value; empty lists
    /// are told by their first item.
    fn harmless(&self, path: usize) -> Vec<Literal> {
        let marks = self.observations.seen.iter().filter_map(|seen| seen.mark(path));
        let is_harmless = |mark: &&Mark| {
            let value = self.observations.values.name(mark.value);
            !mark.is_bad && (mark.role != Role::Number || value == "0") && (mark.is_text || !value.is_empty())
        };
        let literals: BTreeSet<Literal> = marks.filter(is_harmless).map(|mark| self.literal(mark)).collect();
        literals.into_iter().collect()
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

    /// A word may say how an order or a job went; what it says of the answer agrees with the rest of it.
    fn words(&self, path: usize, answers: &[usize]) -> Option<Candidate> {
        let mut words: BTreeMap<Literal, Vec<usize>> = BTreeMap::new();
        for (index, mark) in self.marks(path, answers).filter(|(_, mark)| mark.is_bad) {
            words.entry(self.literal(mark)).or_default().push(index);
        }
        words.retain(|word, matches| {
            let weighed = self.weigh(Kind::Word, Some(path), Test::In(vec![word.clone()]), matches.clone());
            weighed.is_some_and(|candidate| candidate.confidence >= Kind::Word.prior())
        });
        let matches = words.values().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
        self.weigh(Kind::Word, Some(path), Test::In(words.into_keys().collect()), matches)
    }

    /// Numbers mean one thing on one route and another on the next.
    fn numbers(&self, path: usize, answers: &[usize]) -> Vec<Candidate> {
        let mut routes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for index in answers {
            let Some(seen) = self.seen(*index) else { continue };
            routes.entry(seen.route).or_default().push(*index);
        }
        let mut meanings: BTreeMap<Meaning, Vec<usize>> = BTreeMap::new();
        for answers in routes.into_values() {
            if let Some((meaning, bad)) = self.meaning(path, &answers) {
                meanings.entry(meaning).or_default().extend(bad);
            }
        }
        let weighed = |(meaning, mut bad): (Meaning, Vec<usize>)| {
            bad.sort_unstable();
            let (kind, test) = match meaning {
                Meaning::Status => (Kind::Status, Test::IsErrorStatus),
                Meaning::Code(good) => (Kind::Code, Test::NotIn(good)),
                Meaning::Number => {
                    let codes = self.marks(path, &bad).map(|(_, mark)| self.literal(mark));
                    let codes: BTreeSet<Literal> = codes.collect();
                    // Many different numbers are what something is called, not how it went.
                    if codes.len() > CODES_MAX {
                        return None;
                    }
                    (Kind::Number, Test::In(codes.into_iter().collect()))
                }
            };
            self.weigh(kind, Some(path), test, bad)
        };
        meanings.into_iter().filter_map(weighed).collect()
    }

    /// What a number means on a route, and the answers in which it tells of an error. It is a status where all that are
    /// seen are; otherwise a code, if it is known which one means success.
    fn meaning(&self, path: usize, answers: &[usize]) -> Option<(Meaning, Vec<usize>)> {
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
            let mut bad = bad(&|number| number >= 400);
            // Those are unwrapped.
            bad.retain(|index| self.seen(*index).is_some_and(|seen| !seen.is_envelope));
            return Some((Meaning::Status, bad));
        }
        let is_success = |number: i64| [0, 200, 20_000].contains(&number);
        let good: BTreeSet<Literal> = numbers
            .iter()
            .filter(|(_, number, _)| is_success(*number))
            .map(|(_, _, mark)| self.literal(mark))
            .collect();
        let bad = bad(&|number| !is_success(number));
        if !good.is_empty() {
            return Some((Meaning::Code(good.into_iter().collect()), bad));
        }
        // Within an error there are codes, too; the error is the sign then.
        let name = self.observations.paths.name(path);
        let is_within =
            |mark: &Mark| mark.role == Role::Error && is_below(name, self.observations.paths.name(mark.path));
        if bad.iter().any(|index| self.seen(*index).is_some_and(|it| it.marks.iter().any(is_within))) {
            return None;
        }
        Some((Meaning::Number, bad))
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
        let monotonous = self.monotonous(&matches);
        let (mut agreeing, mut contradicting) = (0_usize, 0_usize);
        for seen in matches.iter().filter_map(|index| self.seen(*index)) {
            match self.agrees(seen, kind, path) {
                true => agreeing += 1,
                false if self.looks_good(seen) || monotonous.contains(&seen.route) => contradicting += 1,
                // There is nothing to compare it with.
                false => {}
            }
        }
        if matches.is_empty() {
            return None;
        }
        let compared = (agreeing + contradicting) as f64;
        let doubt = 1.0 - kind.doubt() * contradicting as f64 / compared.max(1.0);
        let confidence = (agreeing as f64 + 2.0 * kind.prior()) / (compared + 2.0) * doubt;
        let is_local = matches!(kind, Kind::Message | Kind::Complaint);
        Some(self.bounded(Candidate { kind, path, test, without, is_local, matches, confidence }))
    }

    /// Bound to its routes where it would hold for other answers as well.
    fn bounded(&self, candidate: Candidate) -> Candidate {
        let meant: BTreeSet<usize> = candidate.matches.iter().copied().collect();
        let mut others =
            self.observations.seen.iter().enumerate().filter(|(index, _)| !meant.contains(index));
        // An error of another kind that it holds for is no harm.
        let holds_elsewhere = others.any(|(_, seen)| {
            candidate.holds(seen, self.observations) && !self.agrees(seen, candidate.kind, candidate.path)
        });
        Candidate { is_local: candidate.is_local || holds_elsewhere, ..candidate }
    }

    /// Routes with many answers, all of them among these: what is always there does not tell one from the other.
    fn monotonous(&self, matches: &[usize]) -> BTreeSet<usize> {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for seen in matches.iter().filter_map(|index| self.seen(*index)) {
            *counts.entry(seen.route).or_default() += 1;
        }
        let is_all = |(route, count): &(usize, usize)| {
            *count >= MANY && self.answers.get(route).is_some_and(|all| all == count)
        };
        counts.into_iter().filter(is_all).map(|(route, _)| route).collect()
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
