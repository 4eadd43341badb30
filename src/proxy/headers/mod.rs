//! The headers that a proxy takes off, adds or must understand, one noun a file.

pub(super) mod accept_encoding;
pub(super) mod date;
mod forwarded;
mod framing;
mod hop_by_hop;
mod list;
pub(super) mod proxy_status;
pub(super) mod request_id;
pub(super) mod vary;
pub(super) mod via;

pub(super) use date::Date;
pub(super) use forwarded::{Peer, is_among};
pub(super) use framing::framing;
pub(super) use hop_by_hop::{join_cookies, strip_answer, strip_request};
pub(super) use list::{lists, tokens};
