//! Recorded traffic: exchanges that happened earlier, read one after the other from what other programs wrote (HAR
//! files, what `curl -i` prints) or from Candor's own captures. Reads from anything that can be read and keeps one
//! exchange at a time, however long the recording; opens no file itself.

pub mod capture;
pub mod gateway;
pub mod har;
pub mod judge;
pub mod learn;
pub mod metered;
pub mod redact;
pub mod report;
pub mod saved;
pub mod signs;
pub mod tally;
pub mod traits;

use std::io::{self, BufReader, Cursor, Read};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::diagnostic::Diagnostic;
use crate::engine::{Exchange, RequestSnapshot};

use metered::{EXCHANGE_BYTES_MAX, Metered};

/// One exchange of a recording.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its place in the recording, from 1.
    pub number: u64,
    /// What was asked and answered.
    pub exchange: Exchange,
    /// Whether the end of the body is missing, or all of it.
    pub is_cut: bool,
    /// The request's body, where it was recorded.
    pub request_body: Bytes,
    /// Whether the end of that is known to be missing, or all of it.
    pub is_request_cut: bool,
    /// How long the answer took, where it was recorded.
    pub took: Option<Duration>,
    /// Who asked, where it is known.
    pub client: Option<IpAddr>,
    /// What the sidecar made of it at the time, if it recorded it.
    pub noted: Option<Box<Noted>>,
}

impl Recorded {
    /// An exchange of which nothing more is known.
    pub fn new(exchange: Exchange) -> Recorded {
        Recorded {
            number: 0,
            exchange,
            is_cut: false,
            request_body: Bytes::new(),
            is_request_cut: false,
            took: None,
            client: None,
            noted: None,
        }
    }
}

/// What a sidecar made of an exchange when it recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// The name of the route.
    pub route: String,
    /// The rules that were asked; `None` for none at all.
    pub rule_set: Option<String>,
    /// The verdict's one word.
    pub verdict: String,
    /// The rule that decided.
    pub rule: Option<String>,
    /// The status that the client got.
    pub status: u16,
    /// Rules in shadow mode that would have decided, and the status of each, if it would not have failed.
    pub shadows: Vec<(String, Option<u16>)>,
    /// Whether an API carried it, and no rule was asked.
    pub by_api: bool,
}

/// What a recording held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Exchanges that were handed on.
    pub exchanges: u64,
    /// Those of them of which a body is not whole.
    pub cut: u64,
    /// Entries that are no exchange over HTTP, or have no answer.
    pub skipped: u64,
}

impl Summary {
    /// Adds another recording.
    pub fn add(&mut self, other: Summary) {
        self.exchanges += other.exchanges;
        self.cut += other.cut;
        self.skipped += other.skipped;
    }
}

/// What is done with every exchange; it may have had enough.
pub type Sink<'s> = dyn FnMut(Recorded) -> ControlFlow<()> + 's;

/// What a recording may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Har,
    Capture,
    Saved,
}

/// What formats there are, for who gave something else.
const FORMATS: &str = "a recording is a HAR file, a capture of Candor's, or what `curl -i URL` prints";

/// What is not allowed in a URI and stands in recordings nevertheless.
const NOT_IN_URIS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// How much of a recording is looked at to know its format.
const FIRST_BYTES: u64 = 1024;

/// Reads a recording to its end, or until `sink` has had enough. `asked` is the request where the recording has
/// none of its own.
///
/// # Errors
/// When it is no recording, or breaks off: the message names it and says where.
pub fn read(
    name: &str,
    mut input: impl Read,
    asked: &RequestSnapshot,
    sink: &mut Sink<'_>,
) -> Result<Summary, Diagnostic> {
    let mut first = Vec::new();
    input.by_ref().take(FIRST_BYTES).read_to_end(&mut first).map_err(|error| unreadable(name, &error))?;
    let format = Format::of(&first)
        .map_err(|problem| Diagnostic::error(format!("`{name}` {problem}")).help(FORMATS))?;
    let (input, meter) = Metered::new(Cursor::new(first).chain(input), EXCHANGE_BYTES_MAX);
    let mut summary = Summary::default();
    let mut counted = |recorded: Option<Recorded>| {
        meter.reset();
        let Some(mut recorded) = recorded else {
            summary.skipped += 1;
            return ControlFlow::Continue(());
        };
        summary.exchanges += 1;
        summary.cut += u64::from(recorded.is_cut || recorded.is_request_cut);
        recorded.number = summary.exchanges + summary.skipped;
        sink(recorded)
    };
    let read = match format {
        Format::Har => har::read(BufReader::with_capacity(256 << 10, input), &mut counted),
        Format::Capture => capture::read(input, &mut counted),
        Format::Saved => read_saved(input, asked, &mut counted),
    };
    match read {
        Ok(()) => Ok(summary),
        Err(problem) => {
            let after = match summary.exchanges {
                0 => String::new(),
                1 => ", after 1 exchange".to_owned(),
                count => format!(", after {count} exchanges"),
            };
            Err(Diagnostic::error(format!("`{name}`{after}: {problem}")))
        }
    }
}

/// Why a recording cannot be read at all.
pub fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::error(format!("cannot read `{name}`: {error}"))
}

impl Format {
    fn of(first: &[u8]) -> Result<Format, &'static str> {
        let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
        match text {
            [] => Err("is empty"),
            [0x1f, 0x8b, ..] => Err("is compressed: unpack it first"),
            _ if text.starts_with(capture::MARK.as_bytes()) => Ok(Format::Capture),
            [b'{', ..] => Ok(Format::Har),
            _ if text.starts_with(b"HTTP/") => Ok(Format::Saved),
            _ => Err("is no recording of traffic that Candor knows"),
        }
    }
}

fn read_saved(
    mut input: impl Read,
    asked: &RequestSnapshot,
    sink: &mut dyn FnMut(Option<Recorded>) -> ControlFlow<()>,
) -> Result<(), String> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let answer = saved::parse(&Bytes::from(bytes))?;
    let recorded = Recorded::new(Exchange { request: asked.clone(), answer });
    let _enough = sink(Some(recorded));
    Ok(())
}

/// A URL as recordings have it, without its fragment.
fn uri(url: &str) -> Option<Uri> {
    let url = url.split('#').next()?;
    url.parse().ok().or_else(|| utf8_percent_encode(url, NOT_IN_URIS).to_string().parse().ok())
}

/// The body is in UTF-8, whatever it was in when it was sent.
fn name_utf8(headers: &mut HeaderMap) {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let Some((media_type, parameters)) = content_type.and_then(|value| value.split_once(';')) else { return };
    if parameters.to_ascii_lowercase().contains("charset")
        && let Ok(value) = HeaderValue::from_str(&format!("{media_type};charset=utf-8"))
    {
        headers.insert(header::CONTENT_TYPE, value);
    }
}

#[cfg(test)]
mod tests;
