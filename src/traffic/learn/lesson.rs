//! What was learnt: the fewest rules that cover what looks like an error, and answers that are odd in other ways.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Demands;
use super::candidate::{Candidate, Kind, Test};
use super::seen::{Observations, Seen};
use super::status::Answered;

/// Exchanges that are named for a rule.
const EXAMPLES: usize = 3;
/// Odd answers that are named.
const ODD_MAX: usize = 10;
/// What takes less is never slow.
const SLOW_MIN: Duration = Duration::from_millis(500);
/// Answers of a route that it takes to say what is usual there.
const USUAL_MIN: usize = 20;

/// What was learnt of some traffic.
#[derive(Debug)]
pub struct Lesson<'o> {
    pub(super) observations: &'o Observations,
    /// Rules in the order in which they are tried.
    pub proposals: Vec<Proposal>,
    /// Answers that no rule covers and that are unlike the others of their route, with what is odd.
    pub odd: Vec<(String, String)>,
    /// Answers that say they went well.
    pub answers: usize,
    /// How many others there were.
    pub honest: u64,
}

/// A rule.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Its name.
    pub name: String,
    pub(super) candidate: Candidate,
    pub(super) answered: Answered,
    /// The answers that no rule before it covers.
    pub(super) own: Vec<usize>,
    /// The routes it was seen on.
    pub routes: Vec<String>,
    /// Fields that only these answers have.
    pub only: Vec<String>,
}

impl Proposal {
    /// How many answers it is about.
    pub fn support(&self) -> usize {
        self.candidate.matches.len()
    }

    /// How sure it is, from 0 to 1.
    pub fn confidence(&self) -> f64 {
        self.candidate.confidence
    }
}

impl<'o> Lesson<'o> {
    /// Chooses, of conditions in the order of how telling they are, those that are sure enough and cover something new.
    pub(super) fn choose(
        observations: &'o Observations,
        candidates: Vec<Candidate>,
        demands: Demands,
        honest: u64,
    ) -> Lesson<'o> {
        let mut covered: BTreeSet<usize> = BTreeSet::new();
        let mut proposals: Vec<Proposal> = Vec::new();
        for candidate in candidates {
            if candidate.confidence < demands.confidence_min || candidate.matches.len() < demands.support_min
            {
                continue;
            }
            let own: Vec<usize> =
                candidate.matches.iter().copied().filter(|index| !covered.contains(index)).collect();
            if own.is_empty() {
                continue;
            }
            covered.extend(&own);
            let seen = observations.seen.iter().enumerate();
            covered
                .extend(seen.filter(|(_, seen)| candidate.holds(seen, observations)).map(|(index, _)| index));
            proposals.push(Proposal::new(candidate, own, observations));
        }
        name(&mut proposals, observations);
        let odd = odd(observations, &covered);
        Lesson { observations, proposals, odd, answers: observations.seen.len(), honest }
    }
}

impl Proposal {
    fn new(candidate: Candidate, own: Vec<usize>, observations: &Observations) -> Proposal {
        let seen: Vec<&Seen> =
            candidate.matches.iter().filter_map(|index| observations.seen.get(*index)).collect();
        let routes: BTreeSet<&str> = seen.iter().map(|seen| observations.routes.name(seen.route)).collect();
        Proposal {
            name: String::new(),
            routes: routes.into_iter().map(str::to_owned).collect(),
            only: only(&seen, observations),
            answered: Answered::choose(&candidate, observations),
            candidate,
            own,
        }
    }

    /// Exchanges that prove it, of different routes and shapes where there are such.
    pub(super) fn examples<'o>(&self, observations: &'o Observations) -> Vec<(usize, &'o Seen)> {
        let mut kinds = BTreeSet::new();
        let seen = self.own.iter().filter_map(|index| Some((*index, observations.seen.get(*index)?)));
        let whole = seen.filter(|(index, _)| observations.examples.contains_key(index));
        let status = |seen: &Seen| self.answered.status(seen, observations);
        whole.filter(|(_, seen)| kinds.insert((seen.shape, status(seen)))).take(EXAMPLES).collect()
    }
}

