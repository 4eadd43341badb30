//! A timer that costs next to nothing while nothing is late: one registration, moved only when it has run out
//! or must run out earlier, however often it is put off in between.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// Goes off when it is asked about a moment that has passed.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Whether `due` has come; if not, the task is woken then, or once before.
    pub fn poll(&mut self, context: &mut Context<'_>, due: Instant) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if due < sleep.deadline() {
            sleep.as_mut().reset(due);
        }
        loop {
            ready!(sleep.as_mut().poll(context));
            if due <= sleep.deadline() {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_off_when_the_moment_asked_about_has_come() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut alarm = Alarm::default();
        let now = poll_fn(|context| Poll::Ready(alarm.poll(context, at(50)).is_pending())).await;
        assert!(now, "not yet");
        poll_fn(|context| alarm.poll(context, at(80))).await;
        assert_eq!(Instant::now(), at(80), "put off");
        poll_fn(|context| alarm.poll(context, at(80))).await;
        assert_eq!(Instant::now(), at(80), "it stays off");
        assert!(poll_fn(|context| Poll::Ready(alarm.poll(context, at(500)).is_pending())).await);
        poll_fn(|context| alarm.poll(context, at(90))).await;
        assert_eq!(Instant::now(), at(90), "brought forward");
    }
}
