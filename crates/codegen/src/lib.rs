//! Lints a hand-written OpenAPI spec and generates from it, at compile time, a typed client that runs on ledgerkey's
//! sessions, and the tables that those sessions go by.
//!
//! The whole of a consumer's `build.rs` is a `main` with one line:
//!
//! ```no_run
//! ledgerkey_codegen::build("specs/acme.yaml");
//! ```
//!
//! and where the client is wanted:
//!
//! ```text
//! #[allow(clippy::all, missing_docs, reason = "generated")]
//! pub mod acme {
//!     include!(concat!(env!("OUT_DIR"), "/acme.rs"));
//! }
//! ```
//!
//! The generated code names four crates, and a consumer's `Cargo.toml` needs those four and no other for it:
//!
//! ```toml
//! [dependencies]
//! ledgerkey = { path = "../ledgerkey", default-features = false, features = ["rustls"] } # a clone: it is not on crates.io yet
//! chrono = { version = "0.4", default-features = false, features = ["serde"] } # where the spec has `date` or `date-time`
//! serde = { version = "1", features = ["derive"] }
//! serde_json = "1"
//!
//! [build-dependencies]
//! ledgerkey-codegen = { path = "../ledgerkey/crates/codegen" }
//! ```
//!
//! `examples/consumer` in the repository is such a crate, with a spec, a sign-in and tests.
//!
//! What is written to `OUT_DIR` is kept until the spec or this crate changes, and a spec with faults stops the build with the file, the
//! line and what to do, for each of them.
//!
#![doc = include_str!("../EXTENSIONS.md")]

mod build;
mod calls;
mod codes;
mod empty_lists;
mod fault;
mod generate;
mod generator;
mod lint;
mod markdown;
mod model;
mod open_enums;
mod payloads;
mod prepare;
mod refresh;
mod rewrite;
mod search;
mod source;
mod tables;
mod types;
mod types_of;

pub use build::{build, build_codes, build_each, build_payloads, generate_file};
pub use fault::{Fault, Faults};
pub use generate::generate;
pub use model::*;
pub use source::Source;
pub use types_of::{OperationTypes, types_of};
