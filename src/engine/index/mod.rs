//! Which rules of a set can match an answer, so that the others need not be asked one by one. A rule that stands
//! or falls with one test is grouped with the rules that test the same subject, and a group is asked all its
//! tests at once. A rule is left out only when asking it would change nothing but a trace; one that is not left
//! out is still to be asked.

mod lookup;
#[cfg(test)]
mod properties;

use std::collections::HashMap;
use std::mem::Discriminant;
use std::vec;

use super::condition::{Condition, Leaf, Test};
use super::facts::{Body, Facts, Seen};
use super::ruleset::{Mode, Rule, RuleKind};
use super::subject::Subject;
use super::text::Sought;
pub use lookup::Candidate;
use lookup::Lookup;

/// Fewer rules on one subject are asked one by one, which costs less than a lookup.
const GROUP_RULES_MIN: usize = 8;

/// The rules of a set by what they need. A rule is named by its place in the set.
#[derive(Debug, Default)]
pub struct Index {
    /// Rules that are always asked.
    ungrouped: Vec<usize>,
    groups: Vec<Group>,
}

/// Rules that cannot match unless a subject passes a test of theirs.
#[derive(Debug)]
struct Group {
    subject: Subject,
    places: Vec<usize>,
    tests: Tests,
}

/// The tests of a group.
#[derive(Debug)]
enum Tests {
    /// Of a value: the value is looked up.
    Lookup(Box<Lookup>),
    /// Of the body's text: what was seen as it went by tells, and nothing is read again.
    Text(Vec<(Candidate, Sought)>),
}

impl Index {
    /// The index of a set's rules. Those that are off are not in it.
    pub fn new(rules: &[Rule]) -> Index {
        let uses = uses(rules);
        let mut index = Index::default();
        let mut groups: HashMap<_, Vec<(usize, &Leaf)>> = HashMap::new();
        for (place, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.mode != Mode::Off) {
            // A test that few rules make leaves out more of them; one of the head is the sooner known.
            let rarest =
                needed(rule).into_iter().filter(|leaf| can_be_looked_up(&leaf.test)).min_by_key(|leaf| {
                    (uses.get(&(leaf.subject.key(), leaf.test.to_string())), leaf.subject.reads_body())
                });
            match rarest {
                Some(leaf) => groups.entry(leaf.subject.key()).or_default().push((place, leaf)),
                None => index.ungrouped.push(place),
            }
        }
        for members in groups.into_values() {
            match Group::new(rules, &members) {
                Some(group) => index.groups.push(group),
                None => index.ungrouped.extend(members.iter().map(|(place, _)| place)),
            }
        }
        index.ungrouped.sort_unstable();
        index.groups.sort_unstable_by_key(|group| group.places.first().copied());
        index
    }

    /// The rules that can match, first to last. A subject is looked at when the first rule that needs it is due.
    pub(super) fn candidates<'a, 'e>(&'a self, facts: &'a Facts<'e>) -> Candidates<'a, 'e> {
        Candidates {
            facts,
            ungrouped: &self.ungrouped,
            queues: self.groups.iter().map(Queue::Unasked).collect(),
        }
    }
}

/// Subject and test, as written.
type TestKey = ((Discriminant<Subject>, String), String);

/// How many rules need each test.
fn uses(rules: &[Rule]) -> HashMap<TestKey, usize> {
    let mut uses = HashMap::new();
    for leaf in rules.iter().flat_map(needed) {
        *uses.entry((leaf.subject.key(), leaf.test.to_string())).or_default() += 1;
    }
    uses
}

/// Tests without any of which the rule does not match.
fn needed(rule: &Rule) -> Vec<&Leaf> {
    fn of(condition: &Condition) -> Vec<&Leaf> {
        match condition {
            Condition::All(all) => all.iter().flat_map(of).collect(),
            Condition::Leaf(leaf) => vec![leaf],
            Condition::Any(_) | Condition::Not(_) => Vec::new(),
        }
    }
    match &rule.kind {
        RuleKind::Translate { when, .. } => of(when),
        RuleKind::Unwrap(_) => Vec::new(),
    }
}

fn can_be_looked_up(test: &Test) -> bool {
    match test {
        Test::Matches(_) | Test::Contains(_) | Test::Equals(_) => true,
        Test::Exists(_) => false,
    }
}

