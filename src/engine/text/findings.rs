//! What is known of each search in a text so far.

use std::ops::Range;

use super::super::condition::Truth;

/// One truth a search. Known ones do not change.
#[derive(Debug, Default)]
pub struct Findings {
    truths: Vec<Truth>,
    settled: usize,
    matched: usize,
}

impl Findings {
    /// Nothing is known of so many searches.
    pub fn new(searches: usize) -> Findings {
        Findings { truths: vec![Truth::Unknown; searches], settled: 0, matched: 0 }
    }

    /// Writes down whether a search matches, unless that is known; whether it was not.
    pub fn settle(&mut self, search: usize, matched: bool) -> bool {
        match self.truths.get_mut(search) {
            Some(truth @ Truth::Unknown) => {
                *truth = matched.into();
                self.settled += 1;
                self.matched += usize::from(matched);
                true
            }
            _ => false,
        }
    }

    /// What is not known to match does not.
    pub fn rule_out_rest(&mut self) {
        // All at once: a rule set may have a thousand searches, of which mostly none has matched.
        for truth in &mut self.truths {
            *truth = if *truth == Truth::True { Truth::True } else { Truth::False };
        }
        self.settled = self.truths.len();
    }

    /// Whether it is known of a search whether it matches.
    pub fn is_settled(&self, search: usize) -> bool {
        self.truths.get(search).is_none_or(|truth| *truth != Truth::Unknown)
    }

    /// Of how many searches that is known. Grows, so a change says that something new is known.
    pub fn settled(&self) -> usize {
        self.settled
    }

    /// Whether it is known that none of all searches matches.
    pub fn none_matches(&self) -> bool {
        self.settled == self.truths.len() && self.matched == 0
    }

    /// Whether one of these matches.
    pub fn any(&self, searches: &Range<usize>) -> Truth {
        let truths = self.truths.get(searches.clone()).unwrap_or(&[Truth::Unknown]);
        match truths {
            truths if truths.contains(&Truth::True) => Truth::True,
            truths if truths.contains(&Truth::Unknown) => Truth::Unknown,
            _ => Truth::False,
        }
    }
}
