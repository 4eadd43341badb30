//! What is known of the endpoints of all upstreams, as metrics tell it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::live::Endpoints;
use crate::live::endpoints::Shed;
use crate::telemetry::meters::{Samples, Source};
use crate::telemetry::metrics::families;

/// It.
#[derive(Debug)]
pub(super) struct Figures(pub Vec<Arc<Endpoints>>);

impl Source for Figures {
    fn tell(&self, samples: &mut Samples) {
        for endpoints in &self.0 {
            let upstream = ("upstream", &*endpoints.settings.name);
            for endpoint in endpoints.seen() {
                let labels = [upstream, ("endpoint", &*endpoint.name)];
                samples.add(
                    &families::ENDPOINT_HEALTHY,
                    &labels,
                    f64::from(u8::from(endpoint.is_in_service)),
                );
            }
            let counts = &endpoints.counts;
            samples.add(&families::EJECTIONS, &[upstream], counts.ejections.load(Relaxed) as f64);
            for (why, count) in
                [(Shed::TooMany, &counts.shed_too_many), (Shed::TooLong, &counts.shed_too_long)]
            {
                samples.add(&families::SHED, &[upstream, ("reason", why.word())], count.load(Relaxed) as f64);
            }
        }
    }
}
