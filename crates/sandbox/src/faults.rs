//! Faults that a test orders: what can go wrong between a client and a vendor, as data.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::spec::{Api, Routes};

/// A fault to lay on the next requests that fit.
///
/// As JSON it has `operation` (an id or `*`), perhaps `api`, perhaps `times` (a number or `"always"`, default 1), and exactly
/// one effect: `status` (with `code`, and `retry_after` in seconds), `drop` (`"before"` or `"after"` acting), `truncate` (to so many bytes),
/// `delay` (an ISO 8601 duration such as `"PT1S"`), `body` (with `content_type` and `status`) or `redirect`
/// (`{"status": 302, "location": URL}`, where 302 can be left out). Unknown fields are refused, and so are an API and an operation that there are not.
///
/// ```
/// use ledgerkey_sandbox::Fault;
/// let ordered: Fault = serde_json::from_str(r#"{"operation": "login", "status": 401, "code": "BDC_1101", "times": "always"}"#)?;
/// assert_eq!(ordered, Fault::status("login", 401).with_code("BDC_1101").always());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Fault {
    operation: String,
    api: Option<String>,
    effect: Effect,
    /// How often it still strikes; `None` is always.
    left: Option<u32>,
}

/// Before or after the vendor acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Moment {
    /// The request is lost: nothing was done.
    Before,
    /// The answer is lost: what was asked has been done.
    After,
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Status { status: u16, code: Option<String>, retry_after: Option<u64> },
    Drop(Moment),
    Truncate(usize),
    Delay(Duration),
    Body { status: u16, content_type: String, body: String },
    Redirect { status: u16, location: String },
}

impl Effect {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Drop(_) => "drop",
            Self::Truncate(_) => "truncate",
            Self::Delay(_) => "delay",
            Self::Body { .. } => "body",
            Self::Redirect { .. } => "redirect",
        }
    }
}

impl Fault {
    /// The vendor refuses with this status, in its own dialect; the request is not carried out.
    pub fn status(operation: &str, status: u16) -> Self {
        Self::new(operation, Effect::Status { status, code: None, retry_after: None })
    }

    /// The connection is closed without an answer, before or after the vendor acted.
    pub fn drop(operation: &str, moment: Moment) -> Self {
        Self::new(operation, Effect::Drop(moment))
    }

    /// The vendor acts; its answer breaks off after so many bytes of the body.
    pub fn truncate(operation: &str, bytes: usize) -> Self {
        Self::new(operation, Effect::Truncate(bytes))
    }

    /// The vendor acts, and answers so much later. A virtual clock is moved by this much at once; a real one waits.
    pub fn delay(operation: &str, by: Duration) -> Self {
        Self::new(operation, Effect::Delay(by))
    }

    /// Something between client and vendor answers with this body and status; the vendor never sees the request.
    pub fn body(operation: &str, status: u16, content_type: &str, body: &str) -> Self {
        Self::new(operation, Effect::Body { status, content_type: content_type.to_owned(), body: body.to_owned() })
    }

    /// The answer is a redirect to another address; the vendor never sees the request.
    pub fn redirect(operation: &str, status: u16, location: &str) -> Self {
        Self::new(operation, Effect::Redirect { status, location: location.to_owned() })
    }

    /// With this vendor code. It has no meaning for faults other than [`status`](Self::status), or for Bezala, which has no codes.
    #[must_use]
    pub fn with_code(mut self, with: &str) -> Self {
        if let Effect::Status { code, .. } = &mut self.effect {
            *code = Some(with.to_owned());
        }
        self
    }

    /// With a `Retry-After` of so many seconds; for [`status`](Self::status) only.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        if let Effect::Status { retry_after, .. } = &mut self.effect {
            *retry_after = Some(seconds);
        }
        self
    }

    /// Only for requests to this API; without it, any API that has the operation.
    #[must_use]
    pub fn of_api(mut self, api: &str) -> Self {
        self.api = Some(api.to_owned());
        self
    }

    /// Strikes so many times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }

    /// Strikes until the faults are cleared.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }

    fn new(operation: &str, effect: Effect) -> Self {
        Self { operation: operation.to_owned(), api: None, effect, left: Some(1) }
    }

    fn fits(&self, api: &str, operation: &str) -> bool {
        (self.operation == "*" || self.operation == operation) && self.api.as_deref().is_none_or(|only| only == api)
    }
}

/// The faults ordered and not yet used up, in the order in which they were ordered.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    ordered: Vec<Fault>,
}

impl Faults {
    pub(crate) fn order(&mut self, fault: Fault) {
        self.ordered.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.ordered.clear();
    }

    pub(crate) fn ordered(&self) -> &[Fault] {
        &self.ordered
    }

    /// The first fault that fits, once.
    pub(crate) fn take(&mut self, api: &str, operation: &str) -> Option<Effect> {
        self.ordered.retain(|fault| fault.left != Some(0));
        let fault = self.ordered.iter_mut().find(|fault| fault.fits(api, operation))?;
        if let Some(left) = &mut fault.left {
            *left -= 1;
        }
        let effect = fault.effect.clone();
        self.ordered.retain(|fault| fault.left != Some(0));
        Some(effect)
    }
}

