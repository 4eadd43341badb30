//! What is captured, as `candor report`, `replay` and `learn` read it: every file, the oldest first, line by line.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::vec;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;

use super::Shared;
use crate::admin::problem;
use crate::live::capture_files;

/// How much is read at a time.
const PIECE_BYTES: u64 = 64 << 10;

pub(super) async fn captures(State(shared): State<Shared>) -> Response {
    let Some(capture) = &shared.admin.playground.snapshot().settings.capture else {
        return problem(
            StatusCode::NOT_FOUND,
            "nothing is captured: the configuration has no `capture.folder`",
        );
    };
    let Ok(permit) = Arc::clone(&shared.readers).try_acquire_owned() else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "somebody is reading the captures already");
    };
    let files = match capture_files(&capture.folder) {
        Ok(files) => files.into_iter(),
        Err(error) => {
            let why = format!("the captures cannot be read: {error}");
            return problem(StatusCode::INTERNAL_SERVER_ERROR, &why);
        }
    };
    let reading = Reading { files, file: None, waiting: Vec::new(), _permit: permit };
    let lines = unfold(reading, async |mut reading| {
        let read = spawn_blocking(move || (reading.piece(), reading)).await;
        let (piece, reading) = read.ok()?;
        Some((piece.transpose()?, reading))
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

/// Files that are read one after the other.
struct Reading {
    files: vec::IntoIter<PathBuf>,
    file: Option<File>,
    /// The beginning of a line.
    waiting: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl Reading {
    /// The next whole lines. One that is being written has no end yet, and is left out.
    fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let Some(file) = &mut self.file else {
                let Some(path) = self.files.next() else { return Ok(None) };
                match File::open(path) {
                    Ok(file) => self.file = Some(file),
                    // It was the oldest, and there is a newer one.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
                continue;
            };
            if file.take(PIECE_BYTES).read_to_end(&mut self.waiting)? == 0 {
                self.file = None;
                self.waiting.clear();
            }
            if let Some(end) = memchr::memrchr(b'\n', &self.waiting) {
                let rest = self.waiting.split_off(end + 1);
                return Ok(Some(std::mem::replace(&mut self.waiting, rest)));
            }
        }
    }
}
