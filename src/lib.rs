#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(all(feature = "bezala", feature = "bill")),
    allow(
        dead_code,
        reason = "the layers below the vendors are one code for both; what only one of them uses is idle without it"
    )
)]

// The generated code names this crate as a consumer's would.
#[cfg(any(feature = "bezala", feature = "_bill"))]
extern crate self as ledgerkey;

/// A module of what a description was generated into.
#[cfg(any(feature = "bezala", feature = "_bill"))]
macro_rules! generated {
    ($(#[$attribute:meta])* $module:ident, $file:literal) => {
        $(#[$attribute])*
        #[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "generated")]
        pub mod $module {
            include!(concat!(env!("OUT_DIR"), "/", $file));
        }
    };
}

pub mod client;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "redis")]
pub mod redis;
mod secret;
pub mod session;
mod sync;
pub mod table;
mod transport;
pub mod wire;

#[cfg(feature = "bezala")]
pub mod bezala;
#[cfg(feature = "_bill")]
pub mod bill;

pub use error::{Error, Mismatch, Problem, Refusal};
pub use secret::Secret;
