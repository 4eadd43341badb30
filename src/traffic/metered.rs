//! A reader that gives up where one exchange of a recording is larger than any real one, so that no file, however
//! it is made, fills the memory.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use bytesize::ByteSize;

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
pub struct Meter {
    left: Rc<Cell<u64>>,
    bytes_max: u64,
}

impl<R: Read> Metered<R> {
    /// A reader and the meter that it runs by.
    pub fn new(input: R, bytes_max: u64) -> (Metered<R>, Meter) {
        let meter = Meter { left: Rc::new(Cell::new(bytes_max)), bytes_max };
        (Metered { input, meter: meter.clone() }, meter)
    }
}

impl Meter {
    /// An exchange is complete: the next may be as large again.
    pub fn reset(&self) {
        self.left.set(self.bytes_max);
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let Meter { left, bytes_max } = &self.meter;
        let rest = left.get().checked_sub(read as u64);
        left.set(rest.ok_or_else(|| {
            io::Error::other(format!("one exchange takes more than {}", ByteSize(*bytes_max)))
        })?);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_exchange_is_given_up_and_many_small_ones_are_not() {
        let (mut endless, _) = Metered::new(io::repeat(b'x'), 1000);
        let error = io::copy(&mut endless, &mut io::sink()).unwrap_err();
        assert_eq!(error.to_string(), "one exchange takes more than 1000 B");
        let (mut many, meter) = Metered::new(io::repeat(b'x'), 1000);
        for _ in 0..100 {
            many.read_exact(&mut [0; 900]).unwrap();
            meter.reset();
        }
    }
}
