//! Writes the tables of this crate: each example of the specs with its type, and each operation with the arguments of an example call.
#![allow(clippy::expect_used, clippy::panic, reason = "a build script tells of what it cannot do by failing")]

#[path = "src/json.rs"]
#[allow(dead_code, unreachable_pub, reason = "the crate takes what is left of it")]
mod json;
#[path = "build/schema.rs"]
mod schema;
#[path = "build/yaml.rs"]
mod yaml;

use std::fmt::Write as _;

use json::{Json, join};
use ledgerkey_codegen::{Source, types_of};
use schema::{Places, Spec};
use serde_json::Value;

/// The spec, and where the library has what is generated from it.
const SPECS: [(&str, &str); 6] = [
    ("bezala", "::ledgerkey::bezala::api"),
    ("bill", "::ledgerkey::bill::api"),
    ("bill-v2", "::ledgerkey::bill::v2"),
    ("bill-spend", "::ledgerkey::bill::spend"),
    ("bill-partner", "::ledgerkey::bill::partner"),
    ("bill-events", "::ledgerkey::bill::events"),
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    let (mut rows, mut calls) = (String::new(), String::new());
    for (api, module) in SPECS {
        let path = format!("../../specs/{api}.yaml");
        println!("cargo:rerun-if-changed={path}");
        let text = std::fs::read_to_string(&path).expect("the spec can be read");
        let source = Source::parse(&path, &text).unwrap_or_else(|faults| panic!("{faults}"));
        let exact = yaml::read(&text);
        assert_eq!(
            serde_json::from_str::<Value>(&exact.to_string()).ok().as_ref(),
            Some(source.value()),
            "{path}: the readers of this crate and of the generator disagree"
        );
        let types = types_of(&source).unwrap_or_else(|faults| panic!("{faults}"));
        let mut tables =
            Tables { api, module, spec: Spec(source.value()), exact: &exact, rows: &mut rows, calls: &mut calls };
        for types in &types {
            tables.operation(&types.operation, types.request.as_deref(), types.answer.as_deref());
        }
    }
    let tables = format!(
        "/// Every example of every spec.\npub static ROWS: &[Row] = &[{rows}];\n\n\
         /// Every operation of every spec, with the arguments of an example call.\npub static CALLS: &[Call] = &[{calls}];\n"
    );
    let directory = std::env::var("OUT_DIR").expect("cargo says where");
    std::fs::write(format!("{directory}/tables.rs"), tables).expect("the tables can be written");
}

struct Tables<'a> {
    api: &'a str,
    module: &'a str,
    spec: Spec<'a>,
    exact: &'a Json,
    rows: &'a mut String,
    calls: &'a mut String,
}

impl Tables<'_> {
    fn operation(&mut self, id: &str, request: Option<&str>, answer: Option<&str>) {
        let (item, at) = self.spec.operation(id).expect("the generator has it out of the same spec");
        let body = request.and_then(|kind| {
            let at = self.spec.followed(&format!("{at}/requestBody"));
            self.media_type(id, "Request", kind, &at)
        });
        if let Some(kind) = answer {
            let responses = self.spec.at(&format!("{at}/responses")).as_object().into_iter().flat_map(|all| all.keys());
            let success = responses.into_iter().find(|status| status.starts_with('2')).expect("there is a success");
            let at = self.spec.followed(&format!("{at}/responses/{success}"));
            self.media_type(id, "Answer", kind, &at);
        }
        let params = self.spec.params(&item, &at);
        let (api, body) = (self.api, body.map(|body| body.to_string()));
        writeln!(self.calls, "Call {{ api: {api:?}, operation: {id:?}, params: &{params:?}, body: {body:?} }},")
            .expect("a text takes all");
    }

    /// Writes the rows of one body, and gives its first example.
    fn media_type(&mut self, id: &str, part: &str, kind: &str, at: &str) -> Option<Json> {
        let content = self.spec.at(&format!("{at}/content")).as_object()?;
        let media = join(&format!("{at}/content"), content.keys().next()?);
        let one = format!("{media}/example");
        let several = self.spec.at(&format!("{media}/examples")).as_object().into_iter().flat_map(|all| all.keys());
        let several = several.map(|name| format!("{}/value", join(&format!("{media}/examples"), name)));
        let examples: Vec<&Json> =
            std::iter::once(one).chain(several).filter_map(|pointer| self.exact.at(&pointer)).collect();
        let kind = format!("round_trip::<{}>", kind.replace("types ::", &format!("{}::types ::", self.module)));
        for example in &examples {
            let mut places = Places::default();
            self.spec.walk(&format!("{media}/schema"), example, "", &mut places);
            let Places { nulls, objects, enums } = places;
            let (api, text) = (self.api, example.to_string());
            writeln!(
                self.rows,
                "Row {{ api: {api:?}, operation: {id:?}, part: Part::{part}, example: {text:?}, round_trip: {kind}, \
                 nulls: &{nulls:?}, objects: &{objects:?}, enums: &{enums:?} }},"
            )
            .expect("a text takes all");
        }
        examples.first().copied().cloned()
    }
}
