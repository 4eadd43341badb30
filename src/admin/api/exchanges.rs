//! The last exchanges: listed, one by its id with its way through the rules, and live as they come (server-sent
//! events). The live ones are read from what the workers keep, so that no worker waits for a listener.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{Shared, captures, way};
use crate::admin::problem;
use crate::case::Playground;
use crate::telemetry::meters::{Meters, Position, Seen};

/// How often listeners are told.
const LOOK: Duration = Duration::from_millis(250);

/// How many are listed unless told otherwise.
const LISTED: usize = 200;

/// Which exchanges are asked for; all that is given must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// Verdicts, separated by commas.
    verdict: Option<String>,
    /// The status that the client got: `404`, or `4` for all that begin so.
    status: Option<String>,
    /// The route.
    route: Option<String>,
    /// A text in id, path, route, rule, reason or error.
    text: Option<String>,
    /// How many at most, the newest; of live ones, how many of the past are told first.
    last: Option<usize>,
}

pub(super) async fn list(State(shared): State<Shared>, Query(filter): Query<Filter>) -> Json<Value> {
    let (seen, _) = shared.admin.meters.recent(&Position::default());
    let last = filter.last.unwrap_or(LISTED);
    let exchanges: Vec<_> =
        seen.iter().rev().filter(|seen| filter.admits(seen)).take(last).map(|seen| &**seen).collect();
    Json(json!({ "exchanges": exchanges, "not_kept": shared.admin.meters.not_kept() }))
}

pub(super) async fn one(State(shared): State<Shared>, Path(request_id): Path<String>) -> Response {
    match shared.admin.meters.find(&request_id) {
        Some(seen) => {
            let playground = shared.admin.playground.now();
            let way = way::of(&seen, playground.snapshot());
            let captured = captured(&shared, playground, Arc::clone(&seen)).await;
            Json(json!({ "exchange": *seen, "way": way, "captured": captured })).into_response()
        }
        None => {
            let detail = "no exchange with this id is kept; the log may have it";
            problem(StatusCode::NOT_FOUND, detail)
        }
    }
}

/// The upstream's answer and what each rule of now finds in it; `None` where it is not captured.
async fn captured(shared: &Shared, playground: Arc<Playground>, seen: Arc<Seen>) -> Option<Value> {
    let folder = playground.snapshot().settings.capture.as_ref()?.folder.clone();
    // Whoever reads all of them goes first.
    let permit = Arc::clone(&shared.readers).try_acquire_owned().ok()?;
    let looking = spawn_blocking(move || {
        let _permit = permit;
        let recorded = captures::find(&folder, &seen.request_id)?;
        Some(way::captured(&recorded, &seen, &playground))
    });
    looking.await.ok().flatten()
}

pub(super) async fn live(State(shared): State<Shared>, Query(filter): Query<Filter>) -> Response {
    let Ok(permit) = Arc::clone(&shared.listeners).try_acquire_owned() else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "too many are listening already");
    };
    let listener = Listener::new(shared.admin.meters.clone(), filter, permit);
    Sse::new(listener.events()).keep_alive(KeepAlive::default()).into_response()
}

/// Somebody who is told of exchanges as they come.
struct Listener {
    meters: Meters,
    filter: Filter,
    position: Position,
    waiting: VecDeque<Arc<Seen>>,
    ticks: Interval,
    _permit: OwnedSemaphorePermit,
}

impl Listener {
    fn new(meters: Meters, filter: Filter, permit: OwnedSemaphorePermit) -> Listener {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (past, position) = meters.recent(&Position::default());
        let mut waiting: VecDeque<_> = past.into_iter().filter(|seen| filter.admits(seen)).collect();
        waiting.drain(..waiting.len().saturating_sub(filter.last.unwrap_or(0)));
        Listener { meters, filter, position, waiting, ticks, _permit: permit }
    }

    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        unfold(self, async |mut listener| {
            let seen = listener.next().await;
            let text = serde_json::to_string(&*seen).unwrap_or_default();
            Some((Ok(Event::default().event("exchange").data(text)), listener))
        })
    }

    async fn next(&mut self) -> Arc<Seen> {
        loop {
            if let Some(seen) = self.waiting.pop_front() {
                return seen;
            }
            self.ticks.tick().await;
            let (new, position) = self.meters.recent(&self.position);
            self.position = position;
            self.waiting.extend(new.into_iter().filter(|seen| self.filter.admits(seen)));
        }
    }
}

impl Filter {
    fn admits(&self, seen: &Seen) -> bool {
        let of = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let status = seen.status.map(|status| status.to_string()).unwrap_or_default();
        let parts = [
            Some(&seen.request_id),
            seen.path.as_ref(),
            seen.route.as_ref(),
            seen.rule.as_ref(),
            seen.reason.as_ref(),
            seen.error.as_ref(),
        ];
        let holds = |text: &String| {
            let text = text.to_lowercase();
            parts.iter().flatten().any(|part| part.to_lowercase().contains(&text))
        };
        let verdict = seen.word();
        of(&self.verdict).is_none_or(|words| words.split(',').any(|word| word == verdict))
            && of(&self.status).is_none_or(|wanted| status.starts_with(&wanted))
            && of(&self.route).is_none_or(|route| seen.route.as_deref() == Some(&route))
            && of(&self.text).is_none_or(|text| holds(&text))
    }
}
