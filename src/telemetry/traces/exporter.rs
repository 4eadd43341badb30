//! The thread that sends spans: gathers them to batches, and tells the log when a collector does not take them.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::mem::take;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Limited};
use opentelemetry::KeyValue;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    Compression, ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use reqwest::{Body, Client};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_rustls::rustls;
use tracing::{info, warn};

use crate::client;
use crate::settings::{Batches, OfFiles, Traces};

/// How long a process that stops waits for the collector.
const FINISH_TIME_MAX: Duration = Duration::from_secs(3);

/// How much a collector may say of what it has taken.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Why no spans can be sent.
#[derive(Debug)]
pub enum ExportError {
    /// The endpoint or what goes with it.
    Endpoint(ExporterBuildError),
    /// Certificates that do not make a client.
    Tls(rustls::Error),
    /// The client that calls the collector.
    Client(reqwest::Error),
    /// The thread or what it runs on.
    Thread(io::Error),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("traces cannot be exported: ")?;
        match self {
            ExportError::Endpoint(error) => error.fmt(f),
            ExportError::Tls(error) => error.fmt(f),
            ExportError::Client(error) => error.fmt(f),
            ExportError::Thread(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ExportError {}

/// The running thread.
pub(super) struct Exporter {
    stop: oneshot::Sender<()>,
    ended: std_mpsc::Receiver<()>,
}

impl Exporter {
    /// Starts it.
    pub fn start(
        settings: &Traces,
        spans: mpsc::Receiver<SpanData>,
        dropped: Arc<AtomicU64>,
    ) -> Result<Exporter, ExportError> {
        let cause = Arc::default();
        let sending = Sending {
            exporter: exporter(settings, Arc::clone(&cause))?,
            cause,
            spans,
            batches: settings.batches,
            dropped,
            has_failed: false,
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(ExportError::Thread)?;
        let (stop, stopped) = oneshot::channel();
        let (ends, ended) = std_mpsc::channel();
        let run = move || {
            sending.run(&runtime, stopped);
            // Whoever waited may have given up.
            let _ = ends.send(());
        };
        thread::Builder::new().name("traces".to_owned()).spawn(run).map_err(ExportError::Thread)?;
        Ok(Exporter { stop, ended })
    }

    /// Waits until what was taken is sent, for as long as a process that stops can wait.
    pub fn finish(self) {
        // A thread that has panicked has nothing more to send.
        if self.stop.send(()).is_ok() {
            let _ = self.ended.recv_timeout(FINISH_TIME_MAX);
        }
    }
}

/// OpenTelemetry's own exporter, told everything that it would look for in the process's environment.
fn exporter(settings: &Traces, cause: Arc<Mutex<Option<String>>>) -> Result<SpanExporter, ExportError> {
    let tls = settings.tls.config().map_err(ExportError::Tls)?;
    let client = client::with_tls(tls).map_err(ExportError::Client)?;
    let caller = Caller { client, timeout: settings.timeout, cause };
    let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers: HashMap<String, String> =
        settings.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let mut builder = SpanExporter::builder()
        .with_http()
        .with_http_client(caller)
        .with_endpoint(settings.endpoint.to_string())
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(settings.timeout)
        .with_headers(headers);
    if settings.is_compressed {
        builder = builder.with_compression(Compression::Gzip);
    }
    let mut exporter = builder.build().map_err(ExportError::Endpoint)?;
    let attributes = settings.resource.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    exporter.set_resource(
        &Resource::builder_empty()
            .with_detector(Box::new(TelemetryResourceDetector))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attributes(attributes)
            .build(),
    );
    Ok(exporter)
}

/// Calls the collector, and remembers why the last request failed: the exporter does not say.
#[derive(Debug)]
struct Caller {
    client: Client,
    timeout: Duration,
    cause: Arc<Mutex<Option<String>>>,
}

impl Caller {
    async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut request = reqwest::Request::try_from(request)?;
        *request.timeout_mut() = Some(self.timeout);
        let (head, body) = Response::<Body>::from(self.client.execute(request).await?).into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

#[async_trait]
impl HttpClient for Caller {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.ask(request).await;
        let cause = sent.as_ref().err().map(|error| client::root_cause(error.as_ref()).to_string());
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = cause;
        sent
    }
}

/// What the thread does.
struct Sending {
    exporter: SpanExporter,
    cause: Arc<Mutex<Option<String>>>,
    spans: mpsc::Receiver<SpanData>,
    batches: Batches,
    dropped: Arc<AtomicU64>,
    /// Whether the last batch was lost.
    has_failed: bool,
}

impl Sending {
    fn run(mut self, runtime: &Runtime, mut stopped: oneshot::Receiver<()>) {
        runtime.block_on(async {
            let mut batch = Vec::new();
            let mut is_last = false;
            while !is_last {
                is_last = self.gather(&mut batch, &mut stopped).await;
                self.send(take(&mut batch)).await;
            }
        });
    }

    /// Waits for a batch: until it is full, or its first span has waited long enough, or there is nothing more to come,
    /// and whether that is so.
    async fn gather(&mut self, batch: &mut Vec<SpanData>, stopped: &mut oneshot::Receiver<()>) -> bool {
        let mut due = None;
        while batch.len() < self.batches.spans {
            let room = self.batches.spans - batch.len();
            let deadline = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = &mut *stopped => {
                    self.spans.close();
                    while self.spans.recv_many(batch, usize::MAX).await > 0 {}
                    return true;
                }
                received = self.spans.recv_many(batch, room) => match received {
                    0 => return true,
                    _ => _ = due.get_or_insert_with(|| Instant::now() + self.batches.delay),
                },
                () = deadline => break,
            }
        }
        false
    }

    /// Sends a batch, or loses it: who would keep it has more of them soon.
    async fn send(&mut self, batch: Vec<SpanData>) {
        let spans = batch.len();
        if spans == 0 {
            return;
        }
        match self.exporter.export(batch).await {
            Ok(()) if self.has_failed => {
                self.has_failed = false;
                info!("spans can be sent again");
            }
            Ok(()) => {}
            Err(error) => {
                self.dropped.fetch_add(spans as u64, Relaxed);
                let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner).take();
                if !self.has_failed {
                    warn!(error = cause.unwrap_or_else(|| error.to_string()), "spans cannot be sent");
                }
                self.has_failed = true;
            }
        }
    }
}
