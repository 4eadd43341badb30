//! A body collected into one piece, within bounds.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http_body::Body;

use crate::live::Share;

/// Bytes of a request's body, and of an answer that is no function's: API Gateway's quota for payloads.
pub(super) const REQUEST_BYTES_MAX: usize = 10 << 20;
/// Bytes of an event, and of what a function answers: Lambda's quota for payloads, and what an envelope adds.
pub(super) const FUNCTION_BYTES_MAX: usize = 6 << 20;

/// What came of a body.
pub(super) enum Collected {
    /// All of it.
    Whole(Bytes),
    /// There is more of it than there may be.
    TooLarge,
    /// All exchanges together hold as much as they may.
    NoRoom,
}

/// Collects a body. Trailers have no place in API Gateway.
///
/// # Errors
/// When it breaks off.
pub(super) async fn collect<B>(
    mut body: B,
    bytes_max: usize,
    share: &mut Share,
) -> Result<Collected, B::Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > bytes_max as u64 {
        return Ok(Collected::TooLarge);
    }
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame?.into_data() else { continue };
        if first.len() + all.len() + data.len() > bytes_max {
            return Ok(Collected::TooLarge);
        }
        if !share.take(data.len()) {
            return Ok(Collected::NoRoom);
        }
        // Most bodies come in one piece, which need not be copied.
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
        if body.is_end_stream() {
            break;
        }
    }
    Ok(Collected::Whole(if all.is_empty() { first } else { all.freeze() }))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::task::{Context, Poll};

    use http::HeaderMap;
    use http_body::Frame;

    use super::*;
    use crate::live::Holds;

    /// Pieces, and then trailers.
    struct Pieces(VecDeque<&'static str>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(match self.0.pop_front() {
                Some("-") => Some(Ok(Frame::trailers(HeaderMap::new()))),
                piece => piece.map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))),
            })
        }
    }

    /// The body, or how it ended.
    async fn collected(pieces: &[&'static str], bytes_max: usize, total_max: u64) -> String {
        let mut share = Holds::new(total_max).share();
        match collect(Pieces(pieces.iter().copied().collect()), bytes_max, &mut share).await {
            Ok(Collected::Whole(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
            Ok(Collected::TooLarge) => "too large".to_owned(),
            Ok(Collected::NoRoom) => "no room".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_body_is_one_piece_within_its_bounds() {
        let check = async |pieces: &[&'static str], bytes_max: usize, total_max: u64, expected: &str| {
            assert_eq!(collected(pieces, bytes_max, total_max).await, expected, "{pieces:?}");
        };
        check(&[], 0, 0, "").await;
        check(&["ab"], 2, 2, "ab").await;
        check(&["ab", "", "c", "-"], 3, 3, "abc").await;
        check(&["ab", "c"], 2, 9, "too large").await;
        check(&["ab", "c"], 9, 2, "no room").await;
    }
}
