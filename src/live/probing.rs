//! Questions of health on their way from those who are asked to the one who asks the upstreams.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::Snapshot;

/// The way to whoever asks the upstreams.
#[derive(Debug, Clone)]
pub struct Prober(mpsc::UnboundedSender<Question>);

/// A question on its way.
#[derive(Debug)]
pub struct Question {
    /// The configuration that has the probe.
    pub snapshot: Arc<Snapshot>,
    /// Its index there.
    pub index: usize,
    /// Where the answer goes; closed when nobody wants it any more.
    pub answer: oneshot::Sender<Finding>,
}

/// What came of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether the answer was a healthy one.
    pub is_healthy: bool,
    /// What the upstream said, and what rules made of it, in one line.
    pub text: String,
}

impl Prober {
    /// A way, and the end at which questions come out.
    pub fn new() -> (Prober, mpsc::UnboundedReceiver<Question>) {
        let (questions, asked) = mpsc::unbounded_channel();
        (Prober(questions), asked)
    }

    /// Asks, and waits for as long as the probe may take.
    pub async fn ask(&self, snapshot: Arc<Snapshot>, index: usize) -> Finding {
        let (answer, found) = oneshot::channel();
        // A question that nobody takes closes its own answer.
        let _ = self.0.send(Question { snapshot, index, answer });
        found.await.unwrap_or_else(|_| Finding::failed("nobody is there to ask"))
    }
}

impl Finding {
    /// There is no answer, for this reason.
    pub fn failed(why: impl Into<String>) -> Finding {
        Finding { is_healthy: false, text: why.into() }
    }
}
