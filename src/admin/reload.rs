//! `POST /-/reload`: has the configuration read again, and says what became of it. Who does so is elsewhere; here is the
//! way there.

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::sync::{mpsc, oneshot};

use super::problem;

/// Requests that may wait for the reloads before theirs.
const WAITING_MAX: usize = 8;

/// Who may be asked to read the configuration again.
#[derive(Debug, Clone)]
pub struct Reloader(mpsc::Sender<Asked>);

/// Somebody who waits to hear what became of it: which generation is in force and what is to be said about it, or why
/// another was refused.
pub type Asked = oneshot::Sender<Result<String, String>>;

impl Reloader {
    /// One, and the end at which requests arrive.
    pub fn new() -> (Reloader, mpsc::Receiver<Asked>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Reloader(sender), receiver)
    }

    async fn ask(&self) -> Option<Result<String, String>> {
        let (asked, answer) = oneshot::channel();
        self.0.send(asked).await.ok()?;
        answer.await.ok()
    }
}

/// The endpoint; without anybody to ask there is none.
pub(super) fn router(reloader: Option<Reloader>) -> Router {
    match reloader {
        Some(reloader) => Router::new().route("/-/reload", post(move || reload(reloader))),
        None => Router::new(),
    }
}

async fn reload(reloader: Reloader) -> Response {
    match reloader.ask().await {
        Some(Ok(text)) => text.into_response(),
        Some(Err(problems)) => (StatusCode::UNPROCESSABLE_ENTITY, problems + "\n").into_response(),
        None => problem(StatusCode::SERVICE_UNAVAILABLE, "the sidecar is stopping"),
    }
}
