//! A running sidecar that a command speaks to, through its admin listener.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;

use super::{health, load};
use crate::client;
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
    url: Url,
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
        let client = client::plain().map_err(|error| lost(&base, error.as_ref()))?;
        Ok(Connection { url, token: self.token()?, client, base })
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
    ) -> Result<Response, Diagnostic> {
        let answer = self.request(method, path, query).send().await.map_err(|error| self.lost(&error))?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            _ => Err(self.refused(answer).await),
        }
    }

    /// What is at this path, if anything is.
    ///
    /// # Errors
    /// As for [`ask`](Connection::ask).
    pub async fn find(&self, path: &str) -> Result<Option<Response>, Diagnostic> {
        let request = self.request(Method::GET, path, &[]);
        let answer = request.send().await.map_err(|error| self.lost(&error))?;
        match answer.status() {
            StatusCode::OK => Ok(Some(answer)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refused(answer).await),
        }
    }

    fn request(&self, method: Method, path: &str, query: &[(&str, String)]) -> RequestBuilder {
        let mut url = self.url.clone();
        url.set_path(path);
        for (name, value) in query {
            url.query_pairs_mut().append_pair(name, value);
        }
        let request = self.client.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The problem of an answer that broke off.
    pub fn lost(&self, error: &reqwest::Error) -> Diagnostic {
        lost(&self.base, error)
    }

    async fn refused(&self, answer: Response) -> Diagnostic {
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

fn lost(base: &str, error: &(dyn Error + 'static)) -> Diagnostic {
    Diagnostic::error(format!("`{base}` cannot be read: {}", client::root_cause(error)))
}
