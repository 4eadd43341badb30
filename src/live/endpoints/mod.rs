//! The endpoints of an upstream as all workers see them: which there are, which are in service, how busy each is.
//! A worker chooses without a lock; only what goes wrong, and what changes, is written down under one.

pub mod balance;
mod gate;
mod roll;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

pub use gate::{Gate, Resting, Room, Shed, Waiting};
pub use roll::{Change, Why};

use balance::Candidate;
use roll::{Roll, Standing};

use crate::settings::{Balance, Places, Upstream, UpstreamUrl};

/// No trial is due.
const NEVER: u64 = u64::MAX;

/// The endpoints of one upstream.
#[derive(Debug)]
pub struct Endpoints {
    /// What the configuration says of the upstream.
    pub settings: Upstream,
    /// The bound on its connections.
    pub gate: Option<Gate>,
    /// The bound on the requests under way.
    pub requests_gate: Option<Gate>,
    /// What is counted of it, also by its predecessors.
    pub counts: Arc<Counts>,
    /// When moments are counted from: the first one that was asked about.
    since: OnceLock<Instant>,
    /// How often there have been others.
    changes: AtomicU64,
    requests: AtomicUsize,
    /// Whether some endpoint waits for a trial.
    is_anyone_out: AtomicBool,
    known: Mutex<Known>,
}

/// What is counted of an upstream.
#[derive(Debug, Default)]
pub struct Counts {
    /// Endpoints taken out of service because of their answers.
    pub ejections: AtomicU64,
    /// Requests turned away, since so many waited.
    pub shed_too_many: AtomicU64,
    /// Since they had waited too long.
    pub shed_too_long: AtomicU64,
}

#[derive(Debug)]
struct Known {
    all: Arc<[Arc<Endpoint>]>,
    roll: Roll,
}

/// One of them.
#[derive(Debug)]
pub struct Endpoint {
    /// Where it is.
    pub url: UpstreamUrl,
    /// It in words: host and port, or the path of its socket.
    pub name: String,
    /// Requests under way, until the end of the answer.
    in_flight: AtomicUsize,
    /// Requests that have not failed.
    succeeded: AtomicU64,
    /// Whether the last one did.
    is_troubled: AtomicBool,
    /// Whether it is in service.
    is_well: AtomicBool,
    /// From when on a request may be tried on it, in milliseconds.
    trial_at: AtomicU64,
}

/// A request that goes to an endpoint: it is under way there for as long as this lives.
#[derive(Debug)]
pub struct Claim {
    endpoints: Arc<Endpoints>,
    endpoint: Arc<Endpoint>,
    trial: Option<Trial>,
}

/// The request shows whether its endpoint can return.
#[derive(Debug)]
struct Trial {
    began: Duration,
    is_over: AtomicBool,
}

/// An endpoint as others are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Host and port, or the path of its socket.
    pub name: String,
    /// Whether requests go to it.
    pub is_in_service: bool,
    /// Whether it is out because of its answers.
    pub is_ejected: bool,
    /// Whether its health checks fail.
    pub is_sick: bool,
    /// Requests under way.
    pub in_flight: usize,
}

impl Endpoint {
    fn new(url: UpstreamUrl) -> Arc<Endpoint> {
        let name = match &url.socket {
            Some(path) => path.display().to_string(),
            None => url.authority.to_string(),
        };
        Arc::new(Endpoint {
            url,
            name,
            in_flight: AtomicUsize::new(0),
            succeeded: AtomicU64::new(0),
            is_troubled: AtomicBool::new(false),
            is_well: AtomicBool::new(true),
            trial_at: AtomicU64::new(NEVER),
        })
    }

    fn candidate(&self) -> Candidate {
        Candidate {
            is_well: self.is_well.load(Ordering::Relaxed),
            load: self.in_flight.load(Ordering::Relaxed),
        }
    }

    fn publish(&self, standing: &Standing) {
        self.is_well.store(standing.is_in_service(), Ordering::Relaxed);
        let trial_at = standing.trial_at().map_or(NEVER, milliseconds);
        self.trial_at.store(trial_at, Ordering::Relaxed);
    }
}

