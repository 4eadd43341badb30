//! `candor demo`: the sidecar in front of a legacy backend that misbehaves in every known way.

pub mod legacy;

use std::io::{self, IsTerminal, Write};
use std::net::{SocketAddr, TcpListener};

use crate::case::Playground;
use crate::client;
use crate::diagnostic::{Diagnostic, Source};
use crate::settings::{Flag, Layers};
use crate::telemetry;

use self::legacy::{ENDPOINTS, Endpoint, Truth};
use super::Exit;
use super::load;
use super::serve::{self, Listeners, could_not};

/// The rules of the demo, a file like any user's.
pub const RULES: &str = include_str!("rules.yaml");

/// Runs the command until the process is asked to stop.
pub fn run(listen: String, admin: String) -> Exit {
    let backend = match TcpListener::bind("127.0.0.1:0") {
        Ok(backend) => backend,
        Err(error) => return could_not(&error),
    };
    let playground = match backend.local_addr().map(|address| playground(address, listen, admin)) {
        Ok(Ok(playground)) => playground,
        Ok(Err(diagnostics)) => {
            load::tell(&diagnostics);
            return Exit::No;
        }
        Err(error) => return could_not(&error),
    };
    match serve::block_on(demonstrate(backend, playground)) {
        Ok(()) => Exit::Fine,
        Err(error) => could_not(&error),
    }
}

/// The demo's configuration in front of a backend.
pub fn playground(backend: SocketAddr, listen: String, admin: String) -> Result<Playground, Vec<Diagnostic>> {
    let layers = Layers {
        files: vec![Source::new("demo rules", RULES)],
        environment: Vec::new(),
        flags: vec![
            (Flag::Upstream, format!("http://{backend}")),
            (Flag::Listen, listen),
            (Flag::Admin, admin),
        ],
    };
    let mut loaded = load::compile(&layers, None);
    let diagnostics = std::mem::take(&mut loaded.diagnostics);
    loaded.playground().ok_or(diagnostics)
}

async fn demonstrate(backend: TcpListener, playground: Playground) -> io::Result<()> {
    backend.set_nonblocking(true)?;
    let before = backend.local_addr()?;
    let backend = tokio::net::TcpListener::from_std(backend)?;
    tokio::spawn(legacy::serve(backend));
    let listeners = Listeners::bind(playground.snapshot())?;
    let (after, console) = (listeners.address()?, listeners.admin_address());
    let log = playground.snapshot().settings.log.clone();
    let table = tokio::spawn(async move {
        let rows = compare(before, after).await;
        let printed = print(&rows, before, after, console);
        // The table first, then one line for every exchange that the user starts.
        (printed, telemetry::init(&log))
    });
    let served = serve::serve(listeners, playground, None).await;
    drop(table);
    served
}

/// One endpoint's status at the backend and through Candor; `None` where no answer came.
struct Row {
    endpoint: &'static Endpoint,
    before: Option<u16>,
    after: Option<u16>,
}

async fn compare(before: SocketAddr, after: SocketAddr) -> Vec<Row> {
    let Ok(client) = client::plain() else { return Vec::new() };
    let mut rows = Vec::new();
    for endpoint in ENDPOINTS {
        let status = async |address: SocketAddr| {
            // The head is enough; the body of a stream would take seconds.
            let answer = client.get(format!("http://{address}{}", endpoint.path)).send().await;
            answer.ok().map(|answer| answer.status().as_u16())
        };
        rows.push(Row { endpoint, before: status(before).await, after: status(after).await });
    }
    rows
}

fn print(rows: &[Row], before: SocketAddr, after: SocketAddr, console: Option<SocketAddr>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let coloured = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    writeln!(out, "Candor listens on http://{after}. Behind it, on http://{before}, is a legacy backend")?;
    writeln!(out, "that answers 200 OK whatever happened. What a client gets, before and after:\n")?;
    for row in rows {
        writeln!(out, "{}", line(row, after, coloured))?;
    }
    writeln!(out, "\nTry one, then see why:\n")?;
    writeln!(out, "  curl -i http://{after}/status-field")?;
    let candor = std::env::args().next().unwrap_or_else(|| "candor".to_owned());
    writeln!(out, "  curl -si http://{before}/status-field | {candor} explain --preset status-field -\n")?;
    if let Some(console) = console {
        writeln!(out, "Watch it, and try rules out: http://{console}/\n")?;
    }
    out.flush()
}

fn line(row: &Row, after: SocketAddr, coloured: bool) -> String {
    let Endpoint { path, truth, misbehaviour, curl, .. } = *row.endpoint;
    let space = if curl.is_empty() { "" } else { " " };
    let command = format!("curl -i{space}{curl} http://{after}{path}");
    let note = match truth {
        Truth::Status(_) => String::new(),
        Truth::Streams => " (streams through, never held)".to_owned(),
        Truth::Undecided(reason) => format!(" ({reason})"),
    };
    let before = painted(row.before, coloured, row.after);
    let after = painted(row.after, coloured, row.after);
    format!("  {command:<64} {before} -> {after}  {misbehaviour}{note}")
}

/// A status: red where it is not the truth, green where it is.
fn painted(status: Option<u16>, coloured: bool, truth: Option<u16>) -> String {
    let text = status.map_or("---".to_owned(), |status| status.to_string());
    match (coloured, status == truth) {
        (false, _) => text,
        (true, true) => format!("\x1b[32m{text}\x1b[0m"),
        (true, false) => format!("\x1b[31m{text}\x1b[0m"),
    }
}
