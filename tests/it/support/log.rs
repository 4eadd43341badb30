//! The log of all sidecars in the test's process: one event an exchange, found by its request id.

use std::io;
use std::sync::{Condvar, Mutex, Once};

use serde_json::Value;

use super::PATIENCE;

static EVENTS: Mutex<Vec<Value>> = Mutex::new(Vec::new());
static WRITTEN: Condvar = Condvar::new();

/// Keeps what is logged from now on. Once is enough for all tests.
pub fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(|| Events);
        subscriber.init();
    });
}

/// The event of an exchange, once it is written.
pub fn event(request_id: &str) -> Value {
    let of_exchange = |event: &Value| event["message"] == "exchange" && event["request_id"] == request_id;
    let events = EVENTS.lock().unwrap();
    let missing = |events: &mut Vec<Value>| !events.iter().any(of_exchange);
    let (events, waited) = WRITTEN.wait_timeout_while(events, PATIENCE, missing).unwrap();
    assert!(!waited.timed_out(), "no event of exchange {request_id} in time");
    events.iter().find(|event| of_exchange(event)).unwrap().clone()
}

/// The first event with this message that is about this, once it is written.
pub fn about(message: &str, what: &str) -> Value {
    let wanted = |event: &Value| event["message"] == message && event.to_string().contains(what);
    let events = EVENTS.lock().unwrap();
    let missing = |events: &mut Vec<Value>| !events.iter().any(wanted);
    let (events, waited) = WRITTEN.wait_timeout_while(events, PATIENCE, missing).unwrap();
    assert!(!waited.timed_out(), "no event `{message}` about `{what}` in time");
    events.iter().find(|event| wanted(event)).unwrap().clone()
}

struct Events;

impl io::Write for Events {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        EVENTS.lock().unwrap().extend(serde_json::from_slice::<Value>(line).ok());
        WRITTEN.notify_all();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