impl Endpoints {
    /// Those of an upstream, none of which has done anything wrong. Those that were there `before` are taken over.
    pub fn new(settings: &Upstream, before: Option<&Endpoints>) -> Arc<Endpoints> {
        let places = match &settings.places {
            Places::Listed(places) => places.clone(),
            // The addresses of a name are not known yet.
            Places::Url | Places::Resolved { .. } => vec![settings.url.clone()],
        };
        let nothing = Known { all: Arc::new([]), roll: Roll::new(settings.ejection, Vec::new()) };
        let known = before.map(|before| lock(&before.known));
        let places = match known.as_deref() {
            // Better than none until they are asked for again.
            Some(known) if matches!(settings.places, Places::Resolved { .. }) => {
                known.all.iter().map(|endpoint| endpoint.url.clone()).collect()
            }
            _ => places,
        };
        let known = known.as_deref().unwrap_or(&nothing).succeeded_by(settings, &places);
        let endpoints = Endpoints {
            gate: Gate::new(settings.limits.connections, &settings.limits),
            requests_gate: Gate::new(settings.limits.requests, &settings.limits),
            counts: before.map(|before| Arc::clone(&before.counts)).unwrap_or_default(),
            since: before.map(|before| before.since.clone()).unwrap_or_default(),
            settings: settings.clone(),
            changes: AtomicU64::new(0),
            requests: AtomicUsize::new(0),
            is_anyone_out: AtomicBool::new(known.is_anyone_out()),
            known: Mutex::new(known),
        };
        Arc::new(endpoints)
    }

    /// Another answer to the question where they are.
    pub fn replace(&self, places: &[UpstreamUrl]) -> bool {
        let mut known = lock(&self.known);
        if known.all.iter().map(|endpoint| &endpoint.url).eq(places) {
            return false;
        }
        *known = known.succeeded_by(&self.settings, places);
        self.is_anyone_out.store(known.is_anyone_out(), Ordering::Relaxed);
        self.changes.fetch_add(1, Ordering::Release);
        true
    }

    /// How often they have changed; who has seen another number asks for [`all`](Self::all) of them.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Those there are.
    pub fn all(&self) -> Arc<[Arc<Endpoint>]> {
        Arc::clone(&lock(&self.known).all)
    }

    /// Chooses one of `all`, by its index, not the one to `avoid` where there is another.
    pub fn choose(
        self: &Arc<Endpoints>,
        all: &[Arc<Endpoint>],
        avoid: Option<&Claim>,
        now: impl FnOnce() -> Instant,
    ) -> Option<(usize, Claim)> {
        let is_avoided =
            |endpoint: &Arc<Endpoint>| avoid.is_some_and(|claim| Arc::ptr_eq(&claim.endpoint, endpoint));
        if self.is_anyone_out.load(Ordering::Relaxed) {
            let now = self.moment(now());
            let is_due =
                |endpoint: &Arc<Endpoint>| endpoint.trial_at.load(Ordering::Relaxed) <= milliseconds(now);
            let due = all.iter().position(|endpoint| is_due(endpoint) && !is_avoided(endpoint));
            if let Some((index, endpoint)) = due.and_then(|index| Some((index, all.get(index)?)))
                && self.with(endpoint, |roll, index| roll.admits(index, now)).unwrap_or(false)
            {
                return Some((index, self.claim(endpoint, Some(now))));
            }
        }
        let avoid = all.iter().position(is_avoided);
        let candidate = |index: usize| {
            all.get(index)
                .map_or(Candidate { is_well: false, load: usize::MAX }, |endpoint| endpoint.candidate())
        };
        let index = match self.settings.balance {
            Balance::LeastRequests => {
                balance::least_requests(all.len(), candidate, avoid, |below| fastrand::usize(..below))
            }
            Balance::RoundRobin => balance::round_robin(
                all.len(),
                candidate,
                avoid,
                self.requests.fetch_add(1, Ordering::Relaxed),
            ),
        }?;
        Some((index, self.claim(all.get(index)?, None)))
    }

