//! An endpoint for OTLP/JSON traces: what a gateway's webhook, an OpenTelemetry SDK or a Collector is pointed at.
//!
//! [`Receiver`] is a `tower` service over `http` types, usable under axum, hyper or any tower stack. It checks secrets,
//! reads and inflates bodies within bounds, decodes, redacts, tells deliveries that come twice, and answers as OTLP/HTTP
//! asks. Behind it stands a [`Store`]: [`DurableStore`] keeps a log that is durable before the answer, and makes Parquet of
//! it. [`serve`] is an HTTP server round both.
//!
//! What was answered with 2xx is never lost: it is in the log, or in a Parquet file, exactly once. A test of the connection is
//! not stored, and what proves to be damaged is kept aside.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use spanwise_receiver::{Auth, DurableStore, Metrics, Receiver, ReceiverOptions, Secret, ServerOptions, StoreOptions, serve};
//!
//! let metrics = Arc::new(Metrics::new());
//! let store = Arc::new(DurableStore::open("traces", StoreOptions::default(), metrics.clone())?);
//! let auth = Auth::new(vec![Secret::bearer("a token")?]);
//! let receiver = Receiver::new(store.clone(), ReceiverOptions { auth, ..ReceiverOptions::default() }, metrics);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:4318").await?;
//! serve(listener, receiver, ServerOptions::default(), async { tokio::signal::ctrl_c().await.unwrap() }).await?;
//! store.close(std::time::Duration::from_secs(30));
//! # Ok(()) }
//! ```
//!
//! Requests and responses are types of [`http`] with bodies of [`bytes`], a policy is one of [`spanwise`], and columns are chosen by
//! [`spanwise_arrow`], so these are given on: with them come the versions that fit. A new major version of one of them, of `axum`, whose
//! [`Router`](axum::Router) [`router`] gives, or of `tokio`, whose listener [`serve`] takes, is a breaking change of this crate.
//!
//! It is for Unix: a store asks for the free space of its disk and tells files apart by their numbers, which it does nowhere else.
//!
//! No answer, log line or metric holds a value or a key of what was sent.

#![forbid(unsafe_code)]

#[cfg(not(unix))]
compile_error!("spanwise-receiver is for Unix; of spanwise-cli, `serve` is left out elsewhere");

mod answer;
mod auth;
mod body;
mod budget;
mod config;
mod inflate;
mod metrics;
mod pipeline;
mod seldom;
mod server;
mod service;
mod store;

pub use {bytes, http, spanwise, spanwise_arrow};

pub use auth::{Auth, Secret, SecretError};
pub use body::Pace;
pub use budget::{Budget, Exhausted, Reservation};
pub use config::{
    ColumnSettings, Config, ConfigError, LimitSettings, Secrets, StorageSettings, listen_address,
};
pub use metrics::Metrics;
pub use server::{ServerOptions, router, serve};
pub use service::{Receiver, ReceiverOptions};
pub use store::{
    Delivery, Disk, DiskFile, DurableStore, Entry, LocalDisk, OpenError, SpanKey, Store, StoreError,
    StoreOptions, Stored, Storing,
};

/// The example of the page is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/receiver.md")]
struct Page;
