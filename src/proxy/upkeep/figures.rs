//! What is known of the endpoints of all upstreams, as metrics tell it.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use crate::live::Endpoints;
use crate::live::endpoints::Shed;
use crate::telemetry::meters::{Samples, Source};
use crate::telemetry::metrics::families;

/// It. One for all configurations, so that nothing is told twice while one takes the place of another.
#[derive(Debug, Default)]
pub(super) struct Figures(Mutex<Vec<Arc<Endpoints>>>);

impl Figures {
    /// These are told from now on.
    pub fn are_of(&self, endpoints: &[Arc<Endpoints>]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = endpoints.to_vec();
    }
}

impl Source for Figures {
    fn tell(&self, samples: &mut Samples) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for endpoints in &all {
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::settings::{Places, Upstream, UpstreamUrl};
    use crate::telemetry::meters::Meters;
    use crate::telemetry::metrics::{Format, gather};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a moment, for who is told of moments")]
    fn what_is_known_of_endpoints_is_in_metrics() {
        let url = |text: &str| UpstreamUrl::parse(text).unwrap();
        let places = Places::Listed(vec![url("http://a:1"), url("http://b:2")]);
        let ejection = Some(crate::settings::Ejection { consecutive: Some(1), ..Default::default() });
        let settings = Upstream { places, ejection, ..Upstream::new("legacy", url("http://a:1")) };
        let endpoints = Endpoints::new(&settings, None);
        let all = endpoints.all();
        let (chosen, claim) = endpoints.choose(&all, None, Instant::now).unwrap();
        claim.failed(Instant::now).unwrap();
        endpoints.shed(Shed::TooLong);
        let (figures, meters) = (Arc::<Figures>::default(), Meters::start());
        figures.are_of(&[endpoints]);
        let weak = Arc::downgrade(&figures);
        meters.listen_while_it_lives(weak);
        let text = Format::OpenMetrics.write(&gather(&meters));
        let bad = &all[chosen].name;
        let good = &all[1 - chosen].name;
        for line in [
            format!("candor_upstream_endpoint_healthy{{upstream=\"legacy\",endpoint=\"{bad}\"}} 0"),
            format!("candor_upstream_endpoint_healthy{{upstream=\"legacy\",endpoint=\"{good}\"}} 1"),
            "candor_upstream_ejections_total{upstream=\"legacy\"} 1".to_owned(),
            "candor_upstream_shed_total{upstream=\"legacy\",reason=\"pending too long\"} 1".to_owned(),
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
        }
    }
}
