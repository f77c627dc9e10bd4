//! What the specs say about each API, as data.
//!
//! `ledgerkey-codegen` writes one [`Api`] beside each generated client, and everything above reads it:
//! which header carries the session, how long it may idle, which answer means that it died, what may be sent twice. None
//! of these facts stands anywhere else, so a spec that changes changes the behaviour with it.
//!
//! The types are plain and `'static`; they are documented where they are written, in the list of a spec's extensions that
//! `ledgerkey-codegen` carries.

use std::time::Duration;

pub use http::HeaderName;

/// One spec: an API of a vendor.
#[derive(Debug)]
pub struct Api {
    /// The name of the spec's file without its ending, such as `bill-v2`.
    pub name: &'static str,
    /// The spec's `info.title`.
    pub title: &'static str,
    /// The ways to sign in; the first is the default of the command line.
    pub ways: &'static [Way],
    /// How an answer is read.
    pub answers: Answers,
    /// How much the vendor allows.
    pub limits: &'static [Limit],
    /// Which calls read and change the company that the vendor keeps on the user's record.
    pub company: Option<Company>,
    /// Every operation, in the spec's order.
    pub operations: &'static [&'static Operation],
}

impl Api {
    /// The operation with this id, spelled as in the spec.
    pub fn operation(&self, id: &str) -> Option<&'static Operation> {
        self.operations.iter().find(|operation| operation.id == id).copied()
    }

    /// The way to sign in with this name.
    pub fn way(&'static self, name: &str) -> Option<&'static Way> {
        self.ways.iter().find(|way| way.name == name)
    }
}

/// A way to get a session.
#[derive(Debug)]
pub struct Way {
    /// Its name in kebab-case, such as `sync-token`.
    pub name: &'static str,
    /// What the vendor calls it.
    pub summary: &'static str,
    /// The operation that signs in; `None` where the credential goes with each call.
    pub operation: Option<&'static str>,
    /// JSON pointer to the session in the answer.
    pub session: &'static str,
    /// JSON pointer to the answer's word on MFA trust.
    pub trusted: Option<&'static str>,
    /// JSON pointer to the user's id in the answer.
    pub user: Option<&'static str>,
    /// The security schemes that calls of this session can present.
    pub provides: &'static [&'static str],
    /// The vendor ends a session that has been idle for this long.
    pub idle: Option<Duration>,
    /// The operation that ends the session.
    pub sign_out: Option<&'static str>,
    /// Where the vendor says so.
    pub source: &'static str,
}

/// How the answers of an API are read.
#[derive(Debug)]
pub struct Answers {
    /// An answer is a success only if its body carries this text or number at this pointer.
    pub success: Option<(&'static str, &'static str)>,
    /// JSON pointer to the refusals: an object, or an array of them.
    pub errors: &'static str,
    /// JSON pointer to the code within a refusal.
    pub code: Option<&'static str>,
    /// JSON pointers to the text within a refusal; the first that is there.
    pub message: &'static [&'static str],
    /// The session is dead; refused before acting.
    pub dead_session: &'static [Rule],
    /// The session lives but is not MFA-trusted.
    pub untrusted: &'static [Rule],
    /// The login or the organization is locked.
    pub locked_out: &'static [Rule],
    /// Too many calls; refused before acting.
    pub rate_limited: &'static [Rule],
    /// A fault of the vendor's that may pass.
    pub passing: &'static [Rule],
}

/// A test that an answer passes or not. A rule with a code is held against every refusal in the answer; a rule with a status
/// alone decides only where the answer carries no code.
#[derive(Debug)]
pub struct Rule {
    /// The HTTP status.
    pub status: Option<u16>,
    /// The vendor's code.
    pub code: Option<&'static str>,
}

/// A limit on the number of calls.
#[derive(Debug)]
pub struct Limit {
    /// Its name, unique in the API.
    pub name: &'static str,
    /// What the vendor counts by: names of security schemes, or `organization`.
    pub by: &'static [&'static str],
    /// How many.
    pub quota: Quota,
    /// The operations that count; empty: all.
    pub operations: &'static [&'static str],
    /// The vendor's code for a refusal by this limit.
    pub refused_with: Option<&'static str>,
}

