//! The upstream of all cases: it does what the case says that is being played, and keeps what it was sent.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use candor::apigateway::execute::Failure;
use candor::case::{Given, Sent};

use super::wire;
use crate::support::upstream::{After, Upstream};

/// What it does with a request.
#[derive(Clone)]
pub enum Script {
    /// It answers with these bytes.
    Answer(Vec<u8>),
    /// It says nothing.
    Silence,
    /// It hangs up.
    HangUp,
}

impl Script {
    /// What a case asks of it; nothing where it asks for what no upstream can do.
    pub fn of(given: &Given) -> Option<Script> {
        match given.upstream.failure {
            None => Some(Script::Answer(wire::answer(given))),
            Some(Failure::Timeout) => Some(Script::Silence),
            Some(Failure::Unreachable) => Some(Script::HangUp),
            Some(Failure::InvalidAddress | Failure::TooLarge | Failure::Busy) => None,
        }
    }
}

/// The upstream.
pub struct Backend {
    upstream: Upstream,
    script: Arc<Mutex<Script>>,
}

impl Backend {
    /// It hangs up until it is told otherwise.
    pub fn start() -> Backend {
        let script = Arc::new(Mutex::new(Script::HangUp));
        let followed = Arc::clone(&script);
        let upstream = Upstream::scripted(move |_, stream| {
            let script = followed.lock().unwrap().clone();
            match script {
                Script::Answer(bytes) => stream.write_all(&bytes).unwrap(),
                Script::Silence => {}
                Script::HangUp => return After::Close,
            }
            After::KeepOpen
        });
        Backend { upstream, script }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address
    }

    /// What it does from now on.
    pub fn follow(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    /// What it was sent since it was last asked: the last of it, because a lost request is sent again.
    pub fn sent(&self) -> Sent {
        match self.upstream.seen().pop() {
            Some(received) => Sent::Request(Box::new(wire::sent(received))),
            None => Sent::Nothing,
        }
    }
}
