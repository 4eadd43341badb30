//! Tests joined by all, any and not, with the nots at the tests.

/// What must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formula {
    /// Settled.
    Constant(bool),
    /// All of them.
    All(Vec<Formula>),
    /// One of them.
    Any(Vec<Formula>),
    /// The test of this number holds, or does not.
    Test(usize, bool),
}

/// What holds where this does not.
impl std::ops::Not for Formula {
    type Output = Formula;

    fn not(self) -> Formula {
        let all = |parts: Vec<Formula>| parts.into_iter().map(|part| !part).collect();
        match self {
            Formula::Constant(value) => Formula::Constant(!value),
            Formula::All(parts) => Formula::Any(all(parts)),
            Formula::Any(parts) => Formula::All(all(parts)),
            Formula::Test(test, holds) => Formula::Test(test, !holds),
        }
    }
}

impl Formula {
    /// Whether it holds, `of` telling that of tests.
    pub fn holds(&self, of: &impl Fn(usize) -> Option<bool>) -> Option<bool> {
        match self {
            Formula::Constant(value) => Some(*value),
            Formula::Test(test, holds) => Some(of(*test)? == *holds),
            Formula::All(parts) => joined(parts, false, of),
            Formula::Any(parts) => joined(parts, true, of),
        }
    }
}

fn joined(parts: &[Formula], deciding: bool, of: &impl Fn(usize) -> Option<bool>) -> Option<bool> {
    let mut joined = Some(!deciding);
    for part in parts {
        match part.holds(of) {
            Some(holds) if holds == deciding => return Some(deciding),
            None => joined = None,
            Some(_) => {}
        }
    }
    joined
}
