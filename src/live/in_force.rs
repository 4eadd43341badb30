//! What is in force now, for everybody who asks once in a while. Workers, who carry exchanges, are told of a change
//! instead and ask nobody.

use std::sync::{Arc, PoisonError, RwLock};

/// What is in force until it is replaced as a whole. Clones see the same.
#[derive(Debug)]
pub struct InForce<T>(Arc<RwLock<Arc<T>>>);

impl<T> InForce<T> {
    /// This, to begin with.
    pub fn new(first: Arc<T>) -> InForce<T> {
        InForce(Arc::new(RwLock::new(first)))
    }

    /// What is in force at this moment. Who keeps it keeps it as it is.
    pub fn now(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// This, from now on. What was in force before is given back.
    pub fn replace(&self, next: Arc<T>) -> Arc<T> {
        std::mem::replace(&mut self.0.write().unwrap_or_else(PoisonError::into_inner), next)
    }
}

impl<T> Clone for InForce<T> {
    fn clone(&self) -> InForce<T> {
        InForce(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_took_it_keeps_what_was_in_force() {
        let in_force = InForce::new(Arc::new(1));
        let (elsewhere, taken) = (in_force.clone(), in_force.now());
        assert_eq!(*in_force.replace(Arc::new(2)), 1);
        assert_eq!((*taken, *in_force.now(), *elsewhere.now()), (1, 2, 2));
    }
}
