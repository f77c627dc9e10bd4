//! Compiles the golden copy as a consumer's crate would, with the four crates that generated code names, and tries what came of it. Apart
//! from the comparison with the copy, so that a copy which does not compile any more can still be refreshed.

#[allow(dead_code, unused_imports, unreachable_pub, missing_docs, clippy::all, reason = "generated")]
mod everything {
    include!("golden/everything.rs");
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
