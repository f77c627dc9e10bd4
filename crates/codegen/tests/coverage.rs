//! Holds `docs/coverage.md` against the specs: every operation, who may call it, where it is documented, and what checks it. Where the specs have
//! changed: `UPDATE_GOLDEN=1 cargo test -p ledgerkey-codegen --test coverage`. What is left out, and why, is written there by hand.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use heck::ToSnakeCase as _;
use ledgerkey_codegen::{Model, Operation, Source, Way};

const SPECS: [&str; 6] = ["bezala", "bill", "bill-v2", "bill-spend", "bill-partner", "bill-events"];
const BEGIN: &str = "<!-- generated from the specs: begin -->";
/// So many tests are named of one operation.
const MOST_TESTS: usize = 4;
const END: &str = "<!-- generated from the specs: end -->";

#[test]
fn the_table_is_that_of_the_specs() {
    let models: Vec<Model> = SPECS.iter().map(|name| model(name)).collect();
    let table = table(&models, &tests());
    let file = repository().join("docs/coverage.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the marks of what is generated");
    let (old, after) = rest.split_once(END).expect("the marks of what is generated");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, format!("{before}{BEGIN}\n{table}{END}{after}")).unwrap();
    } else if old.trim() != table.trim() {
        let new = table.lines().find(|line| !old.contains(line)).unwrap_or("fewer lines");
        panic!("docs/coverage.md is not what the specs say, at: {new}\nrun again with UPDATE_GOLDEN=1");
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn model(name: &str) -> Model {
    let text = std::fs::read_to_string(repository().join(format!("specs/{name}.yaml"))).unwrap();
    let read = |source: Source| Model::read(&source);
    Source::parse(&format!("{name}.yaml"), &text).and_then(read).unwrap_or_else(|faults| panic!("{faults}"))
}

/// The tests that name single operations, and their texts. Those that go over all of them are not among these.
fn tests() -> Vec<(String, String)> {
    let folders = ["tests", "tests/scenarios", "tests/redis", "crates/cli/tests", "crates/sandbox/tests"];
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(repository().join(folder)).ok()).flatten();
    let mut tests: Vec<(String, String)> = files
        .filter_map(|file| {
            let path = file.ok()?.path();
            let text = std::fs::read_to_string(&path).ok()?;
            let story = path.parent()?.ends_with("scenarios");
            let name = if story { "scenarios".to_owned() } else { path.file_stem()?.to_str()?.to_owned() };
            Some((name, text))
        })
        .collect();
    tests.sort();
    tests
}

fn table(models: &[Model], tests: &[(String, String)]) -> String {
    let mut text = String::new();
    for model in models {
        write!(text, "\n## {}: {} ({} operations)\n\n", model.name, model.title, model.operations.len()).unwrap();
        text.push_str("| operation | method and path | ways that may call it | documented at | checked by, beside the contract |\n|---|---|---|---|---|\n");
        for operation in &model.operations {
            let ways: Vec<String> = ways(models, model, operation).into_iter().collect();
            let ways = if operation.security.is_empty() { "needs none".to_owned() } else { ways.join(", ") };
            let mut checked: Vec<String> = checked(operation, tests).into_iter().collect();
            if checked.len() > MOST_TESTS {
                checked.truncate(MOST_TESTS);
                checked.push("and more".to_owned());
            }
            let Operation { id, path, source, .. } = operation;
            let method = operation.method.as_str();
            let source = source.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
            writeln!(text, "| `{id}` | `{method} {path}` | {ways} | {source} | {} |", checked.join(", ")).unwrap();
        }
    }
    text
}

/// A session serves all of its vendor's APIs that ask for what it presents.
fn ways(models: &[Model], of: &Model, operation: &Operation) -> BTreeSet<String> {
    let vendor = |name: &str| name.split('-').next().unwrap_or_default().to_owned();
    let ways = models.iter().filter(|model| vendor(&model.name) == vendor(&of.name)).flat_map(|model| &model.ways);
    let may = |way: &&Way| {
        let presents = operation.security.iter().any(|set| set.iter().all(|scheme| way.provides.contains(scheme)));
        let denied = of.ways.iter().any(|own| own.name == way.name && own.denies.contains(&operation.id));
        presents && !denied
    };
    ways.filter(may).map(|way| way.name.clone()).collect()
}

fn checked(operation: &Operation, tests: &[(String, String)]) -> BTreeSet<String> {
    let (quoted, called) = (format!("\"{}\"", operation.id), format!(".{}()", operation.id.to_snake_case()));
    let names = |(_, text): &&(String, String)| text.contains(&quoted) || text.contains(&called);
    tests.iter().filter(names).map(|(name, _)| name.clone()).collect()
}
