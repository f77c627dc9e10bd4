//! Generates the client of every spec of the vendors that are asked for.

fn main() {
    let mut specs = Vec::new();
    if std::env::var_os("CARGO_FEATURE_BEZALA").is_some() {
        specs.push("specs/bezala.yaml");
    }
    if std::env::var_os("CARGO_FEATURE_BILL").is_some() {
        specs.extend(["specs/bill.yaml", "specs/bill-v2.yaml", "specs/bill-spend.yaml", "specs/bill-partner.yaml"]);
    }
    ledgerkey_codegen::build_each(specs);
}
