//! HAR 1.2, as browsers and proxies save it: <http://www.softwareishard.com/blog/har-12-spec/>. A file is one JSON
//! document, and may be larger than the memory, so its entries are handed on while it is parsed.
//!
//! What a HAR calls the content is the body after its codings have been undone, in UTF-8; headers that describe the
//! bytes that were sent are left out or put right.

use std::fmt;
use std::io::Read;
use std::ops::ControlFlow;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de::Error as _};

use super::{Recorded, name_utf8, uri};
use crate::engine::{Answer, AnswerHead, Exchange, RequestSnapshot};

/// Takes the exchanges; `None` stands for an entry that is none.
type Entries<'s> = dyn FnMut(Option<Recorded>) -> ControlFlow<()> + 's;

/// Reads the entries of a HAR, one after the other.
///
/// # Errors
/// When it is not JSON, not a HAR, of another version, or breaks off.
pub fn read(input: impl Read, sink: &mut Entries<'_>) -> Result<(), String> {
    let mut log = Log { sink, is_there: false, had_enough: false };
    let mut reader = serde_json::Deserializer::from_reader(WithoutMark::new(input));
    let parsed = Document(&mut log).deserialize(&mut reader).and_then(|()| reader.end());
    match parsed {
        _ if log.had_enough => Ok(()),
        Err(error) if error.is_eof() => Err(format!("the file breaks off: {error}")),
        Err(error) => Err(error.to_string()),
        Ok(()) if !log.is_there => Err("this JSON is not a HAR: it has no `log` with `entries`".to_owned()),
        Ok(()) => Ok(()),
    }
}

/// Skips a byte order mark, which some programs write before JSON.
struct WithoutMark<R> {
    input: R,
    begun: bool,
}

impl<R: Read> WithoutMark<R> {
    fn new(input: R) -> WithoutMark<R> {
        WithoutMark { input, begun: false }
    }
}

impl<R: Read> Read for WithoutMark<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut read = self.input.read(buffer)?;
        // serde_json asks for single bytes, and a mark has three.
        while !self.begun && read > 0 && buffer.first().is_some_and(|byte| [0xef, 0xbb, 0xbf].contains(byte))
        {
            read = self.input.read(buffer)?;
        }
        self.begun = true;
        Ok(read)
    }
}

/// The state of reading.
struct Log<'l, 's> {
    sink: &'l mut Entries<'s>,
    is_there: bool,
    had_enough: bool,
}

/// The outermost object.
struct Document<'d, 'l, 's>(&'d mut Log<'l, 's>);
/// The object at `log`.
struct Inside<'d, 'l, 's>(&'d mut Log<'l, 's>);
/// The list at `entries`.
struct List<'d, 'l, 's>(&'d mut Log<'l, 's>);

impl<'de> DeserializeSeed<'de> for Document<'_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a HAR, an object with `log`")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "log" => map.next_value_seed(Inside(&mut *self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Inside<'_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Inside<'_, '_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the `log` of a HAR, an object with `entries`")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "version" => check_version(&map.next_value::<String>()?)?,
                "entries" => map.next_value_seed(List(&mut *self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Versions 1.1 and 1.2 differ in what is ignored here. An empty one means 1.1.
fn check_version<E: de::Error>(version: &str) -> Result<(), E> {
    match version {
        "" | "1.1" | "1.2" => Ok(()),
        other => Err(E::custom(format_args!("HAR version `{other}` is not known, only 1.1 and 1.2 are"))),
    }
}

impl<'de> DeserializeSeed<'de> for List<'_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the `entries` of a HAR, a list")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.0.is_there = true;
        while let Some(entry) = entries.next_element::<Entry>()? {
            let recorded = entry.into_recorded().map_err(A::Error::custom)?;
            if (self.0.sink)(recorded).is_break() {
                self.0.had_enough = true;
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }
}

/// One entry, as far as it is needed.
#[derive(Deserialize)]
struct Entry {
    /// Milliseconds.
    #[serde(default)]
    time: Option<f64>,
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(rename = "postData", default)]
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct PostData {
    #[serde(default)]
    text: Option<Text>,
}

#[derive(Deserialize)]
struct Response {
    status: i64,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(default)]
    content: Content,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    value: String,
}

#[derive(Deserialize, Default)]
struct Content {
    #[serde(default)]
    size: Option<f64>,
    #[serde(default)]
    text: Option<Text>,
    #[serde(default)]
    encoding: Option<String>,
}

/// A text that browsers may have cut in the middle of a character: halves of surrogate pairs are replaced.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        deserializer.deserialize_byte_buf(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }
    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Text, E> {
        let text = String::from_utf8(bytes.to_vec())
            .or_else(|error| String::from_utf8(without_halves(error.as_bytes())))
            .map_err(|_| E::custom("the text is not UTF-8"))?;
        Ok(Text(text))
    }
}

