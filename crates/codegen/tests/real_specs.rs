//! A change of one of this project's own specs: what follows from it, and what is said of a mistake.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::path::Path;
use std::time::Duration;

use ledgerkey_codegen::{Model, Source, generate};

const SPECS: [&str; 5] = ["bezala", "bill", "bill-v2", "bill-spend", "bill-partner"];

fn spec(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../specs/{name}.yaml"));
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn source(text: &str) -> Source {
    Source::parse("specs/bill.yaml", text).unwrap()
}

#[test]
fn a_shorter_idle_limit_changes_that_number_and_nothing_else() {
    let text = spec("bill");
    let shorter = text.replacen("idle: PT35M", "idle: PT10M", 1);
    assert_ne!(text, shorter);
    let idle = |text: &str| Model::read(&source(text)).unwrap().ways[0].idle;
    assert_eq!((idle(&text), idle(&shorter)), (Some(Duration::from_secs(2100)), Some(Duration::from_secs(600))));

    let [before, after] = [&text, &shorter].map(|text| generate(&source(text)).unwrap());
    let (before, after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    assert_eq!(before.len(), after.len());
    let differing: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
    let [(before, after)] = differing.as_slice() else { panic!("{differing:#?}") };
    assert_eq!(before.trim(), "idle: Some(::core::time::Duration::from_secs(2100u64)),");
    assert_eq!(after.trim(), "idle: Some(::core::time::Duration::from_secs(600u64)),");
}

/// A mistake in one of the specs, and what is said of it.
struct Mistake {
    spec: &'static str,
    /// The first place where this stands gets the other instead.
    old: &'static str,
    new: &'static str,
    says: &'static str,
    help: &'static str,
}

const fn mistake(
    spec: &'static str,
    old: &'static str,
    new: &'static str,
    says: &'static str,
    help: &'static str,
) -> Mistake {
    Mistake { spec, old, new, says, help }
}

const NO_EXTENSION: &str = "is no extension that";
const NO_DURATION: &str = "is not a duration";
const NO_OPERATION: &str = "there is no operation";
const ISO: &str = "write an ISO 8601 duration such as PT35M";

#[rustfmt::skip]
const MISTAKES: &[Mistake] = &[
    mistake("bezala", "x-answers:", "x-answer:", NO_EXTENSION, "did you mean \"x-answers\"?"),
    mistake("bezala", "operation: createToken", "operation: createTokn", NO_OPERATION, "did you mean \"createToken\"?"),
    mistake("bezala", "    session: /token\n", "    session: /token\n    idle: 35m\n", NO_DURATION, ISO),
    mistake("bill", "x-source:", "x-sorce:", NO_EXTENSION, "did you mean \"x-source\"?"),
    mistake("bill", "sign-out: logout", "sign-out: logOut", NO_OPERATION, "did you mean \"logout\"?"),
    mistake("bill", "idle: PT48H", "idle: PT48", NO_DURATION, ISO),
    mistake("bill-v2", "x-paging:", "x-pagin:", NO_EXTENSION, "did you mean \"x-paging\"?"),
    mistake("bill-v2", "- mfaChallenge", "- mfaChalenge", NO_OPERATION, "did you mean \"mfaChallenge\"?"),
    mistake("bill-v2", "idle: PT35M", "idle: 35 minutes", NO_DURATION, ISO),
    mistake("bill-spend", "x-limits:", "x-limit:", NO_EXTENSION, "did you mean \"x-limits\"?"),
    mistake("bill-spend", "    per: PT1M\n", "    per: PT1M\n    operations: [listBudget]\n", NO_OPERATION, "did you mean \"listBudgets\"?"),
    mistake("bill-spend", "per: PT1M", "per: P1M", NO_DURATION, ISO),
    mistake("bill-partner", "x-sign-in:", "x-signin:", NO_EXTENSION, "did you mean \"x-sign-in\"?"),
    mistake("bill-partner", "operation: loginAsUser", "operation: loginAsUsr", NO_OPERATION, "did you mean \"loginAsUser\"?"),
    mistake("bill-partner", "idle: PT35M", "idle: PT0.5H", NO_DURATION, ISO),
];

#[test]
fn a_mistake_is_told_with_its_line_and_what_to_do() {
    for Mistake { spec: name, old, new, says, help } in MISTAKES {
        let text = spec(name);
        assert!(text.contains(old), "{name}.yaml has no {old:?}");
        let broken = text.replacen(old, new, 1);
        let changed = text.lines().zip(broken.lines()).position(|(old, new)| old != new).unwrap() + 1;
        let faults = Source::parse(&format!("specs/{name}.yaml"), &broken)
            .and_then(|source| generate(&source))
            .expect_err("the mistake is no fault");
        let place = format!("specs/{name}.yaml:{changed}:");
        let told = faults.iter().find(|fault| fault.to_string().starts_with(&place) && fault.message.contains(says));
        let told = told.unwrap_or_else(|| panic!("{old:?} -> {new:?}: not told at {place}\n{faults}"));
        assert!(told.help.contains(help), "{old:?} -> {new:?}: {told}");
    }
    for name in SPECS {
        assert_eq!(MISTAKES.iter().filter(|mistake| mistake.spec == name).count(), 3, "{name}");
    }
}
