//! Generates what is asked for: the client of every spec, what BILL's webhooks carry, and BILL's error codes. A spec of BILL's has a feature
//! of its name, but for the first.

fn main() {
    let specs = [
        ("BEZALA", "specs/bezala.yaml"),
        ("BILL_V3", "specs/bill.yaml"),
        ("BILL_V2", "specs/bill-v2.yaml"),
        ("BILL_SPEND", "specs/bill-spend.yaml"),
        ("BILL_PARTNER", "specs/bill-partner.yaml"),
        ("BILL_EVENTS", "specs/bill-events.yaml"),
    ];
    let is_asked_for = |feature: &str| std::env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    ledgerkey_codegen::build_each(specs.into_iter().filter(|(feature, _)| is_asked_for(feature)).map(|(_, spec)| spec));
    if is_asked_for("BILL_EVENTS") {
        ledgerkey_codegen::build_payloads(["specs/events/bill-events.json"]);
    }
    if is_asked_for("_BILL") {
        ledgerkey_codegen::build_codes("specs/errors/bill.yaml", "BDC_####");
    }
}