impl Group {
    fn new(rules: &[Rule], members: &[(usize, &Leaf)]) -> Option<Group> {
        let (_, first) = members.first().filter(|_| members.len() >= GROUP_RULES_MIN)?;
        let rule = |place: usize| {
            let holds = rules.get(place).is_some_and(is_one_test);
            Candidate { place, holds }
        };
        let text = members.iter().map(|(place, leaf)| Some((rule(*place), leaf.sought.clone()?)));
        let tests = match text.collect() {
            Some(text) => Tests::Text(text),
            None => {
                let tests = members.iter().map(|(place, leaf)| (rule(*place), &leaf.test));
                Tests::Lookup(Box::new(Lookup::new(tests)?))
            }
        };
        let places = members.iter().map(|(place, _)| *place).collect();
        Some(Group { subject: first.subject.clone(), places, tests })
    }

    fn ask(&self, facts: &Facts<'_>) -> Queue<'_> {
        let lookup = match &self.tests {
            Tests::Lookup(lookup) => lookup,
            Tests::Text(_) if matches!(facts.body, Body::Bypassed(_)) => return Queue::All(&[]),
            Tests::Text(_) if facts.told_of_none() => return Queue::All(&[]),
            Tests::Text(tests) => return left_open(tests, facts),
        };
        match facts.values(&self.subject) {
            Seen::Values(values) => match lookup.passed_by(&values) {
                Some(rules) => Queue::Found(rules.into_iter()),
                None => Queue::All(&self.places),
            },
            // What needs a body that is never looked at is passed over.
            Seen::Withheld if matches!(facts.body, Body::Bypassed(_)) => Queue::All(&[]),
            Seen::Withheld | Seen::Pending => Queue::All(&self.places),
        }
    }
}

/// The rules that what was seen of the text does not rule out. Each is looked for when the one before is done with:
/// often that one waits, and of a thousand others nobody need know.
fn left_open<'a>(tests: &'a [(Candidate, Sought)], facts: &Facts<'_>) -> Queue<'a> {
    let mut rest = tests;
    while let Some(((rule, sought), others)) = rest.split_first() {
        rest = others;
        match facts.told(sought) {
            Some(false) => {}
            Some(true) => return Queue::Open(*rule, rest),
            None => return Queue::Open(Candidate::unsure(rule.place), rest),
        }
    }
    Queue::All(&[])
}

fn is_one_test(rule: &Rule) -> bool {
    matches!(&rule.kind, RuleKind::Translate { when: Condition::Leaf(_), .. })
}

/// The rules of an [`Index`] that can match, first to last.
pub(super) struct Candidates<'a, 'e> {
    facts: &'a Facts<'e>,
    ungrouped: &'a [usize],
    queues: Vec<Queue<'a>>,
}

/// What is still to come of a group.
enum Queue<'a> {
    Unasked(&'a Group),
    /// All rules from here on.
    All(&'a [usize]),
    Found(vec::IntoIter<Candidate>),
    /// This one, and those of these that the text leaves open.
    Open(Candidate, &'a [(Candidate, Sought)]),
}

impl Queue<'_> {
    /// No rule before this one comes of it.
    fn first(&self) -> Option<usize> {
        match self {
            Queue::Unasked(group) => group.places.first().copied(),
            Queue::All(places) => places.first().copied(),
            Queue::Found(rules) => rules.as_slice().first().map(|rule| rule.place),
            Queue::Open(rule, _) => Some(rule.place),
        }
    }
}

impl Iterator for Candidates<'_, '_> {
    type Item = Candidate;

    fn next(&mut self) -> Option<Candidate> {
        loop {
            let due = self.queues.iter_mut().filter_map(|queue| Some((queue.first()?, queue)));
            let due = due.min_by_key(|(place, _)| *place);
            let place = match (self.ungrouped.split_first(), due) {
                (Some((place, others)), due) if due.as_ref().is_none_or(|(first, _)| place < first) => {
                    self.ungrouped = others;
                    *place
                }
                (_, Some((place, queue))) => match queue {
                    Queue::Unasked(group) => {
                        *queue = group.ask(self.facts);
                        continue;
                    }
                    Queue::All(places) => {
                        *places = places.get(1..).unwrap_or_default();
                        place
                    }
                    Queue::Found(rules) => return rules.next(),
                    Queue::Open(rule, rest) => {
                        let rule = *rule;
                        *queue = left_open(rest, self.facts);
                        return Some(rule);
                    }
                },
                (_, None) => return None,
            };
            return Some(Candidate::unsure(place));
        }
    }
}
