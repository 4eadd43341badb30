//! All parts and tests that the rules of one set name, each once, and which of the tests can hold together.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::engine::condition::{Condition, Leaf, Literal, Test};
use crate::engine::pattern::Pattern;
use crate::engine::subject::Subject;

use super::formula::Formula;
use super::language::{Language, Texts};
use super::part::{Kind, Part, Value};
use super::product::{Budget, Member};
use super::wanted::Wanted;

/// Parts and tests, known by their numbers.
#[derive(Debug, Default)]
pub struct Universe {
    parts: Vec<Part>,
    tests: Vec<Asked>,
    known_parts: HashMap<String, usize>,
    known: HashMap<Key, usize>,
    decided: RefCell<HashMap<Together, Possible>>,
    /// What one question may cost.
    pub budget: Budget,
}

/// What is known of a body when a condition is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyIs {
    /// It has been read.
    Known,
    /// It is not looked at: what asks for it is never true.
    Withheld,
}

/// One test of one part.
#[derive(Debug)]
struct Asked {
    part: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    /// There is a value that is not `null`.
    Exists,
    /// The text of a value is in one of these.
    Texts(Vec<Texts>),
    /// The value is one of these.
    Literals { texts: Vec<Texts>, numbers: Vec<usize>, booleans: Vec<bool>, null: bool },
}

/// What a test says of values of one kind.
enum Fit<'a> {
    Never,
    Always,
    Texts(&'a [Texts]),
}

/// What makes two tests the same: the part, the operator, and what is compared with.
type Key = (usize, &'static str, Vec<String>);

/// Tests of one part that hold, and tests of it that do not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Together {
    /// The part.
    pub part: usize,
    /// Tests that hold, in order.
    pub hold: Vec<usize>,
    /// Tests that do not, in order.
    pub fail: Vec<usize>,
}

/// Whether a part can have values for which this is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Possible {
    /// These.
    With(Vec<Value>),
    /// It cannot.
    No,
    /// It was not decided.
    Unknown,
}

impl Universe {
    /// A condition as a formula that says that it is known to hold.
    pub fn formula(&mut self, condition: &Condition, body: BodyIs) -> Formula {
        self.signed(condition, true, body)
    }

    fn signed(&mut self, condition: &Condition, holds: bool, body: BodyIs) -> Formula {
        let mut each = |parts: &[Condition]| parts.iter().map(|p| self.signed(p, holds, body)).collect();
        match condition {
            Condition::All(parts) if holds => Formula::All(each(parts)),
            Condition::Any(parts) if !holds => Formula::All(each(parts)),
            Condition::All(parts) | Condition::Any(parts) => Formula::Any(each(parts)),
            Condition::Not(condition) => self.signed(condition, !holds, body),
            Condition::Leaf(leaf) if body == BodyIs::Withheld && leaf.subject.reads_body() => {
                Formula::Constant(false)
            }
            Condition::Leaf(leaf) => match &leaf.test {
                Test::Exists(false) => Formula::Test(self.test(leaf), !holds),
                _ => Formula::Test(self.test(leaf), holds),
            },
        }
    }

    /// The number of a test. Of one that asks whether a value is missing, that of the test whether it is there.
    fn test(&mut self, leaf: &Leaf) -> usize {
        let part = self.part(&leaf.subject);
        let key = (part, operator(&leaf.test), compared_with(&leaf.test));
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let what = self.what(part, &leaf.test);
        self.tests.push(Asked { part, what });
        self.known.insert(key, self.tests.len() - 1);
        self.tests.len() - 1
    }

    fn part(&mut self, subject: &Subject) -> usize {
        let part = Part::of(subject);
        if let Some(known) = self.known_parts.get(&part.key()) {
            return *known;
        }
        self.known_parts.insert(part.key(), self.parts.len());
        self.parts.push(part);
        self.parts.len() - 1
    }

    fn what(&mut self, part: usize, test: &Test) -> What {
        let Some(part) = self.parts.get_mut(part) else { return What::Texts(Vec::new()) };
        match test {
            Test::Exists(_) => What::Exists,
            Test::Matches(patterns) => What::Texts(patterns.iter().map(Texts::of).collect()),
            Test::Contains(needles) => {
                let around = |needle: &String| format!("^(?s:.*){}(?s:.*)$", regex_syntax::escape(needle));
                What::Texts(needles.iter().map(|needle| Language::of(&[around(needle)]).into()).collect())
            }
            Test::Equals(literals) => {
                let text = |literal| text_of(literal, part.is_json());
                let texts = vec![Language::exactly(literals.iter().filter_map(text)).into()];
                let numbers = literals.iter().filter_map(|literal| match literal {
                    Literal::Number(number) => Some(part.number(number)),
                    _ => None,
                });
                let numbers = numbers.collect();
                let booleans = literals.iter().filter_map(|literal| match literal {
                    Literal::Bool(value) => Some(*value),
                    _ => None,
                });
                let (booleans, null) = (booleans.collect(), literals.contains(&Literal::Null));
                What::Literals { texts, numbers, booleans, null }
            }
        }
    }

    /// The parts.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The part that a test is of.
    pub fn part_of(&self, test: usize) -> usize {
        self.tests.get(test).map_or(usize::MAX, |asked| asked.part)
    }

    /// How many tests there are.
    pub fn tests(&self) -> usize {
        self.tests.len()
    }

    /// Whether a test asks only that there be a value.
    pub fn asks_existence(&self, test: usize) -> bool {
        self.tests.get(test).is_some_and(|asked| matches!(asked.what, What::Exists))
    }

    /// Whether a test compares with literals, and so fits no array and no object.
    pub fn compares(&self, test: usize) -> bool {
        self.tests.get(test).is_some_and(|asked| matches!(asked.what, What::Literals { .. }))
    }

