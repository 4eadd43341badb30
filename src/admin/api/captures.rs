//! What is captured, as `candor report`, `replay` and `learn` read it: every file, the oldest first, line by line. And
//! one exchange out of it, by its id.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use memchr::memmem;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;

use super::Shared;
use crate::admin::problem;
use crate::live::capture_files;
use crate::traffic::{Recorded, capture};

/// How much is read at a time.
const PIECE_BYTES: u64 = 64 << 10;

pub(super) async fn captures(State(shared): State<Shared>) -> Response {
    let playground = shared.admin.playground.now();
    let Some(capture) = &playground.snapshot().settings.capture else {
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

/// The last capture of the exchange with this id, if there is one.
pub(super) fn find(folder: &Path, request_id: &str) -> Option<Recorded> {
    let quoted = serde_json::to_string(request_id).ok()?;
    let mark = memmem::Finder::new(&quoted);
    let is_it = |recorded: &Recorded| {
        let id = recorded.exchange.request.headers.get("x-request-id");
        id.is_some_and(|id| id.as_bytes() == request_id.as_bytes())
    };
    let newest_first = capture_files(folder).ok()?.into_iter().rev();
    newest_first.filter_map(|path| File::open(path).ok()).find_map(|file| {
        let mut found = None;
        let mut lines = BufReader::new(file);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if mark.find(&line).is_some() {
                // A line that is broken is none.
                let _ = capture::read(line.as_slice(), &mut |recorded| {
                    found = recorded.filter(is_it).or(found.take());
                    ControlFlow::Continue(())
                });
            }
            line.clear();
        }
        found
    })
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
