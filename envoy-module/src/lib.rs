//! Candor inside Envoy's process: a dynamic module (`libcandor_envoy.so`) over the same engine and configuration as the
//! proxy, without a hop. `filter.rs` says what becomes of an exchange, `abi.rs` how Envoy is spoken to; here are the
//! functions that Envoy looks for by their names. None of them lets a panic out: the exchange goes on as it is.

mod abi;
mod filter;
mod head;
mod watch;

use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::ptr;
use std::sync::{Arc, OnceLock};

use candor::cli::load::{self, Options};
use candor::diagnostic::{Diagnostics, Source};
use candor::document;
use candor::live::Snapshot;
use candor::proxy::Interest;
use candor::settings::Flag;
use candor::telemetry;

use abi::{EnvoyBuffer, Envoys, Stream};
use filter::{Filter, Flow};

/// What Envoy keeps for a filter's configuration.
struct Config {
    snapshot: Arc<Snapshot>,
    interest: Interest,
}

/// What Envoy keeps for an exchange.
type Exchange = Filter<'static>;

/// `FilterHeadersStatus`, `FilterDataStatus` and `FilterTrailersStatus`, of which 1 stops in each; data that is stopped
/// is held.
type Status = u32;

fn status(flow: Flow) -> Status {
    match flow {
        Flow::Continue => 0,
        Flow::Stop => 1,
    }
}

/// What the work comes to, or what stands in for it after a bug.
fn guarded<T>(instead: T, work: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::error!("a bug in Candor; the exchange goes on as it is");
        instead
    })
}

/// Runs a hook of an exchange; one that Candor knows nothing of goes on.
///
/// # Safety
/// Both pointers are those that Envoy gave the hook that is running.
unsafe fn hook(
    stream: Envoys,
    exchange: *const c_void,
    work: impl FnOnce(&mut Exchange, &mut Stream<'_>) -> Flow,
) -> Status {
    // SAFETY: it is what `envoy_dynamic_module_on_http_filter_new` returned, and Envoy calls the hooks of an exchange
    // one after the other, on one thread.
    let exchange = unsafe { exchange.cast_mut().cast::<Exchange>().as_mut() };
    // SAFETY: so says the caller; it ends with this function.
    let mut stream = unsafe { Stream::new(stream) };
    guarded(0, || exchange.map_or(0, |exchange| status(work(exchange, &mut stream))))
}

/// Reads a filter's configuration, a map in JSON: `config`, `rules` and `presets`, each a list, as the flags of `candor
/// serve`. What is wrong with it goes to standard error, as Envoy's log does.
fn configure(text: &[u8]) -> Option<Box<Config>> {
    let mut problems = Diagnostics::default();
    let options = options(&String::from_utf8_lossy(text), &mut problems);
    load::tell(&problems.into_sorted());
    let options = options?;
    let loaded = match load::load(&options) {
        Ok(loaded) => loaded,
        Err(problem) => {
            eprintln!("{problem}");
            return None;
        }
    };
    load::tell(&loaded.diagnostics);
    let snapshot = loaded.snapshot()?;
    // The first configuration says how the process logs.
    static LOGGING: OnceLock<Option<telemetry::Logging>> = OnceLock::new();
    LOGGING.get_or_init(|| telemetry::init(&snapshot.settings.log).ok());
    let interest = Interest::of(&snapshot);
    Some(Box::new(Config { snapshot, interest }))
}

fn options(text: &str, problems: &mut Diagnostics) -> Option<Options> {
    // Where requests go is Envoy's business.
    let mut options = Options { upstream_if_none: Some("http://127.0.0.1"), ..Options::default() };
    if text.is_empty() {
        return Some(options);
    }
    let document = document::parse(&Source::new("filter_config", text), problems)?;
    let fields = document.fields("`filter_config`", &["config", "rules", "presets"], problems)?;
    let mut texts = |key: &str| -> Vec<String> {
        let nodes = fields.get(key).map(|node| node.list_or_one().to_vec()).unwrap_or_default();
        nodes.iter().filter_map(|node| node.text(key, problems)).map(str::to_owned).collect()
    };
    options.files = texts("config").into_iter().map(PathBuf::from).collect();
    options.flags = texts("rules").into_iter().map(|rule| (Flag::Rule, rule)).collect();
    options.flags.extend(texts("presets").into_iter().map(|preset| (Flag::Preset, preset)));
    (!problems.has_errors()).then_some(options)
}

/// Says which ABI this is.
#[unsafe(no_mangle)]
pub extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    CStr::as_ptr(abi::VERSION)
}

/// Makes a configuration of a filter's `filter_config`; null when it is wrong, and Envoy refuses it.
///
/// # Safety
/// For Envoy to call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    _: Envoys,
    _name: EnvoyBuffer,
    config: EnvoyBuffer,
) -> *const c_void {
    // SAFETY: Envoy gave it to this hook.
    let text = unsafe { config.bytes() };
    guarded(ptr::null(), || {
        configure(text).map_or(ptr::null(), |config| Box::into_raw(config).cast_const().cast())
    })
}

/// Lets a configuration go.
///
/// # Safety
/// For Envoy to call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_destroy(config: *const c_void) {
    // SAFETY: it came out of a box in `envoy_dynamic_module_on_http_filter_config_new`, and Envoy gives it back once.
    let config = unsafe { Box::from_raw(config.cast_mut().cast::<Config>()) };
    guarded((), || drop(config));
}

/// Begins an exchange.
///
/// # Safety
/// For Envoy to call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_new(
    config: *const c_void,
    _: Envoys,
) -> *const c_void {
    // SAFETY: Envoy keeps a configuration for as long as any exchange that began with it.
    let config: &'static Config = unsafe { &*config.cast::<Config>() };
    guarded(ptr::null(), || {
        Box::into_raw(Box::new(Filter::new(&config.snapshot, &config.interest))).cast_const().cast()
    })
}

