//! What a spec says, once it has passed every lint: plain data for the generator to write down.
//!
//! The words are those of `EXTENSIONS.md`; what each means for a call is told there.

use std::time::Duration;

use serde_json::Value;

use crate::fault::Faults;
use crate::source::Source;

/// One API: the facts of its spec beyond what the generator of clients reads itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The name of the API: the name of the spec's file without its ending.
    pub name: String,
    /// `info.title`.
    pub title: String,
    /// `x-sign-in`, in the order of the spec; the first is the default.
    pub ways: Vec<Way>,
    /// `x-answers`; all empty where the spec has none.
    pub answers: Answers,
    /// `x-limits`.
    pub limits: Vec<Limit>,
    /// `x-company`.
    pub company: Option<Company>,
    /// `components.securitySchemes`, in the order of the spec.
    pub schemes: Vec<Scheme>,
    /// Every operation, in the order of the spec.
    pub operations: Vec<Operation>,
}

impl Model {
    /// Lints a spec and reads its model.
    ///
    /// # Errors
    /// Every fault of the spec at once, not only the first.
    pub fn read(source: &Source) -> Result<Self, Faults> {
        crate::lint::read(source)
    }

    /// The operation with this `operationId`.
    #[must_use]
    pub fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }
}

/// A way to get a session: one entry of `x-sign-in`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Way {
    /// Its name, in kebab-case.
    pub name: String,
    /// What the vendor calls it.
    pub summary: String,
    /// The call that signs in; none where the credential itself goes with each call.
    pub operation: Option<String>,
    /// Where the answer carries the session; there exactly if `operation` is.
    pub session: Option<String>,
    /// Where the answer says whether the session is MFA-trusted.
    pub trusted: Option<String>,
    /// Where the answer tells the user's id.
    pub user: Option<String>,
    /// The schemes that calls made in this session can present.
    pub provides: Vec<String>,
    /// The vendor ends a session that has been idle for this long.
    pub idle: Option<Duration>,
    /// The call that ends the session.
    pub sign_out: Option<String>,
    /// Operations that the vendor refuses to sessions of this kind.
    pub denies: Vec<String>,
    /// Where the vendor says so.
    pub source: String,
}

/// `x-answers`: how an answer is read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answers {
    /// What makes an answer a success whatever its status.
    pub success: Option<Success>,
    /// Where the refusals stand: an object, or an array of objects.
    pub errors: String,
    /// The vendor's code within one refusal.
    pub code: Option<String>,
    /// The text within one refusal: the first of these that is there.
    pub message: Vec<String>,
    /// The session is not alive any more.
    pub dead_session: Vec<Rule>,
    /// The session lives but is not MFA-trusted.
    pub untrusted: Vec<Rule>,
    /// The login or the organization is locked.
    pub locked_out: Vec<Rule>,
    /// Too many calls.
    pub rate_limited: Vec<Rule>,
    /// A fault of the vendor's that may pass by itself.
    pub passing: Vec<Rule>,
}

/// An answer is a success only if its JSON body carries `is` at `at`.
#[derive(Debug, Clone, PartialEq)]
pub struct Success {
    /// A JSON pointer into the body.
    pub at: String,
    /// Text or a number.
    pub is: Value,
}

/// A rule of `x-answers`: at least one of its two fields is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The vendor's code.
    pub code: Option<String>,
    /// The HTTP status, 100 to 599.
    pub status: Option<u16>,
}

/// How much the vendor allows: one entry of `x-limits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its name.
    pub name: String,
    /// What the vendor counts by: names of schemes, or `organization`.
    pub by: Vec<String>,
    /// What is limited, and how far.
    pub allows: Allows,
    /// Only these operations count; none: all do.
    pub operations: Option<Vec<String>>,
    /// The vendor's code for a refusal by this limit.
    pub refused_with: Option<String>,
    /// Where the vendor says so.
    pub source: String,
}

/// What a limit allows; no number or time in it is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allows {
    /// So many calls under way at one time.
    AtOnce(u32),
    /// So many calls within a time.
    Rate {
        /// How many calls.
        most: u32,
        /// Within what time.
        per: Duration,
        /// How that time is counted.
        window: Window,
    },
}

/// How the time of a rate is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Window {
    /// Anew with each whole `per` of UTC.
    Clock,
    /// Back from now.
    #[default]
    Sliding,
}

/// `x-company`: state on the server that all sessions of a user share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    /// The operation that selects the company.
    pub switch: String,
    /// Where to ask which is selected: the first answer that carries it. Never empty.
    pub current: Vec<CurrentCompany>,
}

/// One place that tells which company is selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentCompany {
    /// The operation to ask.
    pub operation: String,
    /// Where its answer tells.
    pub at: String,
}

