//! BILL: who may sign in, which sessions live, and what one developer key may do in an hour. The operations are in the
//! modules below.

mod books;
mod described;
mod events;
mod lists;
mod looks;
mod mfa;
mod partner;
mod payments;
mod refusal;
mod seed;
mod sessions;
mod shelf;
mod spend;
mod v2;
mod v2_rows;
mod v3;

use std::collections::BTreeMap;

use crate::log::Under;
use crate::secrets::Secrets;
use crate::spec::Api;
use crate::time::{DAY, HOUR, MINUTE, Millis};
use crate::wire::{Call, Reply};
use crate::{Lock, Options};

pub use mfa::TextMessage;
pub(crate) use refusal::{Refusal, message};

use books::Books;
use sessions::{Kind, Login, Session};

/// All that BILL knows.
#[derive(Debug)]
pub(crate) struct Bill {
    options: Options,
    secrets: Secrets,
    dev_keys: Vec<String>,
    app_key: String,
    spend_token: String,
    logins: BTreeMap<String, Login>,
    organizations: BTreeMap<String, Organization>,
    sessions: BTreeMap<String, Session>,
    mfa: mfa::Mfa,
    spend: spend::Spend,
    partner: partner::Partner,
    counts: BTreeMap<(String, Millis), u32>,
    at_once: BTreeMap<(String, String), usize>,
    made_sessions: u64,
    pub texts: Vec<TextMessage>,
    /// Who the operation under way runs as.
    pub under: Under,
}

/// An organization, with books that are opened when somebody first looks.
#[derive(Debug)]
pub(crate) struct Organization {
    pub number: usize,
    pub name: String,
    pub locked: bool,
    pub opened: Millis,
    pub books: Option<Books>,
}

/// Simultaneous requests, by developer key and organization (BILL's page on API rate limits).
const AT_ONCE: usize = 3;
/// Calls and sign-ins an hour, by developer key (the same page).
const CALLS_AN_HOUR: u32 = 20_000;
const SIGN_INS_AN_HOUR: u32 = 200;
/// Texts and calls to phones, by developer key. Older copies of that page limit the requests, newer ones say that the messages go
/// out at this pace; the requests here, as a client must stand it. By what they are counted is not documented.
const MESSAGES_A_MINUTE: u32 = 5;
/// Spend & Expense, by token. Whether the minute is the clock's or slides is not documented; the clock's here.
const SPEND_CALLS_A_MINUTE: u32 = 60;

impl Bill {
    /// Carries out an operation of any of BILL's five APIs.
    pub(crate) fn act(&mut self, call: &Call) -> Reply {
        match call.api {
            Api::BillV2 => self.v2(call).unwrap_or_else(Refusal::v2),
            Api::BillSpend => self.spend(call).unwrap_or_else(|refusal| refusal.v3(call.now)),
            Api::BillPartner => self.partner(call).unwrap_or_else(|refusal| refusal.v3(call.now)),
            Api::BillEvents => self.events(call).unwrap_or_else(|refusal| refusal.v3(call.now)),
            Api::Bill | Api::Bezala => self.v3(call).unwrap_or_else(|refusal| refusal.v3(call.now)),
        }
    }

    /// Restarts a session's idle clock.
    pub(crate) fn touch(&mut self, session: &str, now: Millis) {
        if let Some(session) = self.sessions.get_mut(session) {
            session.last = now;
        }
    }

    /// Ends the session with this handle, or all of them.
    pub(crate) fn revoke(&mut self, handle: Option<&str>) -> usize {
        let before = self.sessions.len();
        self.sessions.retain(|_, session| handle.is_some_and(|handle| session.handle != handle));
        before - self.sessions.len()
    }

    /// Locks or unlocks.
    pub(crate) fn lock(&mut self, what: &Lock, locked: bool) -> bool {
        match what {
            Lock::Login(name) => self.logins.get_mut(name).map(|login| {
                login.locked = locked;
                login.failures = 0;
            }),
            Lock::Organization(id) => self.organizations.get_mut(id).map(|organization| organization.locked = locked),
        }
        .is_some()
    }