/// How many calls a limit allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// So many under way at one time.
    AtOnce(u32),
    /// So many within a time.
    Within {
        /// The number of calls.
        most: u32,
        /// The time.
        per: Duration,
        /// Whether the count starts anew with each whole `per` of UTC, or slides.
        clock: bool,
    },
}

/// The calls that read and change a company kept on the vendor's side.
#[derive(Debug)]
pub struct Company {
    /// The operation that selects the company.
    pub switch: &'static str,
    /// Operations that tell the current company, each with the pointer to its id.
    pub current: &'static [(&'static str, &'static str)],
}

/// One operation of a spec.
pub struct Operation {
    /// The name of its API.
    pub api: &'static str,
    /// The `operationId`, as the spec spells it.
    pub id: &'static str,
    /// The HTTP method, in capitals.
    pub method: &'static str,
    /// The path with its parameters in braces, as the vendor writes it.
    pub path: &'static str,
    /// One line on what it does.
    pub summary: &'static str,
    /// Where the vendor documents it.
    pub source: &'static str,
    /// Which sets of credentials it takes: one of the sets, all of its members. Empty: it takes none.
    pub security: &'static [&'static [&'static Scheme]],
    /// The ways whose sessions the vendor refuses here: such a call is never sent.
    pub denied: &'static [&'static str],
    /// It may be sent again when nobody knows what became of the first try.
    pub replay_safe: bool,
    /// It may be sent again with the same idempotent key only; with another it would act once more.
    pub keyed: bool,
    /// It needs an MFA-trusted session.
    pub trust: bool,
    /// The least role of the user.
    pub role: Option<&'static str>,
    /// Whether it runs within a company, where the API keeps one.
    pub in_company: bool,
    /// How its pages follow each other, where it lists.
    pub paging: Option<Paging>,
    /// Its parameters, and the fields of its form.
    pub params: &'static [Param],
    /// What it takes as a body.
    pub body: Body,
    /// What it answers with.
    pub answer: Answer,
    /// The rest of the API's facts.
    pub facts: &'static Api,
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without `facts`, which leads back here.
        write!(f, "{}/{} ({} {})", self.api, self.id, self.method, self.path)
    }
}

/// A security scheme: what is presented, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    /// Its name in the spec.
    pub name: &'static str,
    /// Where it goes.
    pub place: Place,
}

/// Where a credential is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The header of this name.
    Header(HeaderName),
    /// `Authorization: Bearer`.
    Bearer,
    /// The field of this name in the form body.
    Form(&'static str),
}

/// How the pages of a list follow each other.
#[derive(Debug)]
pub struct Paging {
    /// What leads to the next page.
    pub style: PagingStyle,
    /// JSON pointer to the rows.
    pub items: &'static str,
    /// The parameter that takes the token, the page number or the offset.
    pub into: &'static str,
    /// The parameter that takes the number of rows a page.
    pub size: Option<&'static str>,
    /// The largest page.
    pub most: u32,
}

/// What leads to the next page of a list.
#[derive(Debug)]
pub enum PagingStyle {
    /// A token in the answer, at this pointer; absent or null on the last page.
    Token(&'static str),
    /// A page number from 1. With a pointer, the answer tells how many pages there are; without, a short page is the last.
    Page(Option<&'static str>),
    /// A row number from 0, within a JSON object that is the text of this form field. A short page is the last.
    Offset(Option<&'static str>),
}

/// A parameter of an operation.
#[derive(Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Where it goes.
    pub place: ParamPlace,
    /// Whether the vendor demands it.
    pub required: bool,
}

/// Where a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamPlace {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
    /// In the form that is the body.
    Form,
}

/// What an operation takes as its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    None,
    /// JSON.
    Json,
    /// A form, url-encoded.
    Form,
    /// A multipart form.
    Multipart,
    /// Bytes as they are.
    Binary,
}

/// What an operation answers with.
#[derive(Clone, Copy)]
pub enum Answer {
    /// Nothing that is read.
    None,
    /// JSON; the function tries to decode it as the generated type, and tells the JSON path where that fails.
    Json(fn(&[u8]) -> Result<(), crate::error::Mismatch>),
    /// Bytes, such as a PDF.
    Bytes,
}
