//! x

/// x
pub mod payload {
    include!(concat!(env!("OUT_DIR"), "/bill-events-payloads.rs"));
}
