//! `candor health [URL]`: asks the sidecar whether it is ready, for a container health check without a shell.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::{Response, StatusCode, Url};

use crate::client::{self, root_cause};
use crate::diagnostic::Diagnostic;

/// How long the whole call may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
/// How much of an unhappy answer's first line is told, in characters.
const REASON_CHARS_MAX: usize = 200;

/// What the command found out; [`code`](Self::code) is what the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// A 2xx answer came.
    Healthy,
    /// Another answer came, or none.
    Unhealthy,
    /// The URL cannot be asked.
    Unusable,
}

impl Health {
    /// 0 healthy, 1 not, 2 could not be asked.
    pub fn code(self) -> u8 {
        match self {
            Health::Healthy => 0,
            Health::Unhealthy => 1,
            Health::Unusable => 2,
        }
    }
}

/// Asks the URL that is given, or `/readyz` of the admin API that listens on `admin`.
/// Prints `ok 200`, `failed 503` or `failed` to stdout, and the reason of a failure to stderr.
pub async fn run(given: Option<&str>, admin: SocketAddr) -> Health {
    let url = match parse(given.unwrap_or(&url(admin, "/readyz"))) {
        Ok(url) => url,
        Err(problem) => {
            eprintln!("{problem}");
            return Health::Unusable;
        }
    };
    match ask(&url).await {
        Ok((status, _)) if status.is_success() => {
            println!("ok {}", status.as_u16());
            Health::Healthy
        }
        Ok((status, reason)) => {
            println!("failed {}", status.as_u16());
            eprintln!("`{url}` answered {status}: {reason}");
            Health::Unhealthy
        }
        Err(error) => {
            println!("failed");
            eprintln!("`{url}` did not answer: {}", root_cause(error.as_ref()));
            Health::Unhealthy
        }
    }
}

/// A URL of an admin listener; one that listens everywhere is asked on the loopback address.
pub(super) fn url(admin: SocketAddr, path: &str) -> String {
    let ip = match admin.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}{path}", SocketAddr::new(ip, admin.port()))
}

/// A URL that can be asked.
pub(super) fn parse(text: &str) -> Result<Url, Diagnostic> {
    let unusable = |why: &str| Diagnostic::error(format!("`{text}` cannot be asked: {why}"));
    match Url::parse(text) {
        Ok(url) if url.scheme() == "http" => Ok(url),
        Ok(url) if url.scheme() == "https" => {
            Err(unusable("TLS is not supported here").help("the admin API speaks plain `http`"))
        }
        // `localhost:9901` parses as a URL of the scheme `localhost`.
        _ if !text.contains("://") => {
            Err(unusable("it has no scheme").help(format!("did you mean `http://{text}`?")))
        }
        Ok(url) => Err(unusable(&format!("the scheme `{}` is not `http`", url.scheme()))),
        Err(error) => Err(unusable(&error.to_string())),
    }
}

/// The status of the answer and what its first line says.
async fn ask(url: &Url) -> Result<(StatusCode, String), Box<dyn Error + Send + Sync>> {
    let mut response = client::plain()?.get(url.clone()).timeout(ANSWER_TIME_MAX).send().await?;
    Ok((response.status(), reason(&mut response).await?))
}

/// Reads no further than the first piece of the body: an endless one must not keep the check waiting.
async fn reason(response: &mut Response) -> reqwest::Result<String> {
    let piece = response.chunk().await?.unwrap_or_default();
    let text = String::from_utf8_lossy(&piece);
    Ok(text.lines().next().unwrap_or("no body").chars().take(REASON_CHARS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::response::Redirect;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;
    use crate::admin;
    use crate::live::{Readiness, Reloads};

    async fn listen(router: Router) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, router).await });
        address
    }

    #[tokio::test]
    async fn the_default_url_follows_readiness() {
        let readiness = Readiness::new();
        let admin =
            listen(admin::health::router(readiness.clone(), Reloads::new(std::time::SystemTime::UNIX_EPOCH)))
                .await;
        assert_eq!(run(None, admin).await, Health::Unhealthy);
        readiness.listening();
        assert_eq!(run(None, admin).await, Health::Healthy);
        assert_eq!(run(None, SocketAddr::from(([0, 0, 0, 0], admin.port()))).await, Health::Healthy);
        readiness.drain();
        assert_eq!(run(None, admin).await, Health::Unhealthy);

        let url = parse(&url(admin, "/readyz")).unwrap();
        assert_eq!(ask(&url).await.unwrap(), (StatusCode::SERVICE_UNAVAILABLE, "draining".to_owned()));
        assert_eq!(run(Some(&format!("http://{admin}/livez")), admin).await, Health::Healthy);
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let router = Router::new()
            .route("/moved", get(async || Redirect::temporary("/ok")))
            .route("/ok", get(async || "ok"));
        let address = listen(router).await;
        let ask_path = async |path| run(Some(&format!("http://{address}{path}")), address).await;
        assert_eq!(ask_path("/ok").await, Health::Healthy);
        assert_eq!(ask_path("/moved").await, Health::Unhealthy);
    }

    #[tokio::test]
    async fn nobody_listening_is_unhealthy_and_says_why() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(run(None, address).await, Health::Unhealthy);
        let error = ask(&parse(&url(address, "/readyz")).unwrap()).await.unwrap_err();
        assert!(root_cause(error.as_ref()).to_string().contains("refused"), "{}", root_cause(error.as_ref()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_never_comes_is_unhealthy() {
        let address = listen(Router::new().route("/readyz", get(std::future::pending::<()>))).await;
        assert_eq!(run(None, address).await, Health::Unhealthy);
    }

    #[test]
    fn listening_everywhere_is_asked_on_loopback() {
        let check =
            |admin: &str, expected: &str| assert_eq!(url(admin.parse().unwrap(), "/readyz"), expected);
        check("0.0.0.0:9901", "http://127.0.0.1:9901/readyz");
        check("[::]:9901", "http://[::1]:9901/readyz");
        check("10.1.2.3:80", "http://10.1.2.3:80/readyz");
    }

    #[test]
    fn an_unusable_url_says_what_would_be_right() {
        let check = |url: &str, expected: &str| {
            assert_eq!(parse(url).unwrap_err().to_string(), expected);
        };
        check(
            "localhost:9901/readyz",
            "error: `localhost:9901/readyz` cannot be asked: it has no scheme\n  \
             = help: did you mean `http://localhost:9901/readyz`?",
        );
        check(
            "https://localhost/",
            "error: `https://localhost/` cannot be asked: TLS is not supported here\n  \
             = help: the admin API speaks plain `http`",
        );
        check(
            "ftp://localhost/",
            "error: `ftp://localhost/` cannot be asked: the scheme `ftp` is not `http`",
        );
        check("http://:9901", "error: `http://:9901` cannot be asked: empty host");
    }

    #[tokio::test]
    async fn an_unusable_url_ends_with_2() {
        let admin = SocketAddr::from(([127, 0, 0, 1], 9901));
        assert_eq!(run(Some("localhost"), admin).await.code(), 2);
    }
}
