//! Every family of metrics there is: the contract with dashboards and alerts, told in `docs/operations.md`, which a test
//! holds against this table and against what a sidecar says. Labels come from closed sets, so that no traffic can make
//! the number of series grow: names of the configuration, statuses, words of this program.

use crate::telemetry::meters::Family;

/// All of them, in no order: each is said to exist from the start, so that an alert never waits for its metric.
pub static ALL: &[&Family] = &[
    &REQUESTS,
    &REQUEST_DURATION,
    &UPSTREAM_DURATION,
    &TRANSLATIONS,
    &HIDDEN_ERRORS,
    &VERDICTS,
    &MISFITS,
    &HOLD_DURATION,
    &HOLD_SIZE,
    &HELD_BYTES,
    &HELD_BYTES_MAX,
    &RETRIES,
    &CONNECTIONS,
    &CONNECTIONS_TOTAL,
    &CONNECTIONS_REFUSED,
    &UPSTREAM_CONNECTIONS,
    &UPSTREAM_CONNECTIONS_TOTAL,
    &UPSTREAM_ERRORS,
    &SHED,
    &ENDPOINT_HEALTHY,
    &EJECTIONS,
    &TLS_CERTIFICATE_EXPIRY,
    &TLS_HANDSHAKE_FAILURES,
    &CAPTURES_DROPPED,
    &LOG_EVENTS_DROPPED,
    &SPANS_DROPPED,
    &CONFIG_GENERATION,
    &CONFIG_RELOADS,
    &CONFIG_LAST_RELOAD_SUCCESSFUL,
    &CONFIG_LAST_RELOAD_SUCCESS_TIME,
    &BUILD_INFO,
    &PROCESS_RESIDENT_MEMORY,
    &PROCESS_CPU,
    &PROCESS_OPEN_FDS,
    &PROCESS_START_TIME,
];

/// `door`, `route`, `method`, `code`, `upstream_code`.
pub static REQUESTS: Family = Family::counter("candor_requests_total", "Exchanges that have ended");

/// `route`.
pub static REQUEST_DURATION: Family =
    Family::histogram("candor_request_duration_seconds", "Time from an exchange's begin to its end");

/// `route`.
pub static UPSTREAM_DURATION: Family = Family::histogram(
    "candor_upstream_duration_seconds",
    "Time from an exchange's begin to the head of the upstream's answer",
);

/// `route`, `rule_set`, `rule`, `from`, `to`, `mode`.
pub static TRANSLATIONS: Family =
    Family::counter("candor_translations_total", "Answers that a rule changed, or would have changed");

/// `route`.
pub static HIDDEN_ERRORS: Family = Family::counter(
    "candor_hidden_errors_total",
    "Answers that the upstream called fine and the client was told were errors",
);

/// `route`, `verdict`, `reason`.
pub static VERDICTS: Family = Family::counter("candor_verdicts_total", "What was decided about answers");

/// `route`, `model`.
pub static MISFITS: Family = Family::counter(
    "candor_model_misfits_total",
    "Answers of an API that do not fit the model their method declares",
);

/// No labels.
pub static HOLD_DURATION: Family =
    Family::histogram("candor_hold_duration_seconds", "Time that answers were held for a rule");

/// No labels.
pub static HOLD_SIZE: Family =
    Family::histogram("candor_hold_size_bytes", "Bytes of an answer's body that were held for a rule");

/// No labels.
pub static HELD_BYTES: Family =
    Family::gauge("candor_held_bytes", "Bytes of bodies that all exchanges hold now");

/// No labels.
pub static HELD_BYTES_MAX: Family =
    Family::gauge("candor_held_bytes_max", "The bound on what all exchanges hold, `hold.total_bytes`");

/// `route`, `outcome`.
pub static RETRIES: Family = Family::counter(
    "candor_retries_total",
    "Requests sent again, and those that were not although a rule wanted it",
);

/// No labels.
pub static CONNECTIONS: Family = Family::gauge("candor_connections", "Connections of clients now");

