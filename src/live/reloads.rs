//! What has become of the attempts to put another configuration in force.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The story of the reloads, for those who ask. Clones see the same.
#[derive(Debug, Clone)]
pub struct Reloads(Arc<Mutex<Told>>);

/// What is told of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Which configuration is in force: 1 is the one of the start, and each that replaces another is one more.
    pub generation: u64,
    /// Since when it is.
    pub since: SystemTime,
    /// How often another configuration was put in force.
    pub successes: u64,
    /// How often it was refused.
    pub failures: u64,
    /// The last attempt, if there was one.
    pub last: Option<Attempt>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it ended.
    pub at: SystemTime,
    /// Who wanted it.
    pub trigger: Trigger,
    /// Why it was refused, as people read it; `None` if it was not.
    pub problems: Option<String>,
}

/// Why a configuration is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// SIGHUP.
    Signal,
    /// `POST /-/reload`.
    Request,
    /// A file has changed.
    File,
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Trigger::Signal => "signal",
            Trigger::Request => "request",
            Trigger::File => "file",
        })
    }
}

impl Reloads {
    /// The first configuration is in force since then.
    pub fn new(since: SystemTime) -> Reloads {
        let told = Told { generation: 1, since, successes: 0, failures: 0, last: None };
        Reloads(Arc::new(Mutex::new(told)))
    }

    /// All that there is to tell at this moment.
    pub fn told(&self) -> Told {
        self.lock().clone()
    }

    /// Another configuration is in force; which that is.
    pub fn succeeded(&self, trigger: Trigger, at: SystemTime) -> u64 {
        let mut told = self.lock();
        told.generation += 1;
        told.successes += 1;
        told.since = at;
        told.last = Some(Attempt { at, trigger, problems: None });
        told.generation
    }

    /// The one in force stays, because of these problems; which that is.
    pub fn failed(&self, trigger: Trigger, problems: String, at: SystemTime) -> u64 {
        let mut told = self.lock();
        told.failures += 1;
        told.last = Some(Attempt { at, trigger, problems: Some(problems) });
        told.generation
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// Whether what is configured is what is in force: true also where nothing was ever read again.
    pub fn is_well(&self) -> bool {
        self.last.as_ref().is_none_or(|last| last.problems.is_none())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_refused_configuration_leaves_the_generation() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let reloads = Reloads::new(at(1));
        assert!(reloads.told().is_well());
        assert_eq!(reloads.failed(Trigger::File, "wrong".to_owned(), at(2)), 1);
        let told = reloads.clone().told();
        assert_eq!((told.generation, told.since, told.successes, told.failures), (1, at(1), 0, 1));
        assert!(!told.is_well());
        assert_eq!(reloads.succeeded(Trigger::Signal, at(3)), 2);
        let told = reloads.told();
        assert_eq!((told.generation, told.since, told.successes, told.failures), (2, at(3), 1, 1));
        assert!(told.is_well());
    }
}
