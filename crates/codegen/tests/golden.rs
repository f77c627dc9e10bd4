//! Holds what is generated against a copy, so that a change of a spec, of the generator or of progenitor shows as a change of a file. Where
//! the change is meant: `UPDATE_GOLDEN=1 cargo test -p ledgerkey-codegen --test golden`, and look at the difference.
//!
//! The copy of the small spec is the generated code itself, and it is compiled here as a consumer would compile it. Of the five specs of
//! this project, whose code has some 48,000 lines, there is a line for each operation and each field.

use std::path::{Path, PathBuf};

use ledgerkey_codegen::{Source, generate, generate_file};

mod dump;

#[allow(dead_code, unused_imports, unreachable_pub, missing_docs, clippy::all, reason = "generated")]
mod everything {
    include!("golden/everything.rs");
}

const SPECS: [&str; 5] = ["bezala", "bill", "bill-v2", "bill-spend", "bill-partner"];

#[test]
fn the_code_of_a_spec_with_one_of_each_thing() {
    let source = Source::parse("everything.yaml", include_str!("specs/everything.yaml")).unwrap();
    let code = generate(&source).unwrap_or_else(|faults| panic!("{faults}"));
    compare("everything.rs", &code);
    assert_eq!(code, generate(&source).unwrap(), "the same spec gives the same code");
}

#[test]
fn the_operations_and_types_of_the_projects_own_specs() {
    for name in SPECS {
        let code = generate_file(&here().join(format!("../../specs/{name}.yaml"))).unwrap_or_else(|words| panic!("{words}"));
        compare(&format!("{name}.txt"), &dump::dump(&code));
    }
}

#[test]
fn no_secret_is_printed_and_unknown_values_are_kept() {
    use everything::types;

    let login: types::Login =
        serde_json::from_str(r#"{"user": "u", "password": "correct horse", "device": "battery staple"}"#).unwrap();
    let builder = types::builder::Login::from(login.clone());
    let printed = format!("{login:?} {builder:?} {:?}", login.password);
    assert!(!printed.contains("horse") && !printed.contains("staple"), "{printed}");
    assert_eq!(serde_json::to_value(&login).unwrap()["password"], "correct horse");

    let thing: types::Thing = serde_json::from_str(
        r#"{"name": "", "price": 0.10, "weight": "1.50", "kind": "service", "state": "done", "mood": null, "tags": ["blue"],
            "key": "any text", "moved": "2026-12-30T23:15:23.127+0000", "seen": 0}"#,
    )
    .unwrap();
    assert!(matches!(thing.kind, Some(types::Kind::Other(ref kind)) if kind == "service"), "{:?}", thing.kind);
    assert!(matches!(thing.state, types::ThingState::Known(types::ThingStateKnown::Done)), "{:?}", thing.state);
    let told = serde_json::to_string(&thing).unwrap();
    for part in [r#""price":0.10"#, r#""weight":"1.50""#, r#""kind":"service""#, r#""tags":["blue"]"#] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

#[test]
fn the_tables_lead_to_each_other() {
    let api = &everything::API;
    assert!(api.operations.iter().all(|operation| std::ptr::eq(operation.facts, api)));
    let Some(list) = api.operation("listThings") else { panic!("{api:?}") };
    let ledgerkey::table::Answer::Json(check) = list.answer else { panic!("it answers with JSON") };
    assert!(check(br#"{"rows": [{"name": "Milk"}]}"#).is_ok());
    assert!(check(br#"{"rows": [{"id": 1}]}"#).is_err());
    assert_eq!(api.way("password").and_then(|way| way.idle), Some(std::time::Duration::from_secs(35 * 60)));
}

fn here() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

fn compare(name: &str, now: &str) {
    let file = here().join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, now).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    if let Some(difference) = difference(&file, &golden, now) {
        panic!("{difference}");
    }
}

/// The first lines that differ, and what to do.
fn difference(file: &Path, golden: &str, now: &str) -> Option<String> {
    if golden == now {
        return None;
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (golden.lines().collect(), now.lines().collect());
    let at = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let some = |sign: char, lines: &[&str]| -> String {
        lines.iter().skip(at).take(5).map(|line| format!("{sign} {line}\n")).collect()
    };
    Some(format!(
        "what is generated is not what {} holds, from line {} on:\n{}{}{} lines are now {}; if that is meant, run again with \
         UPDATE_GOLDEN=1 and look at the difference",
        file.display(),
        at + 1,
        some('-', &old),
        some('+', &new),
        old.len(),
        new.len(),
    ))
}

#[test]
fn a_difference_is_told_by_its_first_lines() {
    assert_eq!(difference(Path::new("a.rs"), "a\nb\n", "a\nb\n"), None);
    let told = difference(Path::new("a.rs"), "a\nb\nc\n", "a\nB\n").unwrap();
    assert!(told.contains("a.rs holds, from line 2 on:\n- b\n- c\n+ B\n3 lines are now 2;"), "{told}");
}
