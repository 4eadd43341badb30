//! How a filter can be set up so that rules cannot work, and messages that are none.

/// What this processor cannot work with. The stream ends, and Envoy does what its `failure_mode_allow` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misuse {
    /// `request_header_mode: SKIP`.
    RequestUnseen,
    /// `response_body_mode` is `STREAMED`.
    Streamed,
    /// `response_body_mode` is `GRPC`.
    Grpc,
    /// A message that is none, or came at the wrong time.
    Disorder,
}

impl Misuse {
    /// What an operator reads, here and in Envoy's log.
    pub fn text(self) -> &'static str {
        match self {
            Misuse::RequestUnseen => {
                "the filter's request_header_mode must be SEND: rules depend on the request"
            }
            Misuse::Streamed => {
                "the filter's response_body_mode is STREAMED, in which the status is gone before the body comes: \
                 use FULL_DUPLEX_STREAMED, BUFFERED or NONE with allow_mode_override"
            }
            Misuse::Grpc => "the filter's response_body_mode GRPC is not for answers that rules read",
            Misuse::Disorder => "a message that has no place here",
        }
    }
}
