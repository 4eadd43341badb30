//! Runs hyper's tasks on the worker's own thread, so that what they carry need not be shareable between threads.

use std::future::Future;

use hyper::rt::Executor;
use tokio::task::spawn_local;

/// The worker's thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local;

impl<F: Future<Output: 'static> + 'static> Executor<F> for Local {
    fn execute(&self, task: F) {
        spawn_local(task);
    }
}
