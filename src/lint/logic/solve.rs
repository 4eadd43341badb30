//! Whether some exchange makes formulas hold, and which: tests that must hold are gathered part by part, and
//! where one of several may hold, each is tried.

use std::collections::BTreeMap;

use super::formula::Formula;
use super::part::Value;
use super::universe::{Possible, Together, Universe};

/// Choices that are tried before it is given up.
const CHOICES_MAX: usize = 2_000;

/// Values of parts; a part that is not there has its usual ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model(BTreeMap<usize, Vec<Value>>);

impl Model {
    /// The values of a part.
    pub fn values(&self, part: usize, universe: &Universe) -> Vec<Value> {
        let usual = || universe.parts().get(part).map(|part| part.usual()).unwrap_or_default();
        self.0.get(&part).cloned().unwrap_or_else(usual)
    }

    /// The parts that something was asked of, with their values.
    pub fn parts(&self) -> impl Iterator<Item = (usize, &[Value])> {
        self.0.iter().map(|(part, values)| (*part, values.as_slice()))
    }

    /// Whether a formula holds of it.
    pub fn fits(&self, formula: &Formula, universe: &Universe) -> Option<bool> {
        formula.holds(&|test| {
            let part = universe.part_of(test);
            match self.0.get(&part) {
                Some(values) => universe.holds(test, values),
                None => universe.holds(test, &self.values(part, universe)),
            }
        })
    }
}

/// Whether it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// So, for example.
    With(Model),
    /// It cannot.
    No,
    /// It was not decided.
    Unknown,
}

/// Values for which all formulas hold.
pub fn solve(universe: &Universe, formulas: &[&Formula]) -> Answer {
    universe.budget.renew();
    let mut search = Search { universe, choices: 0 };
    search.run(formulas.iter().map(|formula| (*formula).clone()).collect(), BTreeMap::new())
}

/// Tests that are settled, by their part.
type Settled = BTreeMap<usize, Together>;

struct Search<'u> {
    universe: &'u Universe,
    choices: usize,
}

impl Search<'_> {
    fn run(&mut self, open: Vec<Formula>, mut settled: Settled) -> Answer {
        let open = match self.settle(open, &mut settled) {
            Ok(open) => open,
            Err(answer) => return answer,
        };
        let model = match self.model(&settled) {
            Ok(model) => model,
            Err(answer) => return answer,
        };
        if open.iter().all(|formula| model.fits(formula, self.universe) == Some(true)) {
            return Answer::With(model);
        }
        self.choose(open, &settled)
    }

    /// Settles every test that must hold, until what is left are choices.
    fn settle(&self, mut open: Vec<Formula>, settled: &mut Settled) -> Result<Vec<Formula>, Answer> {
        loop {
            let (mut left, mut changed) = (Vec::new(), false);
            for formula in open {
                match self.simplified(formula, settled) {
                    Formula::Constant(true) => {}
                    Formula::Constant(false) => return Err(Answer::No),
                    Formula::All(parts) => {
                        left.extend(parts);
                        changed = true;
                    }
                    Formula::Test(test, holds) => {
                        self.add(test, holds, settled);
                        changed = true;
                    }
                    choice @ Formula::Any(_) => left.push(choice),
                }
            }
            if !changed {
                return Ok(left);
            }
            open = left;
        }
    }

    fn choose(&mut self, mut open: Vec<Formula>, settled: &Settled) -> Answer {
        let fewest = open.iter().enumerate().min_by_key(|(_, formula)| match formula {
            Formula::Any(parts) => parts.len(),
            _ => 0,
        });
        let Some((fewest, _)) = fewest else { return Answer::Unknown };
        let Formula::Any(parts) = open.swap_remove(fewest) else { return Answer::Unknown };
        let mut answer = Answer::No;
        for part in parts {
            self.choices += 1;
            if self.choices > CHOICES_MAX {
                return Answer::Unknown;
            }
            let open = open.iter().cloned().chain([part]).collect();
            match self.run(open, settled.clone()) {
                Answer::With(model) => return Answer::With(model),
                Answer::Unknown => answer = Answer::Unknown,
                Answer::No => {}
            }
        }
        answer
    }

    /// The formula without what is settled.
    fn simplified(&self, formula: Formula, settled: &Settled) -> Formula {
        match formula {
            Formula::Constant(_) => formula,
            Formula::Test(test, holds) => match self.told(test, holds, settled) {
                Some(told) => Formula::Constant(told),
                None => formula,
            },
            Formula::All(parts) => self.joined(parts, false, settled),
            Formula::Any(parts) => self.joined(parts, true, settled),
        }
    }

    fn joined(&self, parts: Vec<Formula>, deciding: bool, settled: &Settled) -> Formula {
        let mut left = Vec::new();
        for part in parts {
            match self.simplified(part, settled) {
                Formula::Constant(value) if value == deciding => return Formula::Constant(deciding),
                Formula::Constant(_) => {}
                part => left.push(part),
            }
        }
        match (left.len(), deciding) {
            (0, _) => Formula::Constant(!deciding),
            (1, _) => left.remove(0),
            (_, true) => Formula::Any(left),
            (_, false) => Formula::All(left),
        }
    }

    /// Whether a test holds wherever what is settled does, or nowhere there.
    fn told(&self, test: usize, holds: bool, settled: &Settled) -> Option<bool> {
        let part = self.universe.part_of(test);
        let together = settled.get(&part).cloned().unwrap_or(Together { part, ..Together::default() });
        let possible = |holds| self.universe.possible(&with(together.clone(), test, holds)) != Possible::No;
        match (possible(holds), possible(!holds)) {
            (false, _) => Some(false),
            (true, false) => Some(true),
            (true, true) => None,
        }
    }

    fn add(&self, test: usize, holds: bool, settled: &mut Settled) {
        let part = self.universe.part_of(test);
        let together = settled.remove(&part).unwrap_or(Together { part, ..Together::default() });
        settled.insert(part, with(together, test, holds));
    }

    /// Values for which everything settled holds.
    fn model(&self, settled: &Settled) -> Result<Model, Answer> {
        let mut model = BTreeMap::new();
        for (part, together) in settled {
            match self.universe.possible(together) {
                Possible::With(values) => {
                    model.insert(*part, values);
                }
                Possible::No => return Err(Answer::No),
                Possible::Unknown => return Err(Answer::Unknown),
            }
        }
        Ok(Model(model))
    }
}

fn with(mut together: Together, test: usize, holds: bool) -> Together {
    let tests = if holds { &mut together.hold } else { &mut together.fail };
    if let Err(place) = tests.binary_search(&test) {
        tests.insert(place, test);
    }
    together
}