/// A fault as it is written.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    operation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    api: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drop: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    truncate: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delay: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    redirect: Option<Redirect>,
    #[serde(default)]
    times: Times,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "{\"status\": 302, \"location\": URL}")]
struct Redirect {
    #[serde(default = "found")]
    status: u16,
    location: String,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged, expecting = "`times` is a number from 1, or \"always\"")]
enum Times {
    Number(u32),
    Word(String),
}

/// As serde says it of another type; an attribute takes no constant.
const TIMES: &str = "`times` is a number from 1, or \"always\"";

impl Default for Times {
    fn default() -> Self {
        Self::Number(1)
    }
}

fn found() -> u16 {
    302
}

impl TryFrom<Written> for Fault {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written {
            operation,
            api,
            status,
            code,
            retry_after,
            drop,
            truncate,
            delay,
            body,
            content_type,
            redirect,
            times,
        } = written;
        let alone = status.is_some() && body.is_none();
        let effects = [alone, drop.is_some(), truncate.is_some(), delay.is_some(), body.is_some(), redirect.is_some()];
        if effects.iter().filter(|there| **there).count() != 1 {
            return Err(
                "a fault has exactly one of `status`, `drop`, `truncate`, `delay`, `body` and `redirect`".to_owned()
            );
        }
        if !alone && (code.is_some() || retry_after.is_some()) {
            return Err("`code` and `retry_after` go with `status` alone".to_owned());
        }
        if content_type.is_some() && body.is_none() {
            return Err("`content_type` goes with `body`".to_owned());
        }
        for status in status.iter().chain(redirect.as_ref().map(|to| &to.status)) {
            if !(200..=599).contains(status) {
                return Err(format!("{status} is not a status that an answer can have (200 to 599)"));
            }
        }
        known(api.as_deref(), &operation)?;
        let effect = if let Some(moment) = drop {
            Effect::Drop(moment)
        } else if let Some(bytes) = truncate {
            Effect::Truncate(bytes)
        } else if let Some(delay) = delay {
            Effect::Delay(crate::time::duration(&delay)?)
        } else if let Some(body) = body {
            let content_type = content_type.unwrap_or_else(|| "application/json".to_owned());
            Effect::Body { status: status.unwrap_or(200), content_type, body }
        } else if let Some(to) = redirect {
            Effect::Redirect { status: to.status, location: to.location }
        } else {
            Effect::Status { status: status.unwrap_or(500), code, retry_after }
        };
        let left = match times {
            Times::Number(0) => return Err(TIMES.to_owned()),
            Times::Number(times) => Some(times),
            Times::Word(word) if word == "always" => None,
            Times::Word(_) => return Err(TIMES.to_owned()),
        };
        Ok(Self { operation, api, effect, left })
    }
}

/// Refuses what would never strike.
fn known(api: Option<&str>, operation: &str) -> Result<(), String> {
    let apis = Api::ALL.map(Api::name);
    if let Some(api) = api.filter(|api| !apis.contains(api)) {
        return Err(format!("`{api}` is not one of the APIs {}", apis.join(", ")));
    }
    let of_api = |of: Api| api.is_none_or(|api| api == of.name());
    let ids: Vec<&str> = Routes::load()?.operations().filter(|(of, _)| of_api(*of)).map(|(_, id)| id).collect();
    if operation == "*" || ids.contains(&operation) {
        return Ok(());
    }
    let likeness = |id: &str| strsim::jaro_winkler(&id.to_lowercase(), &operation.to_lowercase());
    let nearest = ids.into_iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other))).unwrap_or("*");
    Err(format!(
        "{} has no operation `{operation}`; did you mean `{nearest}`? `*` is all of them",
        api.unwrap_or("the sandbox")
    ))
}

impl From<Fault> for Written {
    fn from(fault: Fault) -> Self {
        let times = fault.left.map_or_else(|| Times::Word("always".to_owned()), Times::Number);
        let mut written = Self {
            operation: fault.operation,
            api: fault.api,
            status: None,
            code: None,
            retry_after: None,
            drop: None,
            truncate: None,
            delay: None,
            body: None,
            content_type: None,
            redirect: None,
            times,
        };
        match fault.effect {
            Effect::Status { status, code, retry_after } => {
                (written.status, written.code, written.retry_after) = (Some(status), code, retry_after);
            }
            Effect::Drop(moment) => written.drop = Some(moment),
            Effect::Truncate(bytes) => written.truncate = Some(bytes),
            Effect::Delay(by) => {
                written.delay = Some(format!("PT{}.{:03}S", by.as_secs(), by.subsec_millis()));
            }
            Effect::Body { status, content_type, body } => {
                (written.status, written.content_type, written.body) = (Some(status), Some(content_type), Some(body));
            }
            Effect::Redirect { status, location } => written.redirect = Some(Redirect { status, location }),
        }
        written
    }
}
