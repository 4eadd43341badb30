//! TLS: with clients ([`downstream`]), with upstreams ([`upstream`]), and the files that both are made of
//! ([`files`]). What it is spoken with is of the configuration ([`live::Credentials`](crate::live::Credentials)).

mod downstream;
mod files;
mod upstream;

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use tokio_rustls::rustls::Error;

pub(super) use downstream::{Secured, Underway, accept, is_spoken};
pub(super) use files::Files;
pub(super) use upstream::{HTTP_2, Handshake};

use crate::telemetry::meters::Meters;
use crate::telemetry::metrics::families;

/// Whose handshake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// A client's.
    Downstream,
    /// An upstream's.
    Upstream,
}

/// Why TLS could not be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The certificate that was shown is not believed, or is another's.
    Certificate,
    /// None was shown where one is asked for.
    NoCertificate,
    /// There is no version, cipher or group that both know.
    Incompatible,
    /// There is nothing to be spoken within that both know.
    ApplicationProtocol,
    /// The other side would not have it.
    Alert,
    /// What the other side said breaks the protocol.
    NotUnderstood,
    /// The other side speaks something else.
    NoTls,
    /// The other side left.
    Closed,
    /// It took too long.
    Timeout,
    /// Too many are under way.
    OverLimit,
}

/// Counts the handshakes that fail.
#[derive(Debug, Clone)]
pub(super) struct Failures(Meters);

impl Failures {
    /// They are told with these.
    pub fn told_with(meters: &Meters) -> Failures {
        Failures(meters.clone())
    }

    /// Counts one.
    pub fn count(&self, side: Side, reason: Reason) {
        let side = match side {
            Side::Downstream => "downstream",
            Side::Upstream => "upstream",
        };
        let labels = [("side", side), ("reason", reason.word())];
        self.0.tally(&families::TLS_HANDSHAKE_FAILURES, &labels).fetch_add(1, Relaxed);
    }
}

impl Reason {
    /// Why this ended a handshake.
    fn of(error: &std::io::Error) -> Reason {
        match error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
            Some(Error::InvalidCertificate(_)) => Reason::Certificate,
            Some(Error::NoCertificatesPresented) => Reason::NoCertificate,
            Some(Error::PeerIncompatible(_)) => Reason::Incompatible,
            Some(Error::NoApplicationProtocol) => Reason::ApplicationProtocol,
            Some(Error::AlertReceived(_)) => Reason::Alert,
            Some(_) => Reason::NotUnderstood,
            // What goes wrong below TLS.
            None => Reason::Closed,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Reason::Certificate => "certificate",
            Reason::NoCertificate => "no certificate",
            Reason::Incompatible => "incompatible",
            Reason::ApplicationProtocol => "application protocol",
            Reason::Alert => "alert",
            Reason::NotUnderstood => "not understood",
            Reason::NoTls => "no tls",
            Reason::Closed => "closed",
            Reason::Timeout => "timeout",
            Reason::OverLimit => "over limit",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
