//! Another configuration for a running server: how it is asked for. What can go wrong goes wrong before anything has
//! changed.

use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::listener::Listener;
use crate::live::Snapshot;

/// The way to a running server, for who puts another configuration in force.
#[derive(Debug, Clone)]
pub struct Control(mpsc::Sender<Change>);

/// The server's end of it.
#[derive(Debug)]
pub struct Changes(mpsc::Receiver<Change>);

/// What is asked for.
#[derive(Debug)]
pub(super) struct Change {
    pub snapshot: Arc<Snapshot>,
    /// Where traffic comes in from now on, where that has changed.
    pub listener: Option<Listener>,
    /// Whether it was done, and when all workers have it: the end of the inner channel.
    pub done: oneshot::Sender<io::Result<mpsc::Receiver<()>>>,
}

/// A way to a server that is not yet running, and its end.
pub fn control() -> (Control, Changes) {
    let (sender, receiver) = mpsc::channel(1);
    (Control(sender), Changes(receiver))
}

impl Control {
    /// Puts a configuration in force. Exchanges under way keep theirs; all that begin when this returns have the new
    /// one. With a listener, the old one is closed, and so are the connections that came in there, each when the
    /// exchange under way is over.
    ///
    /// # Errors
    /// When what it asks for cannot be had; then the one before stays in force, whole. Also when the server is
    /// stopping.
    pub async fn change(&self, snapshot: Arc<Snapshot>, listener: Option<Listener>) -> io::Result<()> {
        let gone = || io::Error::other("the sidecar is stopping");
        let (done, answer) = oneshot::channel();
        self.0.send(Change { snapshot, listener, done }).await.map_err(|_| gone())?;
        let mut taken = answer.await.map_err(|_| gone())??;
        // Nothing is ever sent: it ends when the last worker has taken the configuration over.
        taken.recv().await;
        Ok(())
    }
}

impl Changes {
    /// The next; `None` when nobody can ask any more.
    pub(super) async fn next(&mut self) -> Option<Change> {
        self.0.recv().await
    }
}
