//! How much references, functions and variables may bring in: a short one can stand for something long, and that for
//! many longer ones.

use crate::diagnostic::{Diagnostics, Place};

pub struct Budget {
    left: usize,
    /// What is told when it is spent.
    message: String,
    is_spent: bool,
}

impl Budget {
    pub fn new(amount: usize, message: impl Into<String>) -> Budget {
        Budget { left: amount, message: message.into(), is_spent: false }
    }

    /// For what values are made of, bytes.
    pub fn of_bytes(what: &str) -> Budget {
        Budget::new(MADE_BYTES_MAX, format!("{what} make more than {} MB", MADE_BYTES_MAX >> 20))
    }

    /// Whether there is so much left; told once when there is not, and from then on there is nothing.
    pub fn takes(&mut self, amount: usize, place: &Place, problems: &mut Diagnostics) -> bool {
        match self.left.checked_sub(amount).filter(|_| !self.is_spent) {
            Some(left) => self.left = left,
            None if self.is_spent => {}
            None => {
                self.is_spent = true;
                problems.error(place, self.message.as_str());
            }
        }
        !self.is_spent
    }

    pub fn is_spent(&self) -> bool {
        self.is_spent
    }
}

const MADE_BYTES_MAX: usize = 64 << 20;
/// What a value counts as beside its text.
pub const VALUE_BYTES: usize = 50;
