//! Rules proposed from traffic. Answers that say they went well are sorted by route and shape; fields and words that
//! speak of an error are weighed by how well they agree with each other; what agrees well enough becomes a rule, with
//! the exchanges that prove it. The same traffic always leads to the same rules.

mod candidate;
mod lesson;
mod seen;
mod status;
mod weighing;
mod write;

pub use lesson::{Lesson, Proposal};

use crate::engine::hold::Inspect;
use crate::traffic::Recorded;
use seen::Observations;

/// What is asked of a rule before it is proposed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demands {
    /// How sure it has to be, from 0 to 1.
    pub confidence_min: f64,
    /// How many answers it has to be about.
    pub support_min: usize,
}

impl Default for Demands {
    fn default() -> Demands {
        Demands { confidence_min: 0.6, support_min: 1 }
    }
}

/// Goes through traffic, to learn from all of it at the end.
#[derive(Debug, Default)]
pub struct Learner {
    inspect: Inspect,
    observations: Observations,
    /// Exchanges whose status is no success: they say what happened.
    honest: u64,
}

impl Learner {
    /// Goes through one exchange more.
    pub fn add(&mut self, file: &str, recorded: &Recorded) {
        if recorded.exchange.answer.head.status.is_success() {
            self.observations.add(file, recorded, &self.inspect);
        } else {
            self.honest += 1;
        }
    }

    /// What can be learnt of it all.
    pub fn lesson(&self, demands: Demands) -> Lesson<'_> {
        let candidates = weighing::candidates(&self.observations);
        Lesson::choose(&self.observations, candidates, demands, self.honest)
    }
}