/// No labels.
pub static CONNECTIONS_TOTAL: Family =
    Family::counter("candor_connections_opened_total", "Connections of clients that were taken");

/// `reason`.
pub static CONNECTIONS_REFUSED: Family =
    Family::counter("candor_connections_refused_total", "Connections of clients that were not served");

/// `upstream`, `state`.
pub static UPSTREAM_CONNECTIONS: Family =
    Family::gauge("candor_upstream_connections", "Connections to an upstream now");

/// `upstream`.
pub static UPSTREAM_CONNECTIONS_TOTAL: Family = Family::counter(
    "candor_upstream_connections_opened_total",
    "Connections to an upstream that were opened",
);

/// `upstream`, `error`.
pub static UPSTREAM_ERRORS: Family =
    Family::counter("candor_upstream_errors_total", "Exchanges for which the upstream gave no whole answer");

/// `upstream`, `reason`.
pub static SHED: Family = Family::counter(
    "candor_upstream_shed_total",
    "Requests turned away because the upstream has enough to do",
);

/// `upstream`, `endpoint`.
pub static ENDPOINT_HEALTHY: Family = Family::gauge(
    "candor_upstream_endpoint_healthy",
    "Whether an endpoint is in service (1), or its answers or health checks fail (0)",
);

/// `upstream`.
pub static EJECTIONS: Family = Family::counter(
    "candor_upstream_ejections_total",
    "Times that an endpoint was left alone because of its answers",
);
/// `certificate`.
pub static TLS_CERTIFICATE_EXPIRY: Family = Family::gauge(
    "candor_tls_certificate_expiry_timestamp_seconds",
    "When a certificate that Candor shows expires, since 1970",
);

/// `side`, `reason`.
pub static TLS_HANDSHAKE_FAILURES: Family =
    Family::counter("candor_tls_handshake_failures_total", "Connections on which TLS could not be begun");

/// No labels.
pub static CAPTURES_DROPPED: Family = Family::counter(
    "candor_captures_dropped_total",
    "Exchanges that were not captured because more waited than could be written",
);

/// No labels.
pub static LOG_EVENTS_DROPPED: Family = Family::counter(
    "candor_log_events_dropped_total",
    "Log events that were lost because more waited than could be written",
);

/// No labels.
pub static SPANS_DROPPED: Family = Family::counter(
    "candor_spans_dropped_total",
    "Spans that were lost because more waited than could be sent, or because the collector did not take them",
);

/// No labels.
pub static CONFIG_GENERATION: Family = Family::gauge(
    "candor_config_generation",
    "Which configuration is in force; the one of the start is 1, and each that takes its place is one more",
);

/// `result`: `success`, `failure`.
pub static CONFIG_RELOADS: Family =
    Family::counter("candor_config_reloads_total", "Attempts to put another configuration in force");

/// No labels.
pub static CONFIG_LAST_RELOAD_SUCCESSFUL: Family = Family::gauge(
    "candor_config_last_reload_successful",
    "1 unless the last attempt to put another configuration in force failed",
);

/// No labels.
pub static CONFIG_LAST_RELOAD_SUCCESS_TIME: Family = Family::gauge(
    "candor_config_last_reload_success_timestamp_seconds",
    "Since when the configuration is in force",
);

/// `version`.
pub static BUILD_INFO: Family = Family::gauge("candor_build_info", "Always 1; the version that runs");

/// No labels.
pub static PROCESS_RESIDENT_MEMORY: Family =
    Family::gauge("process_resident_memory_bytes", "Memory of the process that is in RAM");

/// No labels.
pub static PROCESS_CPU: Family =
    Family::counter("process_cpu_seconds_total", "Processor time of the process, of user and system");

/// No labels.
pub static PROCESS_OPEN_FDS: Family =
    Family::gauge("process_open_fds", "Descriptors that the process has open");

/// No labels.
pub static PROCESS_START_TIME: Family =
    Family::gauge("process_start_time_seconds", "When the process started, since 1970");
