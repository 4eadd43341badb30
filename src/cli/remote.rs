//! A running sidecar that a command speaks to, through its admin listener.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{health, load};
use crate::client::{Answer, Client, Failure};
use crate::diagnostic::Diagnostic;

/// Where it is, and what opens its door.
#[derive(Debug, Clone, Args)]
pub struct Remote {
    /// The admin listener [default: the one of this environment]
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    /// A file with the token of the admin listener [default: CANDOR_ADMIN__TOKEN]
    #[arg(long, value_name = "FILE", env = "CANDOR_ADMIN__TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

/// The way to it.
#[derive(Debug)]
pub struct Connection {
    base: String,
    url: Uri,
    token: Option<String>,
    client: Client,
}

impl Remote {
    /// Whether one was named.
    pub fn is_named(&self) -> bool {
        self.admin.is_some()
    }

    /// The way to the sidecar that is meant. Nothing is sent yet.
    ///
    /// # Errors
    /// When the URL cannot be asked, or the token cannot be read.
    pub fn connection(&self) -> Result<Connection, Diagnostic> {
        let base = self.admin.clone().unwrap_or_else(|| health::url(load::admin_address(), ""));
        let url = health::parse(&base)?;
        Ok(Connection { url, token: self.token()?, client: Client::default(), base })
    }

    fn token(&self) -> Result<Option<String>, Diagnostic> {
        match &self.token_file {
            Some(path) => load::read(path).map(|source| Some(source.text.trim().to_owned())),
            None => Ok(std::env::var("CANDOR_ADMIN__TOKEN").ok().filter(|token| !token.is_empty())),
        }
    }
}

impl Connection {
    /// Sends a request with this path and query; the sidecar's answer, of which the status is 200.
    ///
    /// # Errors
    /// When none comes, or another; the diagnostic says what to do about it.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Answer, Diagnostic> {
        let answer = self.send(method, path, query).await?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            _ => Err(self.refused(answer).await),
        }
    }

    /// What is at this path, if anything is.
    ///
    /// # Errors
    /// As for [`ask`](Connection::ask).
    pub async fn find(&self, path: &str) -> Result<Option<Answer>, Diagnostic> {
        let answer = self.send(Method::GET, path, &[]).await?;
        match answer.status() {
            StatusCode::OK => Ok(Some(answer)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refused(answer).await),
        }
    }

    async fn send(&self, method: Method, path: &str, query: &[(&str, String)]) -> Result<Answer, Diagnostic> {
        let sent = async { self.client.ask(self.request(method, path, query)?).await };
        sent.await.map_err(|error| self.lost(&error))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Request<Bytes>, Failure> {
        let mut url = format!("http://{}{path}", self.url.authority().map_or("", |whom| whom.as_str()));
        for (index, (name, value)) in query.iter().enumerate() {
            let mark = if index == 0 { '?' } else { '&' };
            url.push_str(&format!("{mark}{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        }
        let mut request = Request::builder().method(method).uri(url);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        Ok(request.body(Bytes::new())?)
    }

    /// The problem of an answer that does not come, or broke off.
    pub fn lost(&self, error: &Failure) -> Diagnostic {
        let cause = health::root_cause(error.as_ref());
        Diagnostic::error(format!("`{}` cannot be read: {cause}", self.base))
    }

    async fn refused(&self, answer: Answer) -> Diagnostic {
        let status = answer.status();
        let body: Value =
            answer.bytes().await.ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
        let detail = body
            .get("detail")
            .and_then(Value::as_str)
            .unwrap_or("no admin listener of Candor's answers there");
        let problem = Diagnostic::error(format!("`{}` answered {status}: {detail}", self.base));
        match status {
            StatusCode::UNAUTHORIZED => {
                problem.help("give the token: `--token-file FILE`, or `CANDOR_ADMIN__TOKEN`")
            }
            _ => problem,
        }
    }
}
