//! The `ledgerkey` command.

fn main() {}
