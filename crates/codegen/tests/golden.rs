//! Holds what is generated against a copy, so that a change of a spec, of the generator or of progenitor shows as a change of a file. Where
//! the change is meant: `UPDATE_GOLDEN=1 cargo test -p ledgerkey-codegen --test golden`, and look at the difference.
//!
//! The copy of the small spec is the generated code itself, and `compiled.rs` compiles it. Of the six specs of this project, whose code
//! has some 150,000 lines, there is a line for each operation and each field.

#![expect(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::path::{Path, PathBuf};

use ledgerkey_codegen::{Source, generate, generate_file};

mod dump;

const SPECS: [&str; 6] = ["bezala", "bill", "bill-v2", "bill-spend", "bill-partner", "bill-events"];

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
        let code =
            generate_file(&here().join(format!("../../specs/{name}.yaml"))).unwrap_or_else(|words| panic!("{words}"));
        compare(&format!("{name}.txt"), &dump::dump(&code));
    }
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
