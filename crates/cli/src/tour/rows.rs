//! The rows of the tour, as data: which way to sign in, how its session is lost, and what is called.

use std::time::Duration;

use super::calls::Typed;

/// A row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) number: u8,
    pub(super) vendor: &'static str,
    /// What the row is called.
    pub(super) label: &'static str,
    /// The API whose sign-in call it is.
    pub(super) api: &'static str,
    /// The ways, by the names that `call --way` takes; each goes through the whole story.
    pub(super) ways: &'static [&'static str],
    pub(super) loss: Loss,
    pub(super) story: Story,
}

/// How a session is lost.
#[derive(Debug, Clone, Copy)]
pub(super) enum Loss {
    /// It is idle for this long.
    Idle(Duration),
    /// The vendor revokes it.
    Revoked,
}

/// What happens in a row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Story {
    /// These calls, loss, the same calls, sign-out.
    Calls(&'static [Typed]),
    /// A payment that needs MFA, refused, made, and made again by the session that follows.
    Trust,
    /// Two companies at once.
    Companies,
}

/// A little more than BILL's 35 minutes.
const IDLE_OUT: Loss = Loss::Idle(Duration::from_secs(36 * 60));
/// A little more than the 48 hours of a sync token's session.
const IDLE_TWO_DAYS: Loss = Loss::Idle(Duration::from_secs(49 * 3600));

const V3: Story = Story::Calls(&[Typed::V3Vendors]);
const V2_AND_V3: Story = Story::Calls(&[Typed::V2Vendors, Typed::V3Vendors]);

const fn bill(
    number: u8,
    label: &'static str,
    api: &'static str,
    ways: &'static [&'static str],
    loss: Loss,
    story: Story,
) -> Row {
    Row { number, vendor: "BILL", label, api, ways, loss, story }
}

const fn bezala(number: u8, label: &'static str, ways: &'static [&'static str], story: Story) -> Row {
    Row { number, vendor: "Bezala", label, api: "bezala", ways, loss: Loss::Revoked, story }
}

/// Every way to sign in that the two vendors have.
pub(super) static ROWS: &[Row] = &[
    bill(1, "developer-key", "bill", &["developer-key"], IDLE_OUT, V3),
    bill(2, "sync-token", "bill", &["sync-token"], IDLE_TWO_DAYS, V3),
    bill(3, "sync-token (v2)", "bill-v2", &["sync-token"], IDLE_TWO_DAYS, V2_AND_V3),
    bill(4, "console-token (v2)", "bill-v2", &["console-token"], IDLE_OUT, V2_AND_V3),
    bill(5, "console-token", "bill", &["console-token"], IDLE_OUT, V3),
    bill(6, "api-token", "bill-spend", &["api-token"], IDLE_TWO_DAYS, Story::Calls(&[Typed::Budgets])),
    bill(7, "partner-key", "bill-partner", &["partner-key"], IDLE_OUT, Story::Calls(&[Typed::Organizations])),
    bill(8, "partner-user", "bill", &["partner-user"], IDLE_OUT, V3),
    bill(9, "developer-key with MFA", "bill", &["developer-key"], IDLE_OUT, Story::Trust),
    bezala(10, "password", &["password"], Story::Calls(&[Typed::Accounts])),
    bezala(11, "google/microsoft/okta", &["google", "microsoft", "okta"], Story::Calls(&[Typed::Accounts])),
    bezala(12, "password, two companies", &["password"], Story::Companies),
];
