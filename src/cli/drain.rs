//! `candor drain`: asks a running sidecar to be not ready and to end every connection with its exchange, and waits
//! until none is under way. The process goes on: what ends it comes after the hook that runs this.

use std::time::Duration;

use clap::Args;
use reqwest::Method;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::remote::{Connection, Remote};
use super::sleep::duration;
use super::{Exit, counted};
use crate::diagnostic::Diagnostic;

/// Between two looks at what is under way.
const PAUSE: Duration = Duration::from_millis(100);

/// Arguments of `drain`.
#[derive(Debug, Clone, Args)]
pub struct DrainArgs {
    #[command(flatten)]
    remote: Remote,
    /// How long exchanges in flight may take to end; `0s` waits for none
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration)]
    wait: Duration,
}

/// What the sidecar says.
#[derive(Debug, Deserialize)]
struct Progress {
    in_flight: usize,
}

/// Runs the command until nothing is in flight or the time has passed.
pub fn run(arguments: &DrainArgs) -> Exit {
    let drained = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Diagnostic::error(error.to_string()))
        .and_then(|runtime| runtime.block_on(drain(arguments)));
    match drained {
        Ok(0) => {
            println!("drained: no exchange in flight");
            Exit::Fine
        }
        Ok(left) => {
            let time = humantime::format_duration(arguments.wait);
            println!("not drained: {} in flight after {time}", counted(left, "exchange"));
            Exit::No
        }
        Err(problem) => {
            eprintln!("{problem}");
            Exit::CouldNot
        }
    }
}

/// Exchanges that are still in flight in the end.
async fn drain(arguments: &DrainArgs) -> Result<usize, Diagnostic> {
    let sidecar = arguments.remote.connection()?;
    let end = Instant::now() + arguments.wait;
    let mut left = in_flight(&sidecar, Method::POST).await?;
    if left > 0 && !arguments.wait.is_zero() {
        println!("draining: {} in flight", counted(left, "exchange"));
    }
    while left > 0 && Instant::now() < end {
        sleep(PAUSE).await;
        left = in_flight(&sidecar, Method::GET).await?;
    }
    Ok(left)
}

async fn in_flight(sidecar: &Connection, method: Method) -> Result<usize, Diagnostic> {
    let answer = sidecar.ask(method, "/-/drain", &[]).await?;
    let body = answer.bytes().await.map_err(|error| sidecar.lost(&error))?;
    let progress: Progress = serde_json::from_slice(&body).map_err(|error| {
        Diagnostic::error(format!("what the sidecar says of itself is not known: {error}"))
    })?;
    Ok(progress.in_flight)
}
