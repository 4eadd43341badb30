//! Candor is a reverse-proxy sidecar for backends that answer `200 OK` and hide what happened in the body: it reads
//! the answer, decides by rules what it really says, and sends a true status, clean headers and a clean body.
//!
//! ```text
//! request in -> route -> select rules -> upstream -> inspect -> decide -> rewrite -> response out
//!               \_____________ proxy/ ____________/  \_______ engine/ (pure) _____/
//! ```
//!
//! [`engine`] decides and does nothing else. [`rules`] and [`settings`] turn what a user wrote into its types, with
//! every problem told at once as a [`diagnostic`]. [`proxy`] carries exchanges; [`cli`] is the program. Without the
//! `server` feature there is no I/O at all: the engine and the rule language as a library.
//!
//! ```
//! use candor::diagnostic::{Diagnostics, Source};
//! use candor::document::Node;
//! use candor::engine::{self, Answer, AnswerHead, Exchange, Limits, RequestSnapshot};
//! use candor::rules::{self, Quick};
//!
//! let line = Node::scalar(&Source::new("--rule", r"$.statusCode:4\d{2} -> $.statusCode"));
//! let mut problems = Diagnostics::default();
//! let rules = rules::read(None, Quick { lines: &[line], presets: &[] }, &["default".into()], &mut problems);
//! assert!(problems.is_empty());
//!
//! let (answer, ()) = http::Response::new(()).into_parts();
//! let exchange = Exchange {
//!     request: RequestSnapshot { method: http::Method::GET, uri: "/orders/17".parse()?, headers: Default::default(), circumstances: None },
//!     answer: Answer {
//!         head: AnswerHead { status: answer.status, headers: answer.headers },
//!         body: r#"{"statusCode": 404}"#.into(),
//!     },
//! };
//! let rule_set = rules.set("default").ok_or("no rules")?;
//! let outcome = engine::evaluate(rule_set, &exchange, &Limits::default(), false);
//! assert_eq!(outcome.mutation.status, Some(http::StatusCode::NOT_FOUND));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod diagnostic;
pub mod document;

pub mod engine;

pub mod vtl;

pub mod apigateway;

pub mod rules;

pub mod lint;

#[cfg(feature = "server")]
pub(crate) mod client;
#[cfg(feature = "server")]
pub mod settings;

#[cfg(feature = "server")]
pub mod case;
#[cfg(feature = "server")]
pub mod live;
#[cfg(feature = "server")]
pub mod telemetry;
#[cfg(feature = "server")]
pub mod traffic;

#[cfg(feature = "server")]
pub mod admin;
#[cfg(feature = "server")]
pub mod ext_proc;
#[cfg(feature = "server")]
pub mod proxy;

#[cfg(feature = "server")]
pub mod cli;