/// The bytes with a replacement character for each half of a surrogate pair, which serde_json writes as if it were
/// a character (WTF-8).
fn without_halves(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(bytes.len());
    loop {
        bytes = match bytes {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, rest @ ..] => {
                whole.extend_from_slice("\u{fffd}".as_bytes());
                rest
            }
            [byte, rest @ ..] => {
                whole.push(*byte);
                rest
            }
            [] => return whole,
        };
    }
}

impl Entry {
    /// The exchange; `None` where there is no answer, or it did not come over HTTP.
    fn into_recorded(self) -> Result<Option<Recorded>, String> {
        let Entry { time, request, response } = self;
        // Browsers write 0 for what was blocked or broke off.
        let status = u16::try_from(response.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        let scheme = request.url.split_once(':').map_or("", |(scheme, _)| scheme);
        let (true, Some(status)) = (["http", "https"].contains(&scheme), status) else { return Ok(None) };
        let mut request = request;
        let body = request.post_data.take().and_then(|data| data.text);
        let request = request.into_snapshot()?;
        let is_cut = response.content.is_left_out();
        let answer = response.into_answer(status)?;
        // Some programs write -1 for what they do not know.
        let took = time.filter(|time| (0.0..=1e9).contains(time));
        Ok(Some(Recorded {
            is_cut,
            request_body: body.map(|Text(text)| text.into()).unwrap_or_default(),
            took: took.map(|milliseconds| Duration::from_secs_f64(milliseconds / 1000.0)),
            ..Recorded::new(Exchange { request, answer })
        }))
    }
}

impl Request {
    fn into_snapshot(self) -> Result<RequestSnapshot, String> {
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| format!("`{}` is not a method", self.method))?;
        let uri = uri(&self.url).ok_or_else(|| format!("`{}` is not a URL", self.url))?;
        let mut headers = headers(&self.headers);
        // HTTP/2 has it in a pseudo-header.
        if !headers.contains_key(header::HOST)
            && let Some(host) = uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok())
        {
            headers.insert(header::HOST, host);
        }
        Ok(RequestSnapshot { method, uri, headers, circumstances: None })
    }
}

impl Content {
    /// Whether there was a body and it was not saved.
    fn is_left_out(&self) -> bool {
        self.text.is_none() && self.size.is_some_and(|size| size > 0.0)
    }
}

impl Response {
    fn into_answer(self, status: StatusCode) -> Result<Answer, String> {
        let mut headers = headers(&self.headers);
        for name in [header::CONTENT_ENCODING, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
            headers.remove(name);
        }
        let text = self.content.text.map(|Text(text)| text).unwrap_or_default();
        let body = match self.content.encoding.as_deref() {
            Some("base64") => {
                let bytes = STANDARD.decode(text.as_bytes());
                bytes.map_err(|error| format!("a body is not base64: {error}"))?.into()
            }
            None | Some("") => {
                name_utf8(&mut headers);
                Bytes::from(text)
            }
            Some(other) => return Err(format!("a body's encoding is `{other}`, only base64 is known")),
        };
        Ok(Answer { head: AnswerHead { status, headers }, body })
    }
}

/// Headers as HTTP/1.1 has them. Chrome writes several values of one name as lines of one text.
fn headers(pairs: &[Pair]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for Pair { name, value } in pairs {
        // Pseudo-headers of HTTP/2 are no names, and drop out.
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        for value in
            value.split('\n').filter_map(|value| HeaderValue::from_bytes(value.trim().as_bytes()).ok())
        {
            headers.append(name.clone(), value);
        }
    }
    headers
}