    /// Whether a test holds of a part that has these values.
    pub fn holds(&self, test: usize, values: &[Value]) -> Option<bool> {
        let asked = self.tests.get(test)?;
        let part = self.parts.get(asked.part)?;
        let mut holds = Some(false);
        for value in values {
            match asked.passes(part, value) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => holds = None,
            }
        }
        holds
    }

    /// Whether such values are possible.
    pub fn possible(&self, together: &Together) -> Possible {
        if together.hold.iter().any(|test| together.fail.contains(test)) {
            return Possible::No;
        }
        if let Some(known) = self.decided.borrow().get(together) {
            return known.clone();
        }
        let possible = self.decide(together);
        self.decided.borrow_mut().insert(together.clone(), possible.clone());
        possible
    }

    fn decide(&self, together: &Together) -> Possible {
        let Some(part) = self.parts.get(together.part) else { return Possible::Unknown };
        if together.hold.is_empty() && part.optional {
            return Possible::With(Vec::new());
        }
        let usual = part.usual();
        let as_wanted = |test: &usize, wanted| self.holds(*test, &usual) == Some(wanted);
        if !usual.is_empty()
            && together.hold.iter().all(|test| as_wanted(test, true))
            && together.fail.iter().all(|test| as_wanted(test, false))
        {
            return Possible::With(usual);
        }
        if !part.many {
            return self.value(part, &together.hold, &together.fail);
        }
        let mut values = Vec::new();
        for test in &together.hold {
            match self.value(part, std::slice::from_ref(test), &together.fail) {
                Possible::With(found) => values.extend(found),
                other => return other,
            }
        }
        Possible::With(values)
    }

    /// One value that passes all of `hold` and none of `fail`.
    fn value(&self, part: &Part, hold: &[usize], fail: &[usize]) -> Possible {
        let mut unknown = false;
        for kind in part.kinds() {
            match self.value_of(part, kind, hold, fail) {
                Member::Found(text) => return Possible::With(vec![Part::value(kind, text)]),
                Member::None => {}
                Member::Unknown => unknown = true,
            }
        }
        if unknown { Possible::Unknown } else { Possible::No }
    }

    fn value_of(&self, part: &Part, kind: Kind, hold: &[usize], fail: &[usize]) -> Member {
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for (tests, wanted) in [(hold, true), (fail, false)] {
            for asked in tests.iter().filter_map(|test| self.tests.get(*test)) {
                match (asked.fit(kind), wanted) {
                    (Fit::Never, true) | (Fit::Always, false) => return Member::None,
                    (Fit::Never, false) | (Fit::Always, true) => {}
                    (Fit::Texts(texts), true) => inside.push(texts),
                    (Fit::Texts(texts), false) => outside.extend(texts),
                }
            }
        }
        Wanted { part, kind, outside, budget: &self.budget }.text(&inside)
    }
}

impl Asked {
    fn fit(&self, kind: Kind) -> Fit<'_> {
        let settled = |holds| if holds { Fit::Always } else { Fit::Never };
        match (&self.what, kind) {
            (What::Exists, kind) => settled(kind != Kind::Null),
            (What::Texts(_), Kind::Null) => Fit::Never,
            (What::Texts(texts), _) | (What::Literals { texts, .. }, Kind::Text) => Fit::Texts(texts),
            (What::Literals { numbers, .. }, Kind::Equal(index)) => settled(numbers.contains(&index)),
            (What::Literals { booleans, .. }, Kind::Bool(value)) => settled(booleans.contains(&value)),
            (What::Literals { null, .. }, Kind::Null) => settled(*null),
            (What::Literals { .. }, Kind::Number | Kind::Composite) => Fit::Never,
        }
    }

    fn passes(&self, part: &Part, value: &Value) -> Option<bool> {
        let kind = match value {
            Value::Text(_) => Kind::Text,
            Value::Composite(_) => Kind::Composite,
            Value::Bool(value) => Kind::Bool(*value),
            Value::Null => Kind::Null,
            Value::Number(text) => match &self.what {
                What::Literals { numbers, .. } => {
                    let equal = numbers.iter().filter_map(|index| part.numbers.get(*index));
                    return Some(equal.into_iter().any(|numeral| numeral.equals(text)));
                }
                What::Exists | What::Texts(_) => Kind::Number,
            },
        };
        match self.fit(kind) {
            Fit::Never => Some(false),
            Fit::Always => Some(true),
            Fit::Texts(texts) => {
                let text = value.text()?;
                let mut holds = Some(false);
                for texts in texts {
                    match texts.holds(text) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => holds = None,
                    }
                }
                holds
            }
        }
    }
}

/// A literal as text is compared with it.
fn text_of(literal: &Literal, is_json: bool) -> Option<&str> {
    match literal {
        Literal::Text(text) => Some(text),
        _ if is_json => None,
        Literal::Number(text) => Some(text),
        Literal::Bool(true) => Some("true"),
        Literal::Bool(false) => Some("false"),
        Literal::Null => None,
    }
}

fn operator(test: &Test) -> &'static str {
    match test {
        Test::Exists(_) => "exists",
        Test::Matches(_) => "matches",
        Test::Contains(_) => "contains",
        Test::Equals(_) => "equals",
    }
}

fn compared_with(test: &Test) -> Vec<String> {
    match test {
        Test::Exists(_) => Vec::new(),
        Test::Matches(patterns) => patterns.iter().map(Pattern::over_whole_value).collect(),
        Test::Contains(needles) => needles.clone(),
        Test::Equals(literals) => literals.iter().map(|literal| format!("{literal:?}")).collect(),
    }
}