/// One of `components.securitySchemes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    /// Its key in the spec.
    pub name: String,
    /// Where a request carries it.
    pub place: SchemePlace,
}

/// Where a request carries a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemePlace {
    /// In the header of this name.
    Header(String),
    /// In `Authorization`, after `Bearer `.
    Bearer,
    /// In this field of the form body.
    Form(String),
}

/// One operation of the spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// `operationId`, as the spec spells it.
    pub id: String,
    /// The HTTP method.
    pub method: Method,
    /// The path as the vendor writes it, with its `{parameters}`.
    pub path: String,
    /// One line.
    pub summary: String,
    /// `description`, where there is one.
    pub description: Option<String>,
    /// Its one tag.
    pub tag: String,
    /// `x-source`.
    pub source: String,
    /// Alternatives, each the names of schemes to present together. Empty: the operation needs none.
    pub security: Vec<Vec<String>>,
    /// Whether it may be sent again when nobody knows what became of the first try.
    pub replay: Replay,
    /// Needs an MFA-trusted session.
    pub trust: bool,
    /// The least role of the user.
    pub role: Option<String>,
    /// How its pages follow each other, where it lists.
    pub paging: Option<Paging>,
    /// What it can be filtered and sorted by, where that is known.
    pub search: Option<Search>,
    /// Its parameters, those of its path included, in the order of the spec.
    pub params: Vec<Param>,
    /// How its request body is written, where it has one; a body is always asked for.
    pub body: Option<BodyKind>,
    /// What a success carries.
    pub answer: Answer,
    /// Where the operation stands in the spec: a JSON pointer such as `/paths/~1v3~1login/post`.
    pub pointer: String,
}

/// An HTTP method. OpenAPI's OPTIONS and TRACE are refused: the HTTP client has no call for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all there is")]
pub enum Method {
    Get,
    Put,
    Post,
    Delete,
    Head,
    Patch,
}

impl Method {
    /// Every method, as a path item spells it.
    pub const ALL: [(&'static str, Self); 6] = [
        ("get", Self::Get),
        ("put", Self::Put),
        ("post", Self::Post),
        ("delete", Self::Delete),
        ("head", Self::Head),
        ("patch", Self::Patch),
    ];

    /// As HTTP spells it: `GET`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
            Self::Patch => "PATCH",
        }
    }
}

/// Whether a call of unknown fate may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// It may.
    Safe,
    /// It may, with the same idempotent key; with another it would act once more.
    Keyed,
    /// It must not.
    Never,
}

/// `x-paging`: how pages follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    /// What leads to the next page.
    pub style: PagingStyle,
    /// Where the rows stand in the answer.
    pub items: String,
    /// The parameter that takes the token, the page number or the offset.
    pub into: String,
    /// Where the next token stands; there exactly if the style is `Token`.
    pub next: Option<String>,
    /// Where the answer tells how many pages there are; only with the style `Page`.
    pub total_pages: Option<String>,
    /// The parameter that takes the number of rows a page.
    pub size: Option<String>,
    /// The largest page. Never zero.
    pub most: u32,
    /// The form field whose JSON text holds `into` and `size`; only with the style `Offset`.
    pub inside: Option<String>,
}

/// `x-search`: what a list can be filtered and sorted by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// The fields to filter by, each with its comparisons; none: any.
    pub filter: Vec<(String, Vec<String>)>,
    /// The fields to sort by.
    pub sort: Vec<String>,
    /// By how many of them at a time; none: as many as one likes.
    pub sort_most: Option<u32>,
}

/// The comparisons, as the vendor and as Rust spell them.
pub(crate) const FILTER_OPS: [(&str, &str); 9] = [
    ("eq", "Eq"),
    ("ne", "Ne"),
    ("gt", "Gt"),
    ("gte", "Gte"),
    ("lt", "Lt"),
    ("lte", "Lte"),
    ("in", "In"),
    ("nin", "Nin"),
    ("sw", "Sw"),
];

/// What leads to the next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagingStyle {
    /// A token out of the answer.
    Token,
    /// A page number, from 1.
    Page,
    /// The number of rows before the page.
    Offset,
}

/// A parameter of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Its name on the wire.
    pub name: String,
    /// Where it goes.
    pub place: ParamPlace,
    /// Whether a call must give it.
    pub required: bool,
    /// What it is, where the spec says.
    pub description: Option<String>,
}

/// Where a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamPlace {
    /// Into the path.
    Path,
    /// Into the query.
    Query,
    /// Into a header.
    Header,
}

/// How the body of a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Multipart,
    /// `application/octet-stream`.
    Binary,
}

/// What a success carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing that is read.
    None,
    /// JSON of the operation's one success type.
    Json,
    /// Bytes as they come.
    Bytes,
}