/// Ends an exchange.
///
/// # Safety
/// For Envoy to call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_destroy(exchange: *const c_void) {
    // SAFETY: it came out of a box in `envoy_dynamic_module_on_http_filter_new`, and Envoy gives it back once.
    let exchange = unsafe { Box::from_raw(exchange.cast_mut().cast::<Exchange>()) };
    guarded((), || drop(exchange));
}

/// The request's head.
///
/// # Safety
/// For Envoy to call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    stream: Envoys,
    exchange: *const c_void,
    _end_of_stream: bool,
) -> Status {
    // SAFETY: Envoy gave both to this hook.
    unsafe { hook(stream, exchange, |exchange, stream| exchange.request(stream)) }
}

/// The answer's head.
///
/// # Safety
/// For Envoy to call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_headers(
    stream: Envoys,
    exchange: *const c_void,
    end_of_stream: bool,
) -> Status {
    // SAFETY: Envoy gave both to this hook.
    unsafe { hook(stream, exchange, |exchange, stream| exchange.answer(stream, end_of_stream)) }
}

/// A piece of the answer's body.
///
/// # Safety
/// For Envoy to call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_body(
    stream: Envoys,
    exchange: *const c_void,
    end_of_stream: bool,
) -> Status {
    // SAFETY: Envoy gave both to this hook.
    unsafe { hook(stream, exchange, |exchange, stream| exchange.body(stream, end_of_stream)) }
}

/// The answer's trailers.
///
/// # Safety
/// For Envoy to call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_trailers(
    stream: Envoys,
    exchange: *const c_void,
) -> Status {
    // SAFETY: Envoy gave both to this hook.
    unsafe { hook(stream, exchange, |exchange, stream| exchange.trailers(stream)) }
}

/// An answer may have been held for too long.
///
/// # Safety
/// For Envoy to call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_scheduled(
    stream: Envoys,
    exchange: *const c_void,
    _event: u64,
) {
    // SAFETY: Envoy gave both to this hook.
    unsafe {
        hook(stream, exchange, |exchange, stream| {
            exchange.out_of_time(stream);
            Flow::Continue
        })
    };
}

/// Envoy is about to answer by itself.
///
/// # Safety
/// For Envoy to call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_local_reply(
    stream: Envoys,
    exchange: *const c_void,
    _status: u32,
    _details: EnvoyBuffer,
    _is_reset: bool,
) -> Status {
    // SAFETY: Envoy gave both to this hook.
    unsafe {
        hook(stream, exchange, |exchange, _| {
            exchange.local_reply();
            Flow::Continue
        })
    }
}

/// Hooks that Envoy will not start without, and that are told of nothing that Candor wants to know. Each returns 0,
/// which is to go on, or null.
macro_rules! unused {
    ($($name:ident($($argument:ty),*) -> $result:ty = $value:expr;)*) => {
        $(
            #[doc = "Nothing comes of it."]
            #[unsafe(no_mangle)]
            pub extern "C" fn $name($(_: $argument),*) -> $result {
                $value
            }
        )*
    };
}

type Pointer = *const c_void;

unused! {
    envoy_dynamic_module_on_http_filter_per_route_config_new(EnvoyBuffer, EnvoyBuffer) -> Pointer = ptr::null();
    envoy_dynamic_module_on_http_filter_per_route_config_destroy(Pointer) -> () = ();
    envoy_dynamic_module_on_http_filter_request_body(Envoys, Pointer, bool) -> Status = 0;
    envoy_dynamic_module_on_http_filter_request_trailers(Envoys, Pointer) -> Status = 0;
    envoy_dynamic_module_on_http_filter_stream_complete(Envoys, Pointer) -> () = ();
    envoy_dynamic_module_on_http_filter_http_callout_done(Envoys, Pointer, u64, u32, Pointer, usize, Pointer, usize) -> () = ();
    envoy_dynamic_module_on_http_filter_http_stream_headers(Envoys, Pointer, u64, Pointer, usize, bool) -> () = ();
    envoy_dynamic_module_on_http_filter_http_stream_data(Envoys, Pointer, u64, Pointer, usize, bool) -> () = ();
    envoy_dynamic_module_on_http_filter_http_stream_trailers(Envoys, Pointer, u64, Pointer, usize) -> () = ();
    envoy_dynamic_module_on_http_filter_http_stream_complete(Envoys, Pointer, u64) -> () = ();
    envoy_dynamic_module_on_http_filter_http_stream_reset(Envoys, Pointer, u64, u32) -> () = ();
    envoy_dynamic_module_on_http_filter_config_scheduled(Envoys, Pointer, u64) -> () = ();
    envoy_dynamic_module_on_http_filter_config_http_callout_done(Envoys, Pointer, u64, u32, Pointer, usize, Pointer, usize) -> () = ();
    envoy_dynamic_module_on_http_filter_config_http_stream_headers(Envoys, Pointer, u64, Pointer, usize, bool) -> () = ();
    envoy_dynamic_module_on_http_filter_config_http_stream_data(Envoys, Pointer, u64, Pointer, usize, bool) -> () = ();
    envoy_dynamic_module_on_http_filter_config_http_stream_trailers(Envoys, Pointer, u64, Pointer, usize) -> () = ();
    envoy_dynamic_module_on_http_filter_config_http_stream_complete(Envoys, Pointer, u64) -> () = ();
    envoy_dynamic_module_on_http_filter_config_http_stream_reset(Envoys, Pointer, u64, u32) -> () = ();
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(Envoys, Pointer) -> () = ();
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(Envoys, Pointer) -> () = ();
}
