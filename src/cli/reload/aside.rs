//! A thread for what must not be done where traffic is: reading files and compiling what is in them, and taking
//! configurations apart. It is always the same one, so that the system's allocator finds the memory of the last
//! configuration again when it has the next one to make.

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use tokio::sync::oneshot;

/// The thread; it begins with the first work.
#[derive(Debug, Default)]
pub(super) struct Aside(Option<Sender<Work>>);

type Work = Box<dyn FnOnce() + Send>;

impl Aside {
    /// What comes of some work; nothing where it panicked, which ends the thread, or there is no thread to be had.
    pub async fn run<T: Send + 'static>(&mut self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (done, outcome) = oneshot::channel();
        let work: Work = Box::new(move || {
            // Who waits may be gone.
            let _ = done.send(work());
        });
        let thread = match self.0.take() {
            Some(thread) => thread,
            None => begin().ok()?,
        };
        thread.send(work).ok()?;
        let outcome = outcome.await.ok()?;
        // One that has ended is not kept; the next work has another.
        self.0 = Some(thread);
        Some(outcome)
    }
}

fn begin() -> io::Result<Sender<Work>> {
    let (sender, works) = channel::<Work>();
    thread::Builder::new().name("reload".to_owned()).spawn(move || works.iter().for_each(|work| work()))?;
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_by_one_thread_until_it_panics() {
        let mut aside = Aside::default();
        let first = aside.run(|| thread::current().id()).await.unwrap();
        assert_eq!(aside.run(|| thread::current().id()).await, Some(first));
        assert_eq!(aside.run(|| -> u8 { panic!("as this test wants it") }).await, None);
        let next = aside.run(|| thread::current().id()).await.unwrap();
        assert_ne!(next, first);
    }
}
