//! The ways in beside traffic's: the admin listener and the one for Envoy. Each is opened, moved and closed by itself;
//! what came in through one that is closed is finished.

use std::io;
use std::net::{SocketAddr, TcpListener};

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admin::{self, Admin};
use crate::ext_proc;
use crate::live::{InForce, Snapshot};
use crate::proxy;
use crate::settings::{Listen, Settings};

/// They, and what goes on behind them.
#[derive(Debug)]
pub struct Doors {
    admin: Option<Door<SocketAddr>>,
    ext_proc: Option<Door<Listen>>,
    behind: Behind,
}

/// What whoever comes in has to do with.
#[derive(Debug)]
struct Behind {
    console: Admin,
    in_force: InForce<Snapshot>,
    /// The listeners for Envoy that are open, or are finishing what came in.
    running: JoinSet<io::Result<()>>,
}

/// One that is open; dropped, it closes.
#[derive(Debug)]
struct Door<A> {
    /// Where the settings say that it is.
    at: A,
    _close: watch::Sender<()>,
}

/// Listeners for where the next configuration says that doors are, where that is somewhere else.
#[derive(Debug)]
pub struct Moves {
    admin: Move<SocketAddr, TcpListener>,
    ext_proc: Move<Listen, proxy::Listener>,
}

/// What becomes of a door.
#[derive(Debug)]
enum Move<A, L> {
    Stays,
    Closes,
    Opens(A, L),
}

impl Doors {
    /// None of them is open.
    pub fn new(console: Admin, in_force: InForce<Snapshot>) -> Doors {
        let behind = Behind { console, in_force, running: JoinSet::new() };
        Doors { admin: None, ext_proc: None, behind }
    }

    /// Opens those that have a listener at the start.
    ///
    /// # Errors
    /// When a listener cannot be used.
    pub fn open(
        &mut self,
        settings: &Settings,
        admin: Option<TcpListener>,
        ext_proc: Option<proxy::Listener>,
    ) -> io::Result<()> {
        if let (Some(at), Some(listener)) = (settings.admin.listen, admin) {
            self.admin = Some(self.behind.open_admin(at, listener)?);
        }
        if let (Some(said), Some(listener)) = (&settings.ext_proc, ext_proc) {
            self.ext_proc = Some(self.behind.open_ext_proc(said.listen.clone(), listener));
        }
        Ok(())
    }

    /// Takes the addresses that other settings name.
    ///
    /// # Errors
    /// When one cannot be had; nothing has changed then.
    pub fn prepare(&self, settings: &Settings) -> io::Result<Moves> {
        let at = self.admin.as_ref().map(|door| &door.at);
        let wanted = settings.admin.listen.as_ref();
        let admin = Move::from(at, wanted, |address| proxy::bind(*address))?;
        let at = self.ext_proc.as_ref().map(|door| &door.at);
        let wanted = settings.ext_proc.as_ref().map(|ext_proc| &ext_proc.listen);
        Ok(Moves { admin, ext_proc: Move::from(at, wanted, |listen| proxy::Listener::bind(listen, None))? })
    }

    /// Opens and closes them as was prepared.
    ///
    /// # Errors
    /// When a listener cannot be used after all.
    pub fn change(&mut self, moves: Moves) -> io::Result<()> {
        match moves.admin {
            Move::Stays => {}
            Move::Closes => self.admin = None,
            Move::Opens(at, listener) => self.admin = Some(self.behind.open_admin(at, listener)?),
        }
        match moves.ext_proc {
            Move::Stays => {}
            Move::Closes => self.ext_proc = None,
            Move::Opens(at, listener) => self.ext_proc = Some(self.behind.open_ext_proc(at, listener)),
        }
        Ok(())
    }

    /// Waits until one could not go on.
    pub async fn failed(&mut self) -> io::Error {
        while let Some(ended) = self.behind.running.join_next().await {
            if let Err(error) = ended.map_err(io::Error::other).flatten() {
                return error;
            }
        }
        std::future::pending().await
    }

    /// Closes the one for Envoy and waits until all that came in there is finished. The admin listener tells of the
    /// sidecar to its end.
    ///
    /// # Errors
    /// When one could not go on.
    pub async fn close(&mut self) -> io::Result<()> {
        self.ext_proc = None;
        while let Some(ended) = self.behind.running.join_next().await {
            ended.map_err(io::Error::other).flatten()?;
        }
        Ok(())
    }
}

impl Moves {
    /// Where the admin listener is now, and the one for Envoy, where they have moved.
    pub fn addresses(&self) -> (Option<String>, Option<String>) {
        let admin = match &self.admin {
            Move::Opens(_, listener) => listener.local_addr().ok().map(|address| address.to_string()),
            Move::Stays | Move::Closes => None,
        };
        let ext_proc = match &self.ext_proc {
            Move::Opens(_, listener) => Some(listener.address()),
            Move::Stays | Move::Closes => None,
        };
        (admin, ext_proc)
    }
}

impl Behind {
    fn open_admin(&self, at: SocketAddr, listener: TcpListener) -> io::Result<Door<SocketAddr>> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let router = admin::router(self.console.clone(), listener.local_addr()?.ip());
        let (close, mut closed) = watch::channel(());
        let served = axum::serve(listener, router).with_graceful_shutdown(async move {
            // It is dropped, never sent to.
            let _ = closed.changed().await;
        });
        tokio::spawn(served.into_future());
        Ok(Door { at, _close: close })
    }

    fn open_ext_proc(&mut self, at: Listen, listener: proxy::Listener) -> Door<Listen> {
        let (close, mut closed) = watch::channel(());
        let (in_force, meters) = (self.in_force.clone(), self.console.meters.clone());
        let readiness = self.console.readiness.clone();
        self.running.spawn(async move {
            let shutdown = async move {
                // It is dropped, never sent to.
                let _ = closed.changed().await;
            };
            ext_proc::run(listener, in_force, meters, readiness, shutdown).await
        });
        Door { at, _close: close }
    }
}

impl<A: PartialEq + Clone, L> Move<A, L> {
    fn from(
        at: Option<&A>,
        wanted: Option<&A>,
        bind: impl FnOnce(&A) -> io::Result<L>,
    ) -> io::Result<Move<A, L>> {
        Ok(match wanted {
            _ if at == wanted => Move::Stays,
            None => Move::Closes,
            Some(wanted) => Move::Opens(wanted.clone(), bind(wanted)?),
        })
    }
}
