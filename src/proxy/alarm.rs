//! A timer that costs next to nothing while nothing is late: one registration, moved only when it has run out
//! or must run out earlier, however often it is put off in between.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::task::coop::unconstrained;
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
            // Also when the task has had its turn: a flood of bytes uses up every one, and must not put it off.
            ready!(Pin::new(&mut unconstrained(sleep.as_mut())).poll(context));
            if due <= sleep.deadline() {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(due);
        }
    }
}

/// Alarms that wait for their next use. One that was just used is usually due later than now and before the next
/// exchange's deadline, so that this deadline need not be registered: a registration costs the runtime a system call
/// whenever nothing else is due as early.
#[derive(Debug, Default)]
pub(super) struct Alarms(RefCell<Vec<Alarm>>);

impl Alarms {
    /// What the future says, or `None` when it has not said it by then.
    pub async fn until<F: Future + Unpin>(&self, due: Instant, mut future: F) -> Option<F::Output> {
        let mut alarm = self.0.borrow_mut().pop().unwrap_or_default();
        let output = poll_fn(|context| match Pin::new(&mut future).poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => alarm.poll(context, due).map(|()| None),
        })
        .await;
        self.0.borrow_mut().push(alarm);
        output
    }
}

#[cfg(test)]
mod tests {

    use tokio::task::coop::consume_budget;
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

    #[tokio::test(start_paused = true)]
    async fn it_goes_off_although_the_task_has_had_its_turn() {
        let task = tokio::spawn(async {
            let mut alarm = Alarm::default();
            let rung = poll_fn(|context| {
                // One turn's budget is 128; a task without a limit would never be told to wait.
                assert!((0..1_000).any(|_| consume_budget_now(context).is_pending()));
                Poll::Ready(alarm.poll(context, Instant::now()))
            });
            assert_eq!(rung.await, Poll::Ready(()));
        });
        task.await.unwrap();
    }

    fn consume_budget_now(context: &mut Context<'_>) -> Poll<()> {
        std::pin::pin!(consume_budget()).poll(context)
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_is_used_again_for_later_deadlines() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let alarms = Alarms::default();
        let sleep = |milliseconds| Box::pin(sleep_until(at(milliseconds)));
        assert_eq!(alarms.until(at(50), sleep(10)).await, Some(()));
        assert_eq!(alarms.until(at(60), sleep(70)).await, None);
        assert_eq!(Instant::now(), at(60), "put off from the first deadline to the second");
        assert_eq!(alarms.until(at(65), sleep(62)).await, Some(()));
        assert_eq!(alarms.0.borrow().len(), 1);
    }
}
