//! What the engine returns: the verdict, the mutation that carries it out, what shadow rules would have done,
//! and the trace that says why. Evaluation never fails; a failure is a verdict.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use super::decode::DecodeError;
use super::mutation::Mutation;
use super::retry::Retry;
use super::trace::Trace;

/// All that [`evaluate`](super::evaluate) returns.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What was decided.
    pub verdict: Verdict,
    /// What is to change on the answer.
    pub mutation: Mutation,
    /// What the rule that decided says about sending the request again before any of this is done.
    pub retry: Option<Arc<Retry>>,
    /// Rules in shadow mode that would have decided, in order.
    pub shadows: Vec<Shadow>,
    /// Why; empty unless asked for.
    pub trace: Trace,
}

/// What was decided about an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The answer is what it says it is. With a bypass, the body was not looked at.
    PassThrough {
        /// Why the body was not looked at, where a rule would have.
        bypass: Option<Bypass>,
    },
    /// A rule spoke.
    Rewrite {
        /// `rule-set/rule`.
        rule: Arc<str>,
    },
    /// Some rule could not be decided, and no rule before it matched.
    Undecided {
        /// What stood in the way.
        reason: Undecided,
    },
    /// A rule matched and could not be carried out.
    Failed {
        /// `rule-set/rule`.
        rule: Arc<str>,
        /// What went wrong, for the operator.
        error: String,
    },
}

impl Verdict {
    /// The verdict's one word in logs and metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::PassThrough { .. } => "pass",
            Verdict::Rewrite { .. } => "rewrite",
            Verdict::Undecided { .. } => "undecided",
            Verdict::Failed { .. } => "failed",
        }
    }

    /// The rule that decided, where one did.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Verdict::Rewrite { rule } | Verdict::Failed { rule, .. } => Some(rule),
            Verdict::PassThrough { .. } | Verdict::Undecided { .. } => None,
        }
    }

    /// The reason beside the verdict: why the body was bypassed, why nothing was decided, what failed.
    pub fn reason(&self) -> Option<String> {
        match self {
            Verdict::PassThrough { bypass } => bypass.map(|bypass| bypass.to_string()),
            Verdict::Rewrite { .. } => None,
            Verdict::Undecided { reason } => Some(reason.to_string()),
            Verdict::Failed { error, .. } => Some(error.clone()),
        }
    }
}

/// Why a body is never held, whatever the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bypass {
    /// An answer to HEAD.
    Head,
    /// 1xx, 204, 205, 304.
    NoContent,
    /// 206, or `Content-Range`: a part is not the whole.
    Partial,
    /// `text/event-stream`.
    EventStream,
    /// `application/grpc*`.
    Grpc,
    /// `multipart/x-mixed-replace`.
    MixedReplace,
    /// 101 or a tunnel.
    Upgrade,
    /// A content type outside `inspect.content_types`.
    ContentType,
}

impl fmt::Display for Bypass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bypass::Head => "HEAD",
            Bypass::NoContent => "no content",
            Bypass::Partial => "partial content",
            Bypass::EventStream => "event stream",
            Bypass::Grpc => "gRPC",
            Bypass::MixedReplace => "multipart/x-mixed-replace",
            Bypass::Upgrade => "upgrade",
            Bypass::ContentType => "content type not inspected",
        })
    }
}

/// Why a rule could not be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undecided {
    /// The body is longer than may be held.
    OverBytes {
        /// `hold.max_bytes`.
        bytes_max: u64,
    },
    /// All exchanges together hold as much as they may.
    OverTotal {
        /// `hold.total_bytes`.
        bytes_max: u64,
    },
    /// The body took longer than it may be held.
    OverTime,
    /// The body is in an encoding that is not decoded.
    Encoding {
        /// The first unknown name in the `Content-Encoding`.
        encoding: String,
    },
    /// The body is not what its encoding promises, or too much of it.
    Decoding(DecodeError),
    /// The upstream broke off before a rule was decided.
    CutShort,
}

impl Undecided {
    /// The reason without its numbers and names, of which there are only so many.
    pub fn kind(&self) -> &'static str {
        match self {
            Undecided::OverBytes { .. } => "body over `hold.max_bytes`",
            Undecided::OverTotal { .. } => "all held bodies over `hold.total_bytes`",
            Undecided::OverTime => "body not complete in time",
            Undecided::Encoding { .. } => "encoding not decoded",
            Undecided::Decoding(_) => "body not decoded",
            Undecided::CutShort => "body cut short",
        }
    }
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Undecided::OverBytes { bytes_max } => write!(f, "body over {bytes_max} bytes"),
            Undecided::OverTotal { bytes_max } => write!(f, "all held bodies over {bytes_max} bytes"),
            Undecided::OverTime => f.write_str("body not complete in time"),
            Undecided::Encoding { encoding } => write!(f, "encoding `{encoding}` not decoded"),
            Undecided::Decoding(error) => error.fmt(f),
            Undecided::CutShort => f.write_str("body cut short"),
        }
    }
}

/// A rule in shadow mode that would have decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// `rule-set/rule`.
    pub rule: Arc<str>,
    /// The status it would have sent; `None` when it would have failed.
    pub status: Option<StatusCode>,
}

impl Outcome {
    /// The answer is passed on, and nothing is to be told about it.
    pub fn pass() -> Outcome {
        Outcome {
            verdict: Verdict::PassThrough { bypass: None },
            mutation: Mutation::default(),
            retry: None,
            shadows: Vec::new(),
            trace: Trace::default(),
        }
    }
}
