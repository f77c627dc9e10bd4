//! What the `ledgerkey` command is made of, for the command and for tests that name APIs and ways as it does.

pub mod access;
pub mod doors;
pub mod sandbox_clock;