    fn moment(&self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.since.get_or_init(|| now))
    }

    fn claim(self: &Arc<Endpoints>, endpoint: &Arc<Endpoint>, trial: Option<Duration>) -> Claim {
        endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
        let trial = trial.map(|began| Trial { began, is_over: AtomicBool::new(false) });
        Claim { endpoints: Arc::clone(self), endpoint: Arc::clone(endpoint), trial }
    }

    /// What a health check has said.
    pub fn checked(&self, endpoint: &Arc<Endpoint>, is_good: bool) -> Option<Change> {
        let health = self.settings.health.as_ref()?;
        self.with(endpoint, |roll, index| roll.checked(index, is_good, health))?
    }

    /// How each of them is.
    pub fn seen(&self) -> Vec<Seen> {
        let known = lock(&self.known);
        let seen = |(index, endpoint): (usize, &Arc<Endpoint>)| {
            let standing = known.roll.standing(index)?;
            Some(Seen {
                name: endpoint.name.clone(),
                is_in_service: standing.is_in_service(),
                is_ejected: standing.is_ejected(),
                is_sick: standing.is_sick(),
                in_flight: endpoint.in_flight.load(Ordering::Relaxed),
            })
        };
        known.all.iter().enumerate().filter_map(seen).collect()
    }

    /// How many requests wait at its gates now.
    pub fn waiting(&self) -> usize {
        let gates = self.gate.iter().chain(&self.requests_gate);
        gates.map(Gate::waiting).sum()
    }

    /// A request was turned away.
    pub fn shed(&self, why: Shed) {
        let count = match why {
            Shed::TooMany => &self.counts.shed_too_many,
            Shed::TooLong => &self.counts.shed_too_long,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes something down about an endpoint, if it is still one of them, and has everybody see it.
    fn with<T>(&self, endpoint: &Arc<Endpoint>, write: impl FnOnce(&mut Roll, usize) -> T) -> Option<T> {
        let mut known = lock(&self.known);
        let index = known.all.iter().position(|known| Arc::ptr_eq(known, endpoint))?;
        let written = write(&mut known.roll, index);
        if let Some(standing) = known.roll.standing(index) {
            endpoint.publish(standing);
        }
        self.is_anyone_out.store(known.is_anyone_out(), Ordering::Relaxed);
        Some(written)
    }
}

impl Known {
    fn is_anyone_out(&self) -> bool {
        self.all.iter().any(|endpoint| endpoint.trial_at.load(Ordering::Relaxed) != NEVER)
    }

    /// Endpoints at these places. What is known of those that stay is kept.
    fn succeeded_by(&self, settings: &Upstream, places: &[UpstreamUrl]) -> Known {
        let index = |url: &UpstreamUrl| self.all.iter().position(|endpoint| endpoint.url == *url);
        let kept = |url: &UpstreamUrl| {
            let index = index(url)?;
            Some((Arc::clone(self.all.get(index)?), self.roll.standing(index)?.clone()))
        };
        let endpoint =
            |url: &UpstreamUrl| kept(url).unwrap_or((Endpoint::new(url.clone()), Standing::default()));
        let (all, standings): (Vec<_>, Vec<_>) = places.iter().map(endpoint).unzip();
        let mut roll = Roll::new(settings.ejection, standings);
        if settings.health.is_none() {
            // Nobody would ever say that they are well again.
            roll.forget_checks();
        }
        all.iter().enumerate().for_each(|(index, endpoint)| {
            if let Some(standing) = roll.standing(index) {
                endpoint.publish(standing);
            }
        });
        Known { all: all.into(), roll }
    }
}

impl Claim {
    /// The upstream's name.
    pub fn upstream(&self) -> &str {
        &self.endpoints.settings.name
    }

    /// Who the request goes to.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// The request has got an answer, and it was a good one or one for which the endpoint is not to blame.
    pub fn succeeded(&self, now: impl FnOnce() -> Instant) -> Option<Change> {
        self.endpoint.succeeded.fetch_add(1, Ordering::Relaxed);
        let on_trial = self.trial.is_some();
        if !on_trial && !self.endpoint.is_troubled.swap(false, Ordering::Relaxed) {
            return None;
        }
        self.settle();
        let now = self.endpoints.moment(now());
        self.endpoints.with(&self.endpoint, |roll, index| roll.succeeded(index, now, on_trial))?
    }

    /// There was no answer, or one that says that the endpoint is in trouble.
    pub fn failed(&self, now: impl FnOnce() -> Instant) -> Option<Change> {
        self.settle();
        self.endpoint.is_troubled.store(true, Ordering::Relaxed);
        let now = self.endpoints.moment(now());
        let succeeded = self.endpoint.succeeded.load(Ordering::Relaxed);
        let change = self.endpoints.with(&self.endpoint, |roll, index| roll.failed(index, now, succeeded))?;
        if matches!(change, Some(Change::Ejected { .. })) {
            self.endpoints.counts.ejections.fetch_add(1, Ordering::Relaxed);
        }
        change
    }

    fn settle(&self) {
        if let Some(trial) = &self.trial {
            trial.is_over.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(trial) = self.trial.as_ref().filter(|trial| !trial.is_over.load(Ordering::Relaxed)) {
            self.endpoints.with(&self.endpoint, |roll, index| roll.untried(index, trial.began));
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(NEVER - 1)
}

/// Nothing that is done under it can panic half way.
fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Ejection;

    const SECOND: Duration = Duration::from_secs(1);

    #[expect(clippy::disallowed_methods, reason = "some moment to count from")]
    fn now() -> Instant {
        Instant::now()
    }

    fn urls(ports: &[u16]) -> Vec<UpstreamUrl> {
        ports.iter().map(|port| UpstreamUrl::parse(&format!("http://a:{port}")).unwrap()).collect()
    }

    /// Endpoints at these ports, of which one failure is enough.
    fn settings(ports: &[u16]) -> Upstream {
        let urls = urls(ports);
        let ejection = Some(Ejection { consecutive: Some(1), ..Ejection::default() });
        Upstream { places: Places::Listed(urls.clone()), ejection, ..Upstream::new("a", urls[0].clone()) }
    }

    /// The ports of those in service, and of those that are not.
    fn ports(endpoints: &Endpoints) -> (Vec<u16>, Vec<u16>) {
        let port = |seen: &Seen| seen.name.trim_start_matches("a:").parse::<u16>().unwrap();
        let (well, out): (Vec<Seen>, Vec<Seen>) =
            endpoints.seen().into_iter().partition(|seen| seen.is_in_service);
        (well.iter().map(port).collect(), out.iter().map(port).collect())
    }

    /// Sends requests until this endpoint has failed.
    fn fail(endpoints: &Arc<Endpoints>, port: u16, now: Instant) {
        let all = endpoints.all();
        loop {
            let (index, claim) = endpoints.choose(&all, None, || now).unwrap();
            if all[index].url == urls(&[port])[0] {
                claim.failed(|| now);
                return;
            }
        }
    }

    #[test]
    fn what_is_known_of_endpoints_that_stay_is_kept() {
        let (before, start) = (Endpoints::new(&settings(&[1, 2]), None), now());
        fail(&before, 2, start);
        assert_eq!(ports(&before), (vec![1], vec![2]));
        let after = Endpoints::new(&settings(&[3, 2, 1]), Some(&before));
        assert_eq!(ports(&after), (vec![3, 1], vec![2]));
        assert_eq!(after.counts.ejections.load(Ordering::Relaxed), 1);
        let (all, later) = (after.all(), start + 10 * SECOND);
        let (index, claim) = after.choose(&all, None, || later).unwrap();
        assert_eq!(index, 1, "its time is over");
        assert_eq!(claim.succeeded(|| later), Some(Change::Returned));
        assert_eq!(ports(&after), (vec![3, 2, 1], vec![]));
    }

    #[test]
    fn a_trial_that_nobody_waits_for_is_followed_by_another() {
        let (endpoints, start) = (Endpoints::new(&settings(&[1, 2]), None), now());
        fail(&endpoints, 1, start);
        let (all, later) = (endpoints.all(), start + 10 * SECOND);
        for _ in 0..3 {
            let (trial, claim) = endpoints.choose(&all, None, || later).unwrap();
            let (other, _) = endpoints.choose(&all, None, || later).unwrap();
            assert_eq!((trial, other), (0, 1), "one at a time");
            drop(claim);
        }
    }

    #[test]
    fn a_request_is_under_way_as_long_as_its_claim() {
        let endpoints = Endpoints::new(&settings(&[1]), None);
        let in_flight = || endpoints.seen()[0].in_flight;
        let (_, claim) = endpoints.choose(&endpoints.all(), None, now).unwrap();
        assert_eq!(in_flight(), 1);
        drop(claim);
        assert_eq!(in_flight(), 0);
    }

    #[test]
    fn others_take_their_place() {
        let (endpoints, start) = (Endpoints::new(&settings(&[1, 2]), None), now());
        fail(&endpoints, 2, start);
        assert!(!endpoints.replace(&urls(&[1, 2])));
        assert_eq!(endpoints.changes(), 0);
        let gone = endpoints.all();
        assert!(endpoints.replace(&urls(&[2, 3])));
        assert_eq!((endpoints.changes(), ports(&endpoints)), (1, (vec![3], vec![2])));
        // What is still under way at one that is gone says nothing of the others.
        let (_, claim) = endpoints.choose(&gone[..1], None, now).unwrap();
        assert_eq!(claim.failed(now), None);
        assert_eq!(ports(&endpoints), (vec![3], vec![2]));
    }
}
