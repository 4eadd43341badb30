//! A client that sees what really comes over the wire.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::PATIENCE;
use super::message::{Head, Payload, chunk};

/// A connection to the sidecar.
pub struct Client(BufReader<TcpStream>);

/// An answer with its body.
#[derive(Debug)]
pub struct Answered {
    /// Status line and headers.
    pub head: Head,
    /// Its body.
    pub payload: Payload,
}

impl Answered {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload.bytes).unwrap()
    }

    /// The value of a header that may stand once.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }
}

impl Head {
    /// The code of a status line.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Client {
        Client::reach(address).expect("somebody who takes connections")
    }

    /// Connects, if anybody is there.
    pub fn reach(address: SocketAddr) -> Option<Client> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Some(Client(BufReader::new(stream)))
    }

    /// One exchange that may break off: its status, and the connection where it may be used again.
    pub fn attempt(mut self, request: &str) -> Option<(u16, Option<Client>)> {
        let text = format!("{request} HTTP/1.1\r\nhost: sidecar.test\r\n\r\n");
        self.0.get_mut().write_all(text.as_bytes()).ok()?;
        let head = Head::read(&mut self.0)?;
        let payload = Payload::read(&head, &mut self.0);
        let keeps = head.header("connection") != Some("close");
        payload.complete.then(|| (head.status(), keeps.then_some(self)))
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Sends bytes that the other side need not take to their end.
    pub fn send_in_vain(&mut self, bytes: impl AsRef<[u8]>) {
        // The answer says what became of it.
        let _ = self.0.get_mut().write_all(bytes.as_ref());
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) {
        self.0.get_mut().shutdown(Shutdown::Write).unwrap();
    }

    /// Sends a request without body: `GET /path` and further header lines.
    pub fn ask(&mut self, request: &str, headers: &[&str]) {
        let mut text = format!("{request} HTTP/1.1\r\nhost: sidecar.test\r\n");
        for line in headers {
            text.push_str(line);
            text.push_str("\r\n");
        }
        self.send(text + "\r\n");
    }

    /// Sends a request without body and reads the answer.
    pub fn exchange(&mut self, request: &str, headers: &[&str]) -> Answered {
        self.ask(request, headers);
        self.answer(request.starts_with("HEAD"))
    }

    /// Reads a head.
    pub fn head(&mut self) -> Head {
        Head::read(&mut self.0).expect("an answer")
    }

    /// Reads an answer, after hints that come before it.
    pub fn answer(&mut self, to_head: bool) -> Answered {
        let mut head = self.head();
        while matches!(head.status(), 102..=199) {
            head = self.head();
        }
        let bodiless = to_head || matches!(head.status(), 204 | 304);
        let payload = if bodiless { Payload::none() } else { Payload::read(&head, &mut self.0) };
        Answered { head, payload }
    }

    /// Reads one chunk of a chunked body.
    pub fn chunk(&mut self) -> Vec<u8> {
        chunk(&mut self.0).expect("a chunk")
    }

    /// Reads exactly so many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Reads to the end of the connection, in order or not.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // What came before a reset counts.
        let _ = self.0.read_to_end(&mut bytes);
        bytes
    }

    /// Whether the other side closes the connection without a word more.
    pub fn is_closed(&mut self) -> bool {
        match self.0.read(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}
