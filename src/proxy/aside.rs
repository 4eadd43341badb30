//! What few exchanges do, kept out of the way of what most do.

use std::future::Future;
use std::pin::Pin;

/// The future, apart from the one that waits for it: that one needs no room for it, and none of its code is among what
/// every exchange runs.
pub(super) fn aside<'f, T>(future: impl Future<Output = T> + 'f) -> Pin<Box<dyn Future<Output = T> + 'f>> {
    Box::pin(future)
}