/// Fields that all of some answers have and no good answer has.
fn only(seen: &[&Seen], observations: &Observations) -> Vec<String> {
    let fields = |shape: usize| -> BTreeSet<&str> {
        let fields = observations.shapes.name(shape).split(' ').skip(1);
        fields
            .filter(|field| !field.ends_with(":null"))
            .filter_map(|field| Some(field.rsplit_once(':')?.0))
            .collect()
    };
    let routes: BTreeSet<usize> = seen.iter().map(|seen| seen.route).collect();
    let good = observations.good_shapes();
    let good: BTreeSet<&str> = good
        .into_iter()
        .filter(|(route, _)| routes.contains(route))
        .flat_map(|(_, shape)| fields(shape))
        .collect();
    if good.is_empty() {
        return Vec::new();
    }
    let shapes: BTreeSet<usize> = seen.iter().map(|seen| seen.shape).collect();
    let common =
        shapes.into_iter().map(fields).reduce(|all, next| all.intersection(&next).copied().collect());
    common.unwrap_or_default().into_iter().filter(|field| !good.contains(field)).map(str::to_owned).collect()
}

/// Names rules after what they look at, each by a name of its own.
fn name(proposals: &mut [Proposal], observations: &Observations) {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for proposal in proposals {
        let base = base_name(&proposal.candidate, observations);
        let count = taken.entry(base.clone()).or_default();
        *count += 1;
        proposal.name = if *count == 1 { base } else { format!("{base}-{count}") };
    }
}

fn base_name(candidate: &Candidate, observations: &Observations) -> String {
    let said = match (candidate.kind, candidate.path, &candidate.test) {
        (Kind::Envelope, ..) => "envelope".to_owned(),
        (Kind::Title, ..) => "title".to_owned(),
        (Kind::Crash, ..) => "crash".to_owned(),
        (_, Some(path), _) => observations.paths.name(path).replace("[0]", ""),
        (_, None, Test::Search(words)) => words.clone(),
        (_, None, _) => "rule".to_owned(),
    };
    let words = said.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "field".to_owned() } else { words.join("-") }
}

fn median<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// Answers that no rule covers, of a shape, a size or a time that is rare where they are.
fn odd(observations: &Observations, covered: &BTreeSet<usize>) -> Vec<(String, String)> {
    let mut routes: BTreeMap<usize, Vec<&Seen>> = BTreeMap::new();
    let seen = observations.seen.iter().enumerate().filter(|(index, _)| !covered.contains(index));
    for (_, seen) in seen {
        routes.entry(seen.route).or_default().push(seen);
    }
    let mut odd = Vec::new();
    for all in routes.values().filter(|all| all.len() >= USUAL_MIN) {
        let mut shapes: BTreeMap<usize, usize> = BTreeMap::new();
        all.iter().for_each(|seen| *shapes.entry(seen.shape).or_default() += 1);
        let median = median(all.iter().map(|seen| seen.bytes)).unwrap_or_default();
        let usual_time = self::median(all.iter().filter_map(|seen| seen.took)).unwrap_or_default();
        for seen in all {
            let is_rare = shapes.get(&seen.shape).is_some_and(|count| count * 20 <= all.len());
            let is_far = seen.bytes * 8 < median || seen.bytes / 8 > median.max(64);
            let slow = seen.took.filter(|took| *took > (usual_time * 10).max(SLOW_MIN));
            let why = match (is_rare, is_far, slow) {
                (true, ..) => format!("fields or a form that few of {} answers there have", all.len()),
                (_, true, _) => format!("{} bytes, where {median} are usual", seen.bytes),
                (.., Some(took)) => {
                    format!("{} ms, where {} are usual", took.as_millis(), usual_time.as_millis())
                }
                _ => continue,
            };
            let place = format!("{}, {}", observations.place(seen), observations.routes.name(seen.route));
            odd.push((place, why));
        }
    }
    odd.truncate(ODD_MAX);
    odd
}
