//! The captures of one configuration after another. What the exchanges of an earlier one still record is written, too.

use std::io;
use std::sync::Arc;

use super::super::Shared;
use super::Captures;
use crate::live::Snapshot;
use crate::telemetry::meters::Meters;

/// Those of the configuration in force, and those of earlier ones.
#[derive(Debug)]
pub(in crate::proxy) struct Recordings {
    captures: Option<Arc<Captures>>,
    /// Exchanges under way may still have them.
    earlier: Vec<Arc<Captures>>,
}

impl Recordings {
    /// Starts recording, if the configuration wants it.
    ///
    /// # Errors
    /// When the folder cannot be had.
    pub fn start(snapshot: &Snapshot, meters: &Meters) -> io::Result<Recordings> {
        Ok(Recordings { captures: Captures::start(snapshot, meters)?, earlier: Vec::new() })
    }

    /// Those of the configuration in force.
    pub fn captures(&self) -> Option<Arc<Captures>> {
        self.captures.clone()
    }

    /// Those of the next configuration, which are the same where it wants the same.
    ///
    /// # Errors
    /// As [`start`](Recordings::start); then those from before stay.
    pub fn follow(&mut self, before: &Shared, next: &Snapshot) -> io::Result<Option<Arc<Captures>>> {
        let wanted =
            |snapshot: &Snapshot| (snapshot.settings.capture.clone(), snapshot.limits.inspect.clone());
        if wanted(&before.snapshot) != wanted(next) {
            let begun = Captures::start(next, &before.meters)?;
            self.earlier.retain(|captures| Arc::strong_count(captures) > 1);
            self.earlier.extend(std::mem::replace(&mut self.captures, begun));
        }
        Ok(self.captures())
    }

    /// Waits until everything is written. Nothing is taken from then on.
    pub fn finish(self) {
        self.captures.iter().chain(&self.earlier).for_each(|captures| captures.finish());
    }
}
