# The door to every chore. What has to hold before a change is taken is written down in .ci/run; the recipes here call it.

# Lists the chores.
default:
    @just --list --unsorted

# Runs the tests; arguments go to cargo: `just test -p ledgerkey-codegen`.
test *args="--workspace":
    cargo test --locked {{ args }}

# Formats everything.
fmt:
    cargo fmt --all

# Checks the format, and clippy on every target.
lint:
    bash .ci/run format lint

# Builds the documentation; a broken link is an error.
doc:
    bash .ci/run doc

# Checks docs/foreign-types.md against the public API.
foreign-types:
    bash .ci/run foreign-types

# Checks the library with each set of features.
features:
    bash .ci/run features

# Checks licences, duplicates and sources of the dependencies.
deny:
    bash .ci/run deny

# Checks the dependencies against the advisory database, which is fetched.
advisories:
    cargo deny --locked check advisories

# Checks the declared Rust version against the dependencies'.
msrv:
    bash .ci/run msrv

# Lints every spec, and generates from it.
spec:
    #!/usr/bin/env bash
    set -euo pipefail
    failed=0
    for spec in specs/*.yaml; do
        cargo run --locked -q -p ledgerkey-codegen --example generate "$spec" >/dev/null && echo "$spec: good" || failed=1
    done
    exit "$failed"

# Prints what one spec is generated into: `just generated specs/bill.yaml`.
generated spec:
    @cargo run --locked -q -p ledgerkey-codegen --example generate {{ spec }}

# Takes every way to sign in through its whole life, in the sandbox.
tour *args:
    cargo run --locked -q -- tour {{ args }}

# Serves both vendors on a loopback port until stopped.
sandbox *args:
    cargo run --locked -q -- sandbox {{ args }}

# A million calls under faults of every kind; arguments such as `--seed 7 --calls 20000` go to the program.
soak *args:
    cargo run --locked --release -q -p ledgerkey-soak -- {{ args }}

# The session and its pacing under a scheduler that takes them through thousands of orders in which threads can meet.
model:
    bash .ci/run model

# The specs, the clients and the sandbox against tools that other people wrote; it installs them for the time, and takes minutes: docs/contract.md.
contract *steps:
    bash .ci/contract {{ steps }}

# What comes from outside, in every shape that libFuzzer comes upon: `just fuzz dialects 600`. Without a name each target, one after the other.
fuzz target="" seconds="60":
    FUZZ_TARGETS="{{ target }}" FUZZ_SECONDS="{{ seconds }}" bash .ci/run fuzz

# Measures what the library costs beside a baseline of the same run; `just bench call` measures one thing of call, attach, crowd and pool.
bench *names:
    cargo bench --locked -p ledgerkey-bench {{ if names == "" { "" } else { prepend("--bench ", names) } }}

# Everything that has to hold before a change is taken.
ci:
    bash .ci/run
