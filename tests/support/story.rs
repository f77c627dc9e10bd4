//! A story as a file holds it.

use ledgerkey_sandbox::Fault;
use serde::Deserialize;
use serde_json::{Value, from_value};

/// A story.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Story {
    pub(crate) name: String,
    pub(crate) api: String,
    pub(crate) way: Option<String>,
    pub(crate) steps: Vec<Value>,
}

impl Story {
    /// Its steps.
    ///
    /// # Errors
    /// Which step cannot be read, and why.
    pub(crate) fn steps(&self) -> Result<Vec<Step>, String> {
        let read = |(number, step): (usize, &Value)| {
            Step::read(step.clone()).map_err(|words| format!("step {}: {words}", number + 1))
        };
        self.steps.iter().enumerate().map(read).collect()
    }
}

/// A step: one of these, told apart by the field that each has and no other.
pub(crate) enum Step {
    Call(Call),
    Interleave(Interleave),
    Advance(Advance),
    SetBack(SetBack),
    Revoke(RevokeStep),
    Fault(FaultStep),
    ClearFaults(ClearFaults),
    Acted(Acted),
    Lock(LockStep),
    Password(PasswordStep),
    Outside(Outside),
    SignOut(SignOut),
}

impl Step {
    /// By its field first, so that what is wrong with the others can be told.
    fn read(step: Value) -> Result<Self, String> {
        type Read = fn(Value) -> serde_json::Result<Step>;
        let kinds: [(&str, Read); 12] = [
            ("call", |step| from_value(step).map(Step::Call)),
            ("interleave", |step| from_value(step).map(Step::Interleave)),
            ("advance", |step| from_value(step).map(Step::Advance)),
            ("set_back", |step| from_value(step).map(Step::SetBack)),
            ("revoke", |step| from_value(step).map(Step::Revoke)),
            ("fault", |step| from_value(step).map(Step::Fault)),
            ("clear_faults", |step| from_value(step).map(Step::ClearFaults)),
            ("acted", |step| from_value(step).map(Step::Acted)),
            ("lock", |step| from_value(step).map(Step::Lock)),
            ("password", |step| from_value(step).map(Step::Password)),
            ("switch_outside", |step| from_value(step).map(Step::Outside)),
            ("sign_out", |step| from_value(step).map(Step::SignOut)),
        ];
        match kinds.iter().find(|(field, _)| step.get(field).is_some()) {
            Some((_, read)) => read(step).map_err(|error| error.to_string()),
            None => Err(format!("it has none of {}", kinds.map(|(field, _)| field).join(", "))),
        }
    }
}

/// That what is wrong with a step is told by its number and its field.
pub(crate) fn mistakes_are_named() -> Result<(), String> {
    for (step, wanted) in [
        (r#"{"call": "listVendors", "expect": "ok", "time": 2}"#, "step 2: unknown field `time`"),
        (r#"{"call": "listVendors"}"#, "step 2: missing field `expect`"),
        (r#"{"fault": {"operation": "login", "stat": 401}}"#, "step 2: "),
        (r#"{"advanced": "PT1M"}"#, "step 2: it has none of call, "),
    ] {
        let text = format!(r#"{{"name": "n", "api": "bill", "steps": [{{"advance": "PT1M"}}, {step}]}}"#);
        let story: Story = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        match story.steps() {
            Err(words) if words.starts_with(wanted) => {}
            Err(words) => return Err(format!("{step}: {words}")),
            Ok(_) => return Err(format!("{step} was read")),
        }
    }
    Ok(())
}

/// `times` calls that start together. `expect` is `ok` or an error's kind and holds for each of them. Of `cancel` of them the caller goes away as
/// soon as a sign-in has arrived at the vendor's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    pub(crate) call: String,
    #[serde(default)]
    pub(crate) params: std::collections::BTreeMap<String, serde_json::Value>,
    pub(crate) body: Option<serde_json::Value>,
    #[serde(default = "once")]
    pub(crate) times: usize,
    #[serde(default)]
    pub(crate) cancel: usize,
    pub(crate) expect: String,
    pub(crate) code: Option<String>,
    pub(crate) sign_ins: Option<u64>,
}

/// `times` calls that start together, in turn one of these, each in a company of its own; the sandbox's log must show each in its company.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Interleave {
    pub(crate) interleave: Vec<InCompany>,
    pub(crate) times: usize,
    pub(crate) expect: String,
    pub(crate) sign_ins: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InCompany {
    pub(crate) call: String,
    /// The name of the credential that holds the company's id.
    pub(crate) company: String,
    pub(crate) body: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Advance {
    pub(crate) advance: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetBack {
    pub(crate) set_back: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeStep {
    pub(crate) revoke: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultStep {
    pub(crate) fault: Fault,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClearFaults {
    pub(crate) clear_faults: bool,
}

/// How often the sandbox really performed the operation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acted {
    pub(crate) acted: String,
    pub(crate) count: u64,
}

/// Locks the login or the organization that this credential names; with `locked: false` unlocks it, and the client is told to try again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockStep {
    pub(crate) lock: String,
    #[serde(default = "yes")]
    pub(crate) locked: bool,
}

/// Changes the Bezala service user's password at Bezala.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordStep {
    pub(crate) password: String,
}

/// Somebody switches the Bezala user's company in the web interface.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outside {
    pub(crate) switch_outside: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignOut {
    pub(crate) sign_out: bool,
}

fn once() -> usize {
    1
}

fn yes() -> bool {
    true
}
