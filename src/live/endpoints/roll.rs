//! Which endpoints of an upstream are in service: what their answers and health checks have said, and what follows.
//! Pure: time is passed in, as the time since some beginning.

use std::fmt;
use std::time::Duration;

use crate::settings::{Ejection, Health};

/// The endpoints, by their index.
#[derive(Debug)]
pub struct Roll {
    ejection: Option<Ejection>,
    standings: Vec<Standing>,
}

/// What is known of one.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    phase: Phase,
    /// What health checks say.
    is_sick: bool,
    /// Health checks that say the other, one after the other.
    contrary: u32,
    /// Failures one after the other.
    consecutive: u32,
    window: Window,
    /// How often it was taken out of service, until it has been well for long enough.
    ejections: u32,
    /// Since when it is in service again.
    returned: Duration,
}

/// What has been added up.
#[derive(Debug, Clone, Default)]
struct Window {
    began: Duration,
    /// What had succeeded before.
    succeeded_before: u64,
    failed: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    In,
    /// Until then.
    Out(Duration),
    /// One request is to show whether it can return.
    Trial,
}

/// What has become of an endpoint, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Taken out of service because of what its answers say.
    Ejected {
        /// What they say.
        why: Why,
        /// How long.
        time: Duration,
    },
    /// Back in service.
    Returned,
    /// Its health checks fail.
    Unhealthy,
    /// They succeed.
    Healthy,
}

/// Why an endpoint is taken out of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// So many failures one after the other.
    Consecutive(u32),
    /// So many failures of so many requests.
    Ratio(u64, u64),
    /// The request on trial failed.
    Trial,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Consecutive(times) => write!(f, "{times} failures one after the other"),
            Why::Ratio(failed, of) => write!(f, "{failed} of {of} requests failed"),
            Why::Trial => f.write_str("the request on trial failed"),
        }
    }
}

impl Standing {
    /// Whether requests go to it.
    pub fn is_in_service(&self) -> bool {
        self.phase == Phase::In && !self.is_sick
    }

    /// From when on a request may be tried, where it is out because of its answers alone.
    pub fn trial_at(&self) -> Option<Duration> {
        match self.phase {
            Phase::Out(until) if !self.is_sick => Some(until),
            Phase::In | Phase::Out(_) | Phase::Trial => None,
        }
    }

    /// Whether its answers have put it out of service.
    pub fn is_ejected(&self) -> bool {
        self.phase != Phase::In
    }

    /// Whether its health checks fail.
    pub fn is_sick(&self) -> bool {
        self.is_sick
    }

    fn failed(&mut self, ejection: &Ejection, now: Duration, succeeded: u64) -> Option<Why> {
        self.consecutive = self.consecutive.saturating_add(1);
        let window = &mut self.window;
        if window.failed == 0 || now.saturating_sub(window.began) >= ejection.window {
            *window = Window { began: now, succeeded_before: succeeded, failed: 0 };
        }
        window.failed += 1;
        let (failed, of) = (window.failed, window.failed + succeeded.saturating_sub(window.succeeded_before));
        if ejection.consecutive.is_some_and(|times| self.consecutive >= times) {
            return Some(Why::Consecutive(self.consecutive));
        }
        let ratio = u64::from(ejection.ratio_thousandths?);
        (of >= ejection.min_requests && failed * 1000 >= of * ratio).then_some(Why::Ratio(failed, of))
    }

    fn eject(&mut self, ejection: &Ejection, now: Duration, why: Why) -> Change {
        let time = |ejections: u32| {
            let factor = 1_u32.checked_shl(ejections).unwrap_or(u32::MAX);
            ejection.base_time.saturating_mul(factor).min(ejection.max_time)
        };
        // One that was well for longer than it was out last begins anew.
        let was_well = why != Why::Trial && now.saturating_sub(self.returned) > time(self.ejections);
        let ejections = if was_well { 0 } else { self.ejections };
        let time = time(ejections);
        *self = Standing {
            phase: Phase::Out(now.saturating_add(time)),
            ejections: ejections.saturating_add(1),
            is_sick: self.is_sick,
            contrary: self.contrary,
            ..Standing::default()
        };
        Change::Ejected { why, time }
    }

