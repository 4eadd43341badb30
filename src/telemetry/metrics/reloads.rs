//! What metrics say of the configuration.

use std::time::UNIX_EPOCH;

use super::families as f;
use crate::live::Reloads;
use crate::telemetry::meters::{Samples, Source};

impl Source for Reloads {
    fn tell(&self, samples: &mut Samples) {
        let told = self.told();
        let since = told.since.duration_since(UNIX_EPOCH).unwrap_or_default();
        samples.add(&f::CONFIG_GENERATION, &[], told.generation as f64);
        samples.add(&f::CONFIG_RELOADS, &[("result", "success")], told.successes as f64);
        samples.add(&f::CONFIG_RELOADS, &[("result", "failure")], told.failures as f64);
        samples.add(&f::CONFIG_LAST_RELOAD_SUCCESSFUL, &[], f64::from(u8::from(told.is_well())));
        samples.add(&f::CONFIG_LAST_RELOAD_SUCCESS_TIME, &[], since.as_secs_f64());
    }
}
