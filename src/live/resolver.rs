//! Where the addresses of names come from: the system, or whoever stands in for it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::lookup_host;

/// The addresses of a name, or why there are none.
type Answer = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Asks for the addresses of a name. Clones ask the same.
#[derive(Clone)]
pub struct Resolver(Arc<dyn Fn(String, u16) -> Answer + Send + Sync>);

impl Resolver {
    /// The system's, which reads `/etc/hosts` and asks name servers, on a thread of its own.
    pub fn system() -> Resolver {
        Resolver(Arc::new(|name, port| {
            Box::pin(async move { Ok(lookup_host((name, port)).await?.collect()) })
        }))
    }

    /// One that answers so.
    pub fn answering(
        answer: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Resolver {
        Resolver(Arc::new(move |name, port| {
            let answer = answer(&name, port);
            Box::pin(async move { answer })
        }))
    }

    /// The addresses of a name, with this port.
    ///
    /// # Errors
    /// When they cannot be had, for now or at all.
    pub async fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        (self.0)(name.to_owned(), port).await
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}
