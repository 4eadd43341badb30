//! What is done for upstreams beside their traffic, once in the process: their names are looked up again, their
//! endpoints are asked whether they are well, and what is known of them is told with the metrics. One thread does all
//! of it under one configuration, if there is anything to do.

mod checkup;
mod figures;
mod lookup;

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use crate::live::Snapshot;
use crate::settings::Places;
use crate::telemetry::meters::Meters;
use figures::Figures;

/// It, until it is dropped.
#[derive(Debug)]
pub(super) struct Upkeep {
    /// Told for as long as they are kept here.
    figures: Arc<Figures>,
    /// Nothing is ever sent: the thread ends with it.
    _stop: Option<oneshot::Sender<()>>,
}

impl Upkeep {
    /// Begins.
    ///
    /// # Errors
    /// When there is no thread to be had, or no runtime on it.
    pub fn start(snapshot: &Arc<Snapshot>, meters: &Meters) -> io::Result<Upkeep> {
        let mut upkeep = Upkeep { figures: Arc::default(), _stop: None };
        upkeep.follow(snapshot)?;
        let weak = Arc::downgrade(&upkeep.figures);
        meters.listen_while_it_lives(weak);
        Ok(upkeep)
    }

    /// Goes on under another configuration.
    ///
    /// # Errors
    /// As [`start`](Upkeep::start); then it goes on under the one before.
    pub fn follow(&mut self, snapshot: &Arc<Snapshot>) -> io::Result<()> {
        let is_anything =
            snapshot.settings.upstreams.iter().any(|upstream| {
                upstream.health.is_some() || matches!(upstream.places, Places::Resolved { .. })
            });
        self._stop = is_anything.then(|| spawn(Arc::clone(snapshot))).transpose()?;
        self.figures.are_of(&snapshot.endpoints);
        Ok(())
    }
}

fn spawn(snapshot: Arc<Snapshot>) -> io::Result<oneshot::Sender<()>> {
    let (stop, stopped) = oneshot::channel::<()>();
    let runtime = || Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let (tried, result) = std::sync::mpsc::channel();
    thread::Builder::new().name("upkeep".to_owned()).spawn(move || {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return drop(tried.send(Err(error))),
        };
        drop(tried.send(Ok(())));
        runtime.block_on(async {
            begin(&snapshot);
            // An error is what the end of the other end looks like.
            if stopped.await.is_ok() {
                pending::<()>().await;
            }
        });
    })?;
    result
        .recv()
        .unwrap_or_else(|_| Err(io::Error::other("the upkeep of upstreams ended before it began")))?;
    Ok(stop)
}

fn begin(snapshot: &Arc<Snapshot>) {
    for (index, endpoints) in snapshot.endpoints.iter().enumerate() {
        if let Places::Resolved { every } = endpoints.settings.places {
            spawn_local(lookup::keep(Arc::clone(endpoints), snapshot.resolver.clone(), every));
        }
        if let Some(health) = endpoints.settings.health.clone() {
            let rules = snapshot.checks.get(index).cloned().flatten();
            let credential = snapshot.credentials.upstreams.get(index).cloned().flatten();
            let snapshot = Arc::clone(snapshot);
            spawn_local(checkup::keep(Arc::clone(endpoints), health, rules, credential, snapshot));
        }
    }
}

/// The time give or take a tenth of it, so that what begins at the same moment does not stay together.
fn about(time: Duration) -> Duration {
    time.mul_f64(0.9 + 0.2 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_differ_by_a_tenth_at_most() {
        let second = Duration::from_secs(1);
        let times: Vec<Duration> = (0..100).map(|_| about(second)).collect();
        assert!(times.iter().all(|time| (second * 9 / 10..=second * 11 / 10).contains(time)));
        assert!(times.iter().any(|time| *time != times[0]));
    }
}
