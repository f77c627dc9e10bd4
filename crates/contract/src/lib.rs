//! Every example of the specs, beside the functions that decode and encode it as the type of its operation; and every operation, with the
//! arguments of an example call.
//!
//! The tables are written by this crate's `build.rs`, from the specs and from what `ledgerkey-codegen` says of the types. Two things go over
//! them: the tests of this crate, which hold the examples against the types, and its program, which calls every operation at servers that
//! were made from the specs by others (`docs/contract.md`).

pub mod compare;
pub mod json;
mod read;

/// What an example is an example of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The body of a request.
    Request,
    /// The body of a success.
    Answer,
}

/// One example.
#[derive(Debug)]
pub struct Row {
    /// The name of the API.
    pub api: &'static str,
    /// The `operationId`.
    pub operation: &'static str,
    /// Which body of the operation's.
    pub part: Part,
    /// The example, as JSON with the digits that the spec has.
    pub example: &'static str,
    /// Decodes JSON as the operation's type, and encodes that; else says where it does not fit.
    pub round_trip: fn(&str) -> Result<String, String>,
    /// Pointers to the nulls of the example that the schema allows.
    pub nulls: &'static [&'static str],
    /// Pointers to the objects of the example that may come with fields which nobody knows.
    pub objects: &'static [&'static str],
    /// Pointers to the texts of the example that are values of an enum.
    pub enums: &'static [&'static str],
}

impl Row {
    /// What it is called in a message.
    pub fn name(&self) -> String {
        let part = match self.part {
            Part::Request => "request",
            Part::Answer => "answer",
        };
        format!("{}/{} {part}", self.api, self.operation)
    }
}

/// The arguments of an example call.
#[derive(Debug)]
pub struct Call {
    /// The name of the API.
    pub api: &'static str,
    /// The `operationId`.
    pub operation: &'static str,
    /// Every parameter of the path, the query and the headers.
    pub params: &'static [(&'static str, &'static str)],
    /// The example of its body, where that is JSON or a form.
    pub body: Option<&'static str>,
}

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

/// Decodes as `T` and encodes that.
fn round_trip<T: serde::Serialize + serde::de::DeserializeOwned>(json: &str) -> Result<String, String> {
    // The same way as the library reads an answer; with it these functions share what the compiler has made of the library already.
    let mut reader = serde_json::Deserializer::from_slice(json.as_bytes());
    let value: T = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| format!("at `{}`: {}", error.path(), error.inner()))?;
    reader.end().map_err(|error| error.to_string())?;
    serde_json::to_string(&value).map_err(|error| format!("encoding: {error}"))
}
