//! An HTTP/1.1 message as it stands on the wire: read without any library that could smooth it over.

use std::io::{self, BufRead, Read};

/// The start line and headers of a message.
#[derive(Debug, Clone)]
pub struct Head {
    /// Request line or status line.
    pub start: String,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
}

/// What follows a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The bytes, transfer coding removed.
    pub bytes: Vec<u8>,
    /// Names and values after a chunked body.
    pub trailers: Vec<(String, String)>,
    /// Whether the body ended as its framing says.
    pub complete: bool,
}

impl Head {
    /// Reads a head; `None` when the connection ends before one.
    pub fn read(stream: &mut impl BufRead) -> Option<Head> {
        let start = line(stream)?;
        let headers = header_lines(stream)?;
        Some(Head { start, headers })
    }

    /// The value of a header that may stand once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        let value = values.next();
        assert!(values.next().is_none(), "`{name}` stands more than once in {self:?}");
        value
    }

    /// All values of a header.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The length that the head gives, checked to be the only framing.
    pub fn content_length(&self) -> Option<usize> {
        let length = self.header("content-length")?.parse().expect("a length");
        assert_eq!(self.header("transfer-encoding"), None, "two framings in {self:?}");
        Some(length)
    }

    /// Whether the body is chunked.
    pub fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    }
}

impl Payload {
    /// No body.
    pub fn none() -> Payload {
        Payload { bytes: Vec::new(), trailers: Vec::new(), complete: true }
    }

    /// Reads the body that a head announces; without framing, to the end of the connection.
    pub fn read(head: &Head, stream: &mut impl BufRead) -> Payload {
        if head.is_chunked() {
            return chunked(stream);
        }
        let mut bytes = Vec::new();
        let complete = match head.content_length() {
            Some(length) => {
                let read = stream.take(length as u64).read_to_end(&mut bytes);
                read.is_ok() && bytes.len() == length
            }
            None => stream.read_to_end(&mut bytes).is_ok(),
        };
        Payload { bytes, trailers: Vec::new(), complete }
    }
}

fn chunked(stream: &mut impl BufRead) -> Payload {
    let mut bytes = Vec::new();
    while let Some(chunk) = chunk(stream) {
        if chunk.is_empty() {
            let trailers = header_lines(stream);
            let complete = trailers.is_some();
            return Payload { bytes, trailers: trailers.unwrap_or_default(), complete };
        }
        bytes.extend(chunk);
    }
    Payload { bytes, trailers: Vec::new(), complete: false }
}

/// One chunk; the last one is empty, and its line end belongs to the trailers.
pub fn chunk(stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let length = usize::from_str_radix(line(stream)?.trim(), 16).ok()?;
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).ok()?;
    if length > 0 {
        line(stream)?;
    }
    Some(bytes)
}

fn header_lines(stream: &mut impl BufRead) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = line(stream)?;
        if line.is_empty() {
            return Some(headers);
        }
        let (name, value) = line.split_once(':').expect("a header line");
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// A line without its end; `None` when the connection ended or failed first.
fn line(stream: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    match stream.read_line(&mut line) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("nothing came in time"),
        Ok(_) if line.ends_with('\n') => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
        _ => None,
    }
}
