//! A reader that gives up where one exchange of a recording is larger than any real one, so that no file, however
//! it is made, fills the memory.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Bytes that one exchange of a recording may take.
pub const EXCHANGE_BYTES_MAX: u64 = 64 << 20;

/// The reader.
#[derive(Debug)]
pub struct Metered<R> {
    input: R,
    meter: Meter,
}

/// How much more may come before the exchange is complete.
#[derive(Debug, Clone)]
pub struct Meter(Rc<Cell<u64>>);

impl<R: Read> Metered<R> {
    /// A reader and the meter that it runs by.
    pub fn new(input: R) -> (Metered<R>, Meter) {
        let meter = Meter(Rc::new(Cell::new(EXCHANGE_BYTES_MAX)));
        (Metered { input, meter: meter.clone() }, meter)
    }
}

impl Meter {
    /// An exchange is complete: the next may be as large again.
    pub fn reset(&self) {
        self.0.set(EXCHANGE_BYTES_MAX);
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let left = self.meter.0.get().checked_sub(read as u64);
        self.meter.0.set(left.ok_or_else(|| {
            io::Error::other(format!("one exchange takes more than {} MiB", EXCHANGE_BYTES_MAX >> 20))
        })?);
        Ok(read)
    }
}
