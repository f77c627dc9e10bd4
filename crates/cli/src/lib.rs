//! What the `ledgerkey` command is made of, for the command and for tests that name APIs and ways as it does and live by a
//! sandbox's clock.

pub mod access;
pub mod doors;
pub mod sandbox_clock;