    /// Which of the places counted by developer key and organization this call takes; none where it belongs to neither.
    pub(crate) fn place(&self, call: &Call) -> Option<(String, String)> {
        if !self.options.concurrency_limit {
            return None;
        }
        let (key, session, organization) = match call.api {
            Api::Bill if call.op == "login" => {
                let body = call.object().ok()?;
                let text = |key: &str| body.get(key).and_then(|value| value.as_str()).map(str::to_owned);
                (text("devKey")?, None, text("organizationId"))
            }
            Api::Bill | Api::BillEvents => {
                (call.header("devkey")?.to_owned(), call.header("sessionid").map(str::to_owned), None)
            }
            Api::BillV2 => {
                let mut form = call.form();
                (form.remove("devKey")?, form.remove("sessionId"), form.remove("orgId"))
            }
            Api::BillSpend | Api::BillPartner | Api::Bezala => return None,
        };
        let of_session = || self.sessions.get(&session?)?.organization.clone();
        Some((key, organization.or_else(of_session)?))
    }

    /// Takes a place, if one is free.
    pub(crate) fn enter(&mut self, place: &(String, String)) -> bool {
        let taken = self.at_once.entry(place.clone()).or_default();
        let free = *taken < AT_ONCE;
        *taken += usize::from(free);
        free
    }

    /// Gives a place back.
    pub(crate) fn leave(&mut self, place: &(String, String)) {
        if let Some(taken) = self.at_once.get_mut(place) {
            *taken = taken.saturating_sub(1);
        }
    }

    /// Counts a call against the hour of its developer key.
    fn count_call(&mut self, key: &str, now: Millis) -> Result<(), Refusal> {
        self.count(format!("calls {key}"), now / HOUR, CALLS_AN_HOUR, "hour")
    }

    /// Counts a sign-in; v2's `ListOrgs` counts too.
    fn count_sign_in(&mut self, key: &str, now: Millis) -> Result<(), Refusal> {
        self.count_call(key, now)?;
        self.count(format!("sign-ins {key}"), now / HOUR, SIGN_INS_AN_HOUR, "hour")
    }

    fn count_message(&mut self, key: &str, now: Millis) -> Result<(), Refusal> {
        self.count(format!("messages {key}"), now / MINUTE, MESSAGES_A_MINUTE, "minute")
    }

    /// The limit is documented; how its refusal looks is not. Code and status are those of the other limits, by assumption.
    fn count_spend(&mut self, token: &str, now: Millis) -> Result<(), Refusal> {
        self.count(format!("spend {token}"), now / MINUTE, SPEND_CALLS_A_MINUTE, "minute")
    }

    fn count(&mut self, what: String, window: Millis, most: u32, span: &str) -> Result<(), Refusal> {
        if !self.options.rate_limits {
            return Ok(());
        }
        // No status is documented for this; 429 is one of those observed. Clients are to go by the code.
        let so_far = self.counts.entry((what, window)).or_default();
        *so_far = so_far.saturating_add(1);
        if *so_far > most {
            return Err(Refusal::new(
                429,
                "BDC_1144",
                &format!("Maximum number of allowed API calls per {span} reached: {most}"),
            ));
        }
        Ok(())
    }

    /// The books of an organization, which a session's organization always has.
    fn books(&mut self, organization: &str) -> Result<&mut Books, Refusal> {
        let organization = self.organizations.get_mut(organization).ok_or_else(|| Refusal::coded(401, "BDC_1123"))?;
        let (number, opened) = (organization.number, organization.opened);
        Ok(organization.books.get_or_insert_with(|| seed::books(number, opened)))
    }
}

/// How long a session of this kind may be idle.
fn idle_limit(kind: Kind) -> Millis {
    match kind {
        Kind::Sync => 2 * DAY,
        Kind::User | Kind::Console | Kind::Partner | Kind::AsUser => 35 * MINUTE,
    }
}
