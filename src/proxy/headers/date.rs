//! The `Date` of answers that come without one (RFC 9110, section 6.6.1), written once a second at most.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use tokio::time::Instant;

/// How long a date is used.
const SECOND: Duration = Duration::from_secs(1);

/// The date as it was last written. Belongs to one worker.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Date {
    written: Cell<Option<Instant>>,
    text: RefCell<Option<HeaderValue>>,
}

impl Date {
    /// The time now, to the second.
    pub fn now(&self) -> HeaderValue {
        let now = Instant::now();
        let mut text = self.text.borrow_mut();
        if self.written.get().is_some_and(|written| now < written + SECOND)
            && let Some(text) = &*text
        {
            return text.clone();
        }
        self.written.set(Some(now));
        #[expect(clippy::disallowed_methods, reason = "a date for clients; nothing is decided by it")]
        let date = HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::now()));
        text.insert(date.unwrap_or(HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))).clone()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_date_is_used_for_a_second() {
        let date = Date::default();
        let first = date.now();
        assert!(httpdate::parse_http_date(first.to_str().unwrap()).is_ok());
        date.text.replace(Some(HeaderValue::from_static("kept")));
        advance(SECOND / 2).await;
        assert_eq!(date.now(), "kept");
        advance(SECOND / 2).await;
        assert_ne!(date.now(), "kept");
    }
}