    fn checked(&mut self, is_good: bool, health: &Health) -> Option<Change> {
        if is_good != self.is_sick {
            self.contrary = 0;
            return None;
        }
        self.contrary += 1;
        let (enough, change) = match is_good {
            true => (health.healthy, Change::Healthy),
            false => (health.unhealthy, Change::Unhealthy),
        };
        if self.contrary < enough {
            return None;
        }
        (self.is_sick, self.contrary) = (!is_good, 0);
        Some(change)
    }
}

impl Roll {
    /// Endpoints of which this is known.
    pub fn new(ejection: Option<Ejection>, standings: Vec<Standing>) -> Roll {
        Roll { ejection, standings }
    }

    /// What is known of one.
    pub fn standing(&self, index: usize) -> Option<&Standing> {
        self.standings.get(index)
    }

    /// A request failed. `succeeded` are all that have not, since some beginning.
    pub fn failed(&mut self, index: usize, now: Duration, succeeded: u64) -> Option<Change> {
        let ejection = self.ejection?;
        let may_eject = self.may_eject(index, &ejection);
        let standing = self.standings.get_mut(index)?;
        match standing.phase {
            Phase::In => {
                let why = standing.failed(&ejection, now, succeeded)?;
                may_eject.then(|| standing.eject(&ejection, now, why))
            }
            Phase::Trial => Some(standing.eject(&ejection, now, Why::Trial)),
            // It was under way when the endpoint was taken out.
            Phase::Out(_) => None,
        }
    }

    /// A request succeeded, after some that did not, or on trial.
    pub fn succeeded(&mut self, index: usize, now: Duration, on_trial: bool) -> Option<Change> {
        let standing = self.standings.get_mut(index)?;
        standing.consecutive = 0;
        if !on_trial || standing.phase != Phase::Trial {
            return None;
        }
        (standing.phase, standing.returned, standing.window) = (Phase::In, now, Window::default());
        Some(Change::Returned)
    }

    /// Asks to send a request on trial. Only one at a time is.
    pub fn admits(&mut self, index: usize, now: Duration) -> bool {
        let Some(standing) = self.standings.get_mut(index) else { return false };
        let is_due = standing.trial_at().is_some_and(|at| at <= now);
        if is_due {
            standing.phase = Phase::Trial;
        }
        is_due
    }

    /// The request on trial has said nothing, as when its client went away. The next may be tried.
    pub fn untried(&mut self, index: usize, now: Duration) {
        if let Some(standing) =
            self.standings.get_mut(index).filter(|standing| standing.phase == Phase::Trial)
        {
            standing.phase = Phase::Out(now);
        }
    }

    /// A health check has said so.
    pub fn checked(&mut self, index: usize, is_good: bool, health: &Health) -> Option<Change> {
        self.standings.get_mut(index)?.checked(is_good, health)
    }

    /// Health is not asked for any more.
    pub fn forget_checks(&mut self) {
        self.standings.iter_mut().for_each(|standing| (standing.is_sick, standing.contrary) = (false, 0));
    }

