//! Generates the client: as `acme.rs`, from `specs/acme.yaml`.

fn main() {
    ledgerkey_codegen::build("specs/acme.yaml");
}
