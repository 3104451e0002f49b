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
//! `Router` [`router`] gives, or of `tokio`, whose listener [`serve`] takes, is a breaking change of this crate.
//!
//! # Features
//!
//! Both are on by default. Without them there is the service, for a [`Store`] and a server of your own.
//!
//! - `store`: [`DurableStore`], and with it Arrow and Parquet. It is for Unix: it asks for the free space of its disk and tells files
//!   apart by their numbers, which it does nowhere else.
//! - `server`: [`serve`] and [`router`], and with them axum and hyper. Beside `store` it brings [`Config`], the file of settings.
//!
//! No answer, log line or metric holds a value or a key of what was sent.
//!
// What is left out cannot be linked to. The text of the features can.
#![cfg_attr(not(feature = "store"), doc = "[`DurableStore`]: #features\n[`spanwise_arrow`]: #features")]
#![cfg_attr(not(feature = "server"), doc = "[`serve`]: #features\n[`router`]: #features")]
#![cfg_attr(not(all(feature = "server", feature = "store")), doc = "[`Config`]: #features")]
#![forbid(unsafe_code)]

#[cfg(all(feature = "store", not(unix)))]
compile_error!("the store of spanwise-receiver is for Unix; of spanwise-cli, `serve` is left out elsewhere");

mod answer;
mod auth;
mod body;
mod budget;
#[cfg(all(feature = "server", feature = "store"))]
mod config;
mod delivery;
mod inflate;
mod metrics;
mod pipeline;
mod seldom;
#[cfg(feature = "server")]
mod server;
mod service;
#[cfg(feature = "store")]
mod store;

#[cfg(feature = "store")]
pub use spanwise_arrow;
pub use {bytes, http, spanwise};

pub use auth::{Auth, Secret, SecretError};
pub use body::Pace;
pub use budget::{Budget, Exhausted, Reservation};
#[cfg(all(feature = "server", feature = "store"))]
pub use config::{
    ColumnSettings, Config, ConfigError, LimitSettings, Secrets, StorageSettings, listen_address,
};
pub use delivery::{Delivery, SpanKey, Store, StoreError, Stored, Storing};
pub use metrics::Metrics;
#[cfg(feature = "server")]
pub use server::{ServerOptions, router, serve};
pub use service::{Receiver, ReceiverOptions};
#[cfg(feature = "store")]
pub use store::{Disk, DiskFile, DurableStore, Entry, LocalDisk, OpenError, StoreOptions};

/// The example of the page is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/receiver.md")]
struct Page;
