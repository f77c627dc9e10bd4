//! Breaks a sound spec in one place at a time, and holds what the lint says against what it should.

use ledgerkey_codegen::{Allows, Answer, BodyKind, Fault, Model, PagingStyle, Replay, SchemePlace, Source, Window};

const ACME: &str = include_str!("specs/acme.yaml");

/// What to break, and the fault that must come of it.
struct Row {
    /// The first place in the spec where this stands...
    old: &'static str,
    /// ...gets this instead.
    new: &'static str,
    /// What stands on the line that the fault names.
    on: &'static str,
    /// What the fault says, or a part of it.
    says: &'static str,
    /// How many faults there are: one, but where one mistake shows at two places.
    faults: usize,
}

const fn row(old: &'static str, new: &'static str, on: &'static str, says: &'static str) -> Row {
    Row { old, new, on, says, faults: 1 }
}

impl Row {
    const fn of(self, faults: usize) -> Self {
        Self { faults, ..self }
    }
}

mod lint_rows;

#[test]
fn each_mutation_gives_its_fault_at_its_line() {
    let mut wrong = Vec::new();
    for Row { old, new, on, says, faults } in lint_rows::ROWS {
        assert!(ACME.contains(old), "the spec has no {old:?}");
        let text = ACME.replacen(old, new, 1);
        let said = self::faults(&text);
        let right = said.iter().any(|fault| {
            let line = text.lines().nth(fault.line - 1).unwrap_or_default();
            fault.to_string().contains(says) && line.contains(on)
        });
        if said.len() != *faults || !right {
            wrong.push(format!("{old:?} -> {new:?}: {said:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_lines() {
    let text = ACME
        .replacen("idle: PT35M", "idle: PT35", 1)
        .replacen("sign-out: logout", "sign-out: logou", 1)
        .replacen("operationId: getUser", "operationId: GetUser", 1)
        .replacen("format: uuid", "format: uid", 1);
    let faults: Vec<_> = faults(&text).iter().map(Fault::to_string).collect();
    assert_eq!(
        faults,
        [
            "specs/acme.yaml:18:11: /x-sign-in/password/idle: \"PT35\" is not a duration; write an ISO 8601 duration such as PT35M",
            "specs/acme.yaml:19:15: /x-sign-in/password/sign-out: there is no operation \"logou\"; did you mean \"logout\"?",
            "specs/acme.yaml:51:19: /x-company/current/0/operation: there is no operation \"getUser\"; did you mean \"GetUser\"?",
            "specs/acme.yaml:88:20: /paths/~1user/get/operationId: the operationId \"GetUser\" is not camelCase; write it like `listVendors`",
            "specs/acme.yaml:138:75: /paths/~1notes/get/parameters/3/schema/format: \"uid\" is no known format of type string; did you mean \"uuid\"?",
        ]
    );
}

#[test]
fn a_sound_spec_gives_its_model() {
    let model = read(ACME).unwrap();
    assert_eq!((model.name.as_str(), model.title.as_str()), ("acme", "Acme"));

    let names: Vec<_> = model.ways.iter().map(|way| way.name.as_str()).collect();
    assert_eq!(names, ["password", "api-token"]);
    assert_eq!(model.ways[0].idle.map(|idle| idle.as_secs()), Some(35 * 60));
    assert_eq!(model.ways[0].session.as_deref(), Some("/data/token"));
    assert_eq!(model.ways[1].operation, None);

    assert_eq!(model.answers.dead_session[0].code.as_deref(), Some("109"));
    assert_eq!(model.answers.dead_session[1].status, Some(401));
    assert_eq!(model.limits[0].allows, Allows::AtOnce(3));
    let Allows::Rate { most, per, window } = model.limits[1].allows else { unreachable!("the spec gives a rate") };
    assert_eq!((most, per.as_secs(), window), (200, 3600, Window::Clock));
    assert_eq!(model.company.as_ref().map(|company| company.switch.as_str()), Some("pickCompany"));

    let schemes: Vec<_> = model.schemes.iter().map(|scheme| &scheme.place).collect();
    assert_eq!(
        schemes,
        [
            &SchemePlace::Header("sessionId".to_owned()),
            &SchemePlace::Header("appKey".to_owned()),
            &SchemePlace::Bearer,
            &SchemePlace::Form("sessionId".to_owned()),
        ]
    );

    let ids: Vec<_> = model.operations.iter().map(|operation| operation.id.as_str()).collect();
    let expected = ["login", "logout", "getUser", "pickCompany", "listNotes", "addNote", "listOldNotes", "findNotes"];
    assert_eq!(ids, expected);
    let login = model.operation("login").unwrap();
    assert!(login.security.is_empty());
    assert_eq!(login.replay, Replay::Never);
    assert_eq!(login.body, Some(BodyKind::Form));
    assert_eq!(login.answer, Answer::Json);
    let logout = model.operation("logout").unwrap();
    assert_eq!(logout.answer, Answer::None);
    assert_eq!(logout.replay, Replay::Safe);
    let user = model.operation("getUser").unwrap();
    assert_eq!(user.security, [vec!["session".to_owned(), "app".to_owned()], vec!["bearer".to_owned()]]);
    assert_eq!(user.replay, Replay::Safe);
    assert_eq!(model.operation("pickCompany").unwrap().params[0].name, "company");
    let notes = model.operation("listNotes").unwrap();
    assert_eq!(notes.paging.as_ref().map(|paging| paging.style), Some(PagingStyle::Token));
    assert_eq!(notes.pointer, "/paths/~1notes/get");
    assert!(model.operation("addNote").unwrap().trust);
}

#[test]
fn json_is_read_like_yaml() {
    let source = Source::parse("acme.yaml", ACME).unwrap();
    let text = serde_json::to_string_pretty(source.value()).unwrap();
    let json = Source::parse("acme.json", &text).unwrap();
    assert_eq!(json.value(), source.value());
    assert_eq!(Model::read(&json).unwrap().operations.len(), 8);
    assert_eq!(json.place("/openapi"), Some((2, 14)));
    assert_eq!(json.key_place("/openapi"), Some((2, 3)));
}

#[test]
fn what_is_no_document_is_refused_with_a_reason() {
    let deep = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
    let deeper = "[".repeat(100_000);
    let braces = "{a: ".repeat(100_000);
    for (text, says) in [
        ("", "1:1: the file is empty"),
        ("\u{feff}", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("---\n...\n", "the file is empty"),
        ("null", "`openapi` is missing"),
        ("a: 1\n---\nb: 2\n", "2:1: the file holds a second document"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "t.yaml:4:3: /b/c: \"c\" is there twice"),
        ("a: &x 1\n", "/a: the value has a YAML anchor"),
        ("a: !!str 1\n", "/a: the value has a YAML tag"),
        ("a: *x\n", "this is not YAML"),
        ("? [a]\n: 1\n", "a key is not plain text"),
        ("a: [1, 2\n", "this is not YAML"),
        ("a: 99999999999999999999\n", "t.yaml:1:4: /a: 99999999999999999999 does not fit into 64 bits"),
        (&deep, "nested beyond 128 levels"),
        (&deeper, "recursion limit exceeded"),
        (&braces, "recursion limit exceeded"),
    ] {
        let error = Source::parse("t.yaml", text).and_then(|source| Model::read(&source)).unwrap_err().to_string();
        let start: String = text.chars().take(40).collect();
        assert!(error.contains(says), "{start:?}: {error:.400}");
    }
}

#[test]
fn components_that_are_made_of_themselves_are_refused() {
    for (schema, says) in [
        ("Note: {$ref: \"#/components/schemas/Note\"}", "made of itself"),
        ("Note: {allOf: [{$ref: \"#/components/schemas/Note\"}]}", "made of itself"),
        (
            "Note: {$ref: \"#/components/schemas/A\"}\n    A: {oneOf: [{$ref: \"#/components/schemas/Note\"}]}",
            "made of itself",
        ),
    ] {
        let (before, after) = ACME.split_once("    Note:\n").unwrap();
        let (_, after) = after.split_once("    Refusal:\n").unwrap();
        let text = format!("{before}    {schema}\n    Refusal:\n{after}");
        let said = faults(&text);
        assert!(said.iter().any(|fault| fault.message.contains(says)), "{schema}: {said:#?}");
    }
    let chain: String = (0..100)
        .map(|index| format!("    C{index}: {{allOf: [{{$ref: \"#/components/schemas/C{}\"}}]}}\n", index + 1))
        .chain(["    C100: {type: string}\n".to_owned()])
        .collect();
    let said = faults(&format!("{ACME}{chain}"));
    assert!(said.iter().any(|fault| fault.message.contains("one after another")), "{said:#?}");
    let inner = format!("{}{{type: string}}{}", "{type: array, items: ".repeat(61), "}".repeat(61));
    let said = faults(&format!("{ACME}    Deep: {inner}\n"));
    assert!(said.iter().any(|fault| fault.message.contains("beyond 60 levels")), "{said:#?}");
}

fn read(text: &str) -> Result<Model, ledgerkey_codegen::Faults> {
    Source::parse("specs/acme.yaml", text).and_then(|source| Model::read(&source))
}

fn faults(text: &str) -> Vec<Fault> {
    match read(text) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().cloned().collect(),
    }
}
