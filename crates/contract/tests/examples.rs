//! Every example of the specs, read as the type of its operation and written again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use ledgerkey_contract::compare::differences;
use ledgerkey_contract::json::{Json, join};
use ledgerkey_contract::{CALLS, Part, ROWS, Row};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

fn sent(row: &Row) -> Json {
    Json::parse(row.example).unwrap()
}

/// What is wrong with what comes back of `json`.
fn round(row: &Row, json: &Json) -> Vec<String> {
    match (row.round_trip)(&json.to_string()) {
        Ok(back) => differences(row, json, &Json::parse(&back).unwrap()),
        Err(error) => vec![format!("does not fit {error}")],
    }
}

/// Fails with all of them at once.
#[track_caller]
fn none(faults: &[String]) {
    assert!(faults.is_empty(), "{} differences:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_example_comes_back_as_it_was() {
    let faults: Vec<String> = ROWS
        .iter()
        .flat_map(|row| round(row, &sent(row)).into_iter().map(|fault| format!("{} {fault}", row.name())))
        .collect();
    none(&faults);
}

#[test]
fn an_empty_list_of_a_request_is_sent() {
    let mut unsent = Vec::new();
    for row in ROWS.iter().filter(|row| row.part == Part::Request) {
        let whole = sent(row);
        for at in lists(&whole, "") {
            let mut json = whole.clone();
            if let Some(list) = json.at_mut(&at) {
                *list = Json::List(Vec::new());
            }
            let faults = round(row, &json);
            unsent.extend(faults.into_iter().map(|fault| format!("{} {at}: {fault}", row.name())));
        }
    }
    none(&unsent);
}

/// Pointers to the lists within a value.
fn lists(json: &Json, at: &str) -> Vec<String> {
    let within = |name: &str, value: &Json| lists(value, &join(at, name));
    match json {
        Json::List(items) => {
            let own = (!at.is_empty()).then(|| at.to_owned());
            let inner = items.iter().enumerate().flat_map(|(index, item)| within(&index.to_string(), item));
            own.into_iter().chain(inner).collect()
        }
        Json::Object(fields) => fields.iter().flat_map(|(name, value)| within(name, value)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_operation_has_an_example_of_what_it_takes_and_gives() {
    let mut missing = Vec::new();
    for api in ledgerkey_cli::access::apis() {
        for operation in api.operations {
            let has = |part: Part| {
                ROWS.iter().any(|row| (row.api, row.operation, row.part) == (api.name, operation.id, part))
            };
            use ledgerkey::table::{Answer, Body};
            let takes_fields = operation.params.iter().any(|param| param.place == ledgerkey::table::ParamPlace::Form);
            if operation.body == Body::Json || (operation.body == Body::Form && takes_fields) {
                missing.extend((!has(Part::Request)).then(|| format!("{operation:?}: request")));
            }
            if matches!(operation.answer, Answer::Json(_)) {
                missing.extend((!has(Part::Answer)).then(|| format!("{operation:?}: answer")));
            }
            assert!(CALLS.iter().any(|call| (call.api, call.operation) == (api.name, operation.id)), "{operation:?}");
        }
    }
    assert!(missing.is_empty(), "without an example:\n{}", missing.join("\n"));
}

fn answers() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(|row| row.part == Part::Answer)
}

/// Whatever a vendor may put under a name that no spec knows.
fn anything() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(|number| Json::Number(number.to_string())),
        "[0-9]{1,40}\\.[0-9]{1,40}".prop_map(|digits| Json::Number(format!("1{digits}"))),
        any::<String>().prop_map(Json::Text),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::List),
            inner.prop_map(|value| Json::Object(vec![("k".to_owned(), value)])),
        ]
    })
}

/// Few cases, for each goes over every object of every answer.
fn each<S: Strategy>(strategy: &S, test: impl Fn(S::Value) -> Vec<String>) {
    let outcome =
        TestRunner::new(Config { cases: 8, failure_persistence: None, max_shrink_iters: 40, ..Config::default() }).run(
            strategy,
            |value| {
                let faults = test(value);
                prop_assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
                Ok(())
            },
        );
    outcome.unwrap();
}

#[test]
fn a_field_that_nobody_knows_breaks_no_read() {
    // A field of this beginning is in no spec, so that it hits none by chance.
    let field = ("x_[a-zA-Z0-9_ äπ-]{0,12}", anything());
    each(&field, |(name, value)| {
        let mut faults = Vec::new();
        for row in answers() {
            let whole = sent(row);
            for at in row.objects {
                let mut json = whole.clone();
                if let Some(Json::Object(fields)) = json.at_mut(at) {
                    fields.push((name.clone(), value.clone()));
                }
                if let Err(error) = (row.round_trip)(&json.to_string()) {
                    faults.push(format!("{} {}: does not fit {error}", row.name(), join(at, &name)));
                }
            }
        }
        faults
    });
}

#[test]
fn a_value_that_an_enum_does_not_know_comes_back_as_it_was() {
    assert!(answers().map(|row| row.enums.len()).sum::<usize>() > 100);
    each(&"(x_[a-zA-Z0-9_ äπ-]{0,12}|)", |unknown| {
        let mut faults = Vec::new();
        for row in answers() {
            let whole = sent(row);
            for at in row.enums {
                let mut json = whole.clone();
                if let Some(place) = json.at_mut(at) {
                    *place = Json::Text(unknown.clone());
                }
                faults.extend(round(row, &json).into_iter().map(|fault| format!("{} {at}: {fault}", row.name())));
            }
        }
        faults
    });
}
