//! The console: one page of the sidecar's own, with its styles and scripts beside it. It is the same for everybody and
//! holds nothing of anybody; what it shows it asks the API for. Nothing of it comes from elsewhere, and a policy in its
//! headers keeps it so.

use axum::Router;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::routing::get;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Every file by its path.
const FILES: &[(&str, &str, &str)] = &[
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/console/style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("/console/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
    ("/console/app.js", SCRIPT, include_str!("page/app.js")),
    ("/console/ask.js", SCRIPT, include_str!("page/ask.js")),
    ("/console/dom.js", SCRIPT, include_str!("page/dom.js")),
    ("/console/charts.js", SCRIPT, include_str!("page/charts.js")),
    ("/console/exchange.js", SCRIPT, include_str!("page/exchange.js")),
    ("/console/overview.js", SCRIPT, include_str!("page/overview.js")),
    ("/console/live.js", SCRIPT, include_str!("page/live.js")),
    ("/console/rules.js", SCRIPT, include_str!("page/rules.js")),
    ("/console/playground.js", SCRIPT, include_str!("page/playground.js")),
    ("/console/samples.js", SCRIPT, include_str!("page/samples.js")),
    ("/console/stages.js", SCRIPT, include_str!("page/stages.js")),
    ("/console/why.js", SCRIPT, include_str!("page/why.js")),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(super) fn router() -> Router {
    FILES.iter().fold(Router::new(), |router, &(path, content_type, text)| {
        let headers = [(CONTENT_TYPE, content_type), (CONTENT_SECURITY_POLICY, POLICY)];
        router.route(path, get(async move || (headers, text)))
    })
}
