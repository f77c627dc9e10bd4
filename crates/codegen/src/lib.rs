//! Lints a hand-written OpenAPI spec and generates from it, at compile time, a typed client that runs on ledgerkey's
//! sessions, and the tables that those sessions go by.
//!
//! The whole of a consumer's `build.rs`:
//!
//! ```no_run
//! fn main() {
//!     ledgerkey_codegen::build("specs/acme.yaml");
//! }
//! ```
//!
//! and where the client is wanted: `pub mod acme { include!(concat!(env!("OUT_DIR"), "/acme.rs")); }`.
//!
#![doc = include_str!("../EXTENSIONS.md")]

mod build;
mod fault;
mod generate;
mod lint;
mod model;
mod prepare;
mod source;
mod tables;

pub use build::{build, build_each, generate_file};
pub use fault::{Fault, Faults};
pub use generate::generate;
pub use model::*;
pub use source::Source;