    /// Whether one more may be taken out: not more than their share, unless it is the first, and never the last.
    fn may_eject(&self, index: usize, ejection: &Ejection) -> bool {
        let out = self.standings.iter().filter(|standing| standing.is_ejected()).count() as u64;
        let share = self.standings.len() as u64 * u64::from(ejection.max_share_thousandths) / 1000;
        let mut others = self.standings.iter().enumerate().filter(|(other, _)| *other != index);
        out < share.max(1) && others.any(|(_, standing)| standing.is_in_service())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::{Diagnostics, Source};

    const SECOND: Duration = Duration::from_secs(1);

    fn ejection() -> Ejection {
        Ejection { consecutive: Some(3), min_requests: 10, ..Ejection::default() }
    }

    fn roll(count: usize, ejection: Ejection) -> Roll {
        Roll::new(Some(ejection), vec![Standing::default(); count])
    }

    fn health(healthy: u32, unhealthy: u32) -> Health {
        let text = format!(
            "version: 1\nupstreams: {{ a: {{ url: 'http://a', health: {{ path: /, healthy: {healthy}, unhealthy: {unhealthy} }} }} }}"
        );
        let layers = crate::settings::Layers { files: vec![Source::new("it", text)], ..Default::default() };
        let mut diagnostics = Diagnostics::default();
        let (document, quick) = layers.merge(&mut diagnostics).unwrap();
        let settings = crate::settings::Settings::read(&document, &quick, &mut diagnostics).unwrap();
        settings.upstreams[0].health.clone().unwrap()
    }

    fn ejected(why: Why, seconds: u64) -> Option<Change> {
        Some(Change::Ejected { why, time: Duration::from_secs(seconds) })
    }

    #[test]
    fn failures_one_after_the_other_take_an_endpoint_out() {
        let mut roll = roll(2, ejection());
        assert_eq!(roll.failed(0, SECOND, 0), None);
        assert_eq!(roll.failed(0, SECOND, 0), None);
        assert_eq!(roll.succeeded(0, SECOND, false), None);
        assert_eq!(roll.failed(0, SECOND, 1), None);
        assert_eq!(roll.failed(0, SECOND, 1), None);
        assert_eq!(roll.failed(0, SECOND, 1), ejected(Why::Consecutive(3), 10));
        assert!(!roll.standing(0).unwrap().is_in_service());
        assert_eq!(roll.failed(0, SECOND, 1), None, "it is out");
    }

    #[test]
    fn so_does_a_share_of_failures_in_a_window() {
        let ejection = Ejection { consecutive: None, ..ejection() };
        let check = |succeeded: [u64; 6], expected: Option<Change>| {
            let mut roll = roll(2, ejection);
            let last = succeeded.map(|succeeded| roll.failed(0, SECOND, succeeded));
            assert_eq!(last[5], expected, "{succeeded:?}");
        };
        check([0, 0, 0, 0, 4, 4], ejected(Why::Ratio(6, 10), 10));
        check([100, 100, 100, 100, 100, 106], ejected(Why::Ratio(6, 12), 10));
        check([0, 0, 0, 0, 0, 7], None);
        check([0, 0, 0, 0, 0, 3], None);
        // Half of them is long ago.
        let mut roll = roll(2, ejection);
        for second in 0..12 {
            assert_eq!(roll.failed(0, SECOND * second * 2, 0), None);
        }
    }

    #[test]
    fn each_time_is_twice_as_long_until_it_was_well_for_a_while() {
        let mut roll = roll(2, ejection());
        let fail = |roll: &mut Roll, now| (0..3).find_map(|_| roll.failed(0, now, 0));
        let mut now = SECOND;
        for (seconds, why) in
            [(10, Why::Consecutive(3)), (20, Why::Trial), (40, Why::Trial), (80, Why::Trial)]
        {
            assert_eq!(fail(&mut roll, now), ejected(why, seconds));
            assert!(!roll.admits(0, now + SECOND * (seconds as u32 - 1)), "not yet");
            now += Duration::from_secs(seconds);
            assert!(roll.admits(0, now));
            assert!(!roll.admits(0, now), "one at a time");
        }
        assert_eq!(roll.succeeded(0, now, false), None, "one that was under way says nothing");
        assert_eq!(roll.succeeded(0, now, true), Some(Change::Returned));
        assert_eq!(fail(&mut roll, now + SECOND), ejected(Why::Consecutive(3), 160));
        now += SECOND * 161;
        assert!(roll.admits(0, now));
        assert_eq!(roll.succeeded(0, now, true), Some(Change::Returned));
        assert_eq!(fail(&mut roll, now + SECOND * 301), ejected(Why::Consecutive(3), 10));
    }

    #[test]
    fn a_trial_that_says_nothing_is_followed_by_another() {
        let mut roll = roll(2, ejection());
        (0..3).for_each(|_| {
            roll.failed(0, SECOND, 0);
        });
        assert!(roll.admits(0, SECOND * 11));
        roll.untried(0, SECOND * 12);
        assert!(roll.admits(0, SECOND * 12));
    }

    #[test]
    fn health_checks_count_before_they_change_anything() {
        let check = |said: &[bool], expected: &[Option<Change>]| {
            let (mut roll, health) = (roll(1, ejection()), health(2, 3));
            let changes: Vec<_> = said.iter().map(|good| roll.checked(0, *good, &health)).collect();
            assert_eq!(changes, expected, "{said:?}");
        };
        check(&[true, false, false, true, false, false], &[None; 6]);
        check(&[false, false, false, false], &[None, None, Some(Change::Unhealthy), None]);
        let (bad, good) = (Some(Change::Unhealthy), Some(Change::Healthy));
        check(&[false, false, false, true, false, true, true], &[None, None, bad, None, None, None, good]);
    }

    #[test]
    fn without_settings_nothing_is_taken_out() {
        let mut roll = Roll::new(None, vec![Standing::default(); 2]);
        assert!((0..100).all(|_| roll.failed(0, SECOND, 0).is_none()));
    }

    #[derive(Debug, Clone)]
    enum Event {
        Failed(usize),
        Succeeded(usize),
        Trial(usize),
        Lost(usize),
        Checked(usize, bool),
    }

    fn event() -> impl Strategy<Value = Event> {
        let index = 0..5_usize;
        prop_oneof![
            6 => index.clone().prop_map(Event::Failed),
            2 => index.clone().prop_map(Event::Succeeded),
            2 => index.clone().prop_map(Event::Trial),
            1 => index.clone().prop_map(Event::Lost),
            2 => (index, any::<bool>()).prop_map(|(index, good)| Event::Checked(index, good)),
        ]
    }

    proptest! {
        #[test]
        fn never_more_than_their_share_is_out_and_never_the_last(
            count in 1..5_usize, share in 1..=1000_u32, events in prop::collection::vec((event(), 0..20_u64), 0..200),
        ) {
            let ejection = Ejection { max_share_thousandths: share, ..ejection() };
            let (mut roll, health, mut now) = (roll(count, ejection), health(1, 1), Duration::ZERO);
            let most = (count * share as usize / 1000).max(1);
            for (event, seconds) in events {
                now += Duration::from_secs(seconds);
                let in_service = |roll: &Roll| (0..count).filter(|index| roll.standing(*index).unwrap().is_in_service()).count();
                let before = in_service(&roll);
                let change = match event {
                    Event::Failed(index) => roll.failed(index, now, 0),
                    Event::Succeeded(index) => roll.succeeded(index, now, true),
                    Event::Trial(index) => { roll.admits(index, now); None }
                    Event::Lost(index) => { roll.untried(index, now); None }
                    Event::Checked(index, good) => roll.checked(index, good, &health),
                };
                let out = (0..count).filter(|index| roll.standing(*index).unwrap().is_ejected()).count();
                prop_assert!(out <= most && out < count.max(2), "{out} of {count} at {share}");
                let by_answers = matches!(change, Some(Change::Ejected { why: Why::Consecutive(_) | Why::Ratio(..), .. }));
                prop_assert!(!by_answers || in_service(&roll) > 0, "the last was taken out");
                prop_assert!(before == in_service(&roll) || change.is_some(), "a change that nobody is told of");
                if let Some(Change::Ejected { time, .. }) = change {
                    prop_assert!(time >= ejection.base_time && time <= ejection.max_time);
                }
            }
        }
    }
}
