//! What BILL's modules do not say of an operation, its description does: the rules above all operations, the operations that
//! nobody wrote by hand, and how their answers and refusals read.

use serde_json::{Value, json};

use super::books::{Books, Shelf};
use super::partner::Partner;
use super::sessions::{Kind, Who, success};
use super::spend::Spend;
use super::{Bill, Refusal, lists, v2, v2_rows};
use crate::collection::Table;
use crate::generic::{Done, Own, Shelves, Store, Work, Wrong, fresh_like};
use crate::secrets::Secrets;
use crate::spec::{Api, Body, Deed, Description, Manner, Operation, Routes, What};
use crate::wire::{Call, Reply, Row};

type Described = (&'static Description, &'static Operation);

/// What a bulk call of v2 takes at most, by the description.
const BULK: usize = 100;

impl Bill {
    /// What the description refuses to a session whatever the call: to a sync token's, to one that MFA did not make trusted, to a
    /// user of another role.
    pub(super) fn permit(&mut self, call: &Call, who: &Who) -> Result<(), Refusal> {
        let (description, operation) = described(call)?;
        // The code of the refusal is not documented.
        if who.kind == Kind::Sync && description.denied.contains(&operation.id) {
            return Err(Refusal::coded(403, "BDC_1302"));
        }
        if operation.trust && self.options.mfa_for_payments && !who.trusted {
            return Err(Refusal::coded(403, "BDC_1361"));
        }
        // Of what role a person is that a partner acts as, the partner's users say; the others here are administrators.
        if let Some(role) = &operation.role
            && who.kind == Kind::AsUser
            && self.partner.role(&who.organization, &who.user).as_deref() != Some(role)
        {
            return Err(Refusal::new(403, "BDC_1302", &format!("Operation is for the role {role}.")));
        }
        Ok(())
    }

    /// Counts a call that sends a message to somebody.
    fn count_sent(&mut self, call: &Call, who: &Who) -> Result<(), Refusal> {
        let (description, operation) = described(call)?;
        if !description.messages.contains(&operation.id) {
            return Ok(());
        }
        let key = self.sessions.get(&who.session).map(|session| session.key.clone()).unwrap_or_default();
        self.count_message(&key, call.now)
    }

    /// An operation of the organization that the session is in.
    pub(super) fn of_organization(&mut self, call: &Call, who: &Who) -> Result<Reply, Refusal> {
        self.count_sent(call, who)?;
        self.books(&who.organization)?;
        let organization = self.organizations.get_mut(&who.organization);
        let books = organization.and_then(|it| it.books.as_mut()).ok_or_else(|| Refusal::coded(401, "BDC_1123"))?;
        let mut shelves = OfOrganization { books, secrets: &mut self.secrets, who };
        v3(call, &mut shelves)
    }

    /// The same by v2: `data` has been taken out of its form.
    pub(super) fn of_organization_v2(&mut self, call: &Call, who: &Who, data: Option<Row>) -> Result<Reply, Refusal> {
        self.count_sent(call, who)?;
        self.books(&who.organization)?;
        let organization = self.organizations.get_mut(&who.organization);
        let books = organization.and_then(|it| it.books.as_mut()).ok_or_else(|| Refusal::coded(401, "BDC_1123"))?;
        let (description, operation) = described(call)?;
        let body = operation.body.as_ref().map(|body| description.schema(&body.schema));
        let needed = body.is_some_and(|body| body.required().contains(&"data"));
        if needed && data.is_none() {
            return Err(Refusal::missing("data"));
        }
        let within = |name: &str| data.as_ref().and_then(|data| data.get(name));
        match &operation.deed {
            Deed::Create { .. } | Deed::Change { .. } if !within("obj").is_some_and(Value::is_object) => {
                return Err(Refusal::missing("obj"));
            }
            Deed::Many { manner, .. } => {
                let all = within("bulk").and_then(Value::as_array).ok_or_else(|| Refusal::missing("bulk"))?;
                let whole = |one: &Value| *manner != Manner::Create || one.get("obj").is_some_and(Value::is_object);
                if all.len() > BULK || !all.iter().all(whole) {
                    return Err(Refusal::value(&format!("bulk takes up to {BULK} elements, each with obj.")));
                }
            }
            _ => {}
        }
        let data = data.unwrap_or_default();
        let window = match operation.deed {
            Deed::List { .. } => v2::window(&data)?,
            _ => None,
        };
        v2_rows::known(books);
        v2_rows::before(operation, books, window.as_ref());
        let mut shelves = OfOrganization { books, secrets: &mut self.secrets, who };
        let given = Some(Value::Object(data.clone()));
        let work = Work { description, operation, call, given, window: window.clone(), shelves: &mut shelves };
        let (done, _) = work.perform()?;
        v2_rows::after(operation, books, call.now)?;
        let answer = operation.answer.as_ref().map(|answer| &answer.example);
        let enveloped = answer.and_then(|example| example.get("response_data"));
        let page = |rows| if window.is_some() { Ok(rows) } else { v2::page(&data, &Table { rows }) };
        Ok(match (done, enveloped) {
            (Done::Rows(rows), Some(Value::Array(_))) => success(&json!(page(rows)?)),
            (Done::Rows(rows), enveloped) => {
                // One list within an object, as the payments of ListPayments.
                let page = page(rows)?;
                let mut within = enveloped.cloned().unwrap_or_else(|| json!({}));
                for value in within.as_object_mut().into_iter().flat_map(|row| row.values_mut()) {
                    if value.is_array() {
                        *value = json!(page);
                    }
                }
                success(&within)
            }
            (Done::Answer(answer), Some(_)) => success(&answer),
            (Done::Answer(answer), None) => Reply::done(200, &answer),
            (Done::Silence, _) => success(&json!({})),
        })
    }

    /// An operation of Spend & Expense, behind its token.
    pub(super) fn of_spend(&mut self, call: &Call) -> Result<Reply, Refusal> {
        v3(call, &mut OfSpend { spend: &mut self.spend, secrets: &mut self.secrets })
    }

    /// An operation of a partner, in its session.
    pub(super) fn of_partner(&mut self, call: &Call, organization: Option<&str>) -> Result<Reply, Refusal> {
        let organization = organization.unwrap_or_default().to_owned();
        v3(call, &mut OfPartner { partner: &mut self.partner, secrets: &mut self.secrets, organization })
    }
}

pub(super) fn described(call: &Call) -> Result<Described, Refusal> {
    Routes::operation(call.api, &call.op).ok_or_else(|| Refusal::coded(404, "BDC_1121"))
}

fn v3(call: &Call, shelves: &mut dyn Shelves) -> Result<Reply, Refusal> {
    let (description, operation) = described(call)?;
    let json = operation.body.as_ref().is_some_and(Body::json) && !call.body.is_empty();
    let read = || serde_json::from_slice(&call.body).map_err(|why| unreadable(&why.to_string()));
    let given = if json { Some(read()?) } else { None };
    let (done, again) = Work { description, operation, call, given, window: None, shelves }.perform()?;
    let reply = done.reply(operation, |rows| listed(call, (description, operation), rows))?;
    Ok(Reply { acted: !again, ..reply })
}

/// A list in the form of its answer, filtered, sorted and cut as those that were written by hand.
fn listed(call: &Call, (description, operation): Described, rows: Vec<Row>) -> Result<Reply, Refusal> {
    let table = Table { rows };
    let answer = match &operation.paging {
        Some(_) if call.api == Api::BillSpend => lists::spend(call, &table)?,
        _ if operation.takes("page") || operation.takes("filters") => lists::accounts(call, &table)?,
        _ if call.api == Api::BillSpend => json!({"results": table.rows}),
        _ => {
            let number = |name: &str| call.filled(name).and_then(|text| text.parse::<usize>().ok());
            let skip = number("start").filter(|_| operation.takes("start")).unwrap_or(0);
            let most = number("max").filter(|_| operation.takes("max")).unwrap_or(usize::MAX);
            json!({"results": table.rows.iter().skip(skip).take(most).collect::<Vec<_>>()})
        }
    };
    let bare = operation.items(&description.document).is_some_and(|at| at.is_empty());
    let mut answer = if bare { answer["results"].clone() } else { answer };
    if let (Some(row), Some(schema)) = (answer.as_object_mut(), description.answers(operation)) {
        row.retain(|name, _| schema.open() || schema.property(name).is_some());
    }
    Ok(Reply::done(operation.status, &answer))
}

fn unreadable(why: &str) -> Refusal {
    Refusal::new(400, "BDC_1122", &format!("JSON is unreadable: {why}"))
}

impl From<Wrong> for Refusal {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Unknown(what) => Self::unknown(&what),
            Wrong::Absent(name) => Self::missing(&name),
            Wrong::Value(why) => Self::value(&why),
            Wrong::Unreadable(why) => unreadable(&why),
            Wrong::Invalid(problems) => Self::invalid(
                problems
                    .into_iter()
                    .map(|problem| {
                        let at = if problem.at.is_empty() { "body".to_owned() } else { problem.at };
                        match problem.what {
                            What::Missing => format!("{at}: must not be null"),
                            What::Kind(kind) => format!("{at}: must be {kind}"),
                            What::Long(most) => format!("{at}: size must be between 0 and {most}"),
                        }
                    })
                    .collect(),
            ),
            // How this is refused is not documented.
            Wrong::Reused => Self::value("The idempotent key was used for another request."),
        }
    }
}

struct OfOrganization<'a> {
    books: &'a mut Books,
    secrets: &'a mut Secrets,
    who: &'a Who,
}

impl Shelves for OfOrganization<'_> {
    fn store(&mut self) -> &mut Store {
        &mut self.books.store
    }

    fn keeps(&self, key: &str) -> bool {
        Shelf::at(key).is_some()
    }

    fn table(&mut self, key: &str) -> &mut Table {
        match Shelf::at(key) {
            Some(shelf) => self.books.table_mut(shelf),
            None => self.books.store.tables.entry(key.to_owned()).or_default(),
        }
    }

    fn fresh(&mut self, like: &Value) -> Value {
        self.books.fresh(like)
    }

    fn secret(&mut self) -> String {
        self.secrets.text(32)
    }

    fn laid(&mut self, row: &mut Row, given: &[String]) {
        self.books.add_up(row, given);
    }

    fn own(&self, template: &str) -> Option<Own> {
        match template {
            "/v3/organizations" | "Organization" => Some(Own { id: self.who.organization.clone(), alone: true }),
            "/v3/users" | "User" => Some(Own { id: self.who.user.clone(), alone: false }),
            _ => None,
        }
    }
}

struct OfSpend<'a> {
    spend: &'a mut Spend,
    secrets: &'a mut Secrets,
}

impl Shelves for OfSpend<'_> {
    fn store(&mut self) -> &mut Store {
        &mut self.spend.store
    }

    fn keeps(&self, key: &str) -> bool {
        Spend::keeps(key)
    }

    fn table(&mut self, key: &str) -> &mut Table {
        self.spend.table(key)
    }

    fn fresh(&mut self, like: &Value) -> Value {
        self.spend.made += 1;
        json!(fresh_like(like.as_str().unwrap_or_default(), 0, self.spend.made))
    }

    fn secret(&mut self) -> String {
        self.secrets.text(32)
    }
}

struct OfPartner<'a> {
    partner: &'a mut Partner,
    secrets: &'a mut Secrets,
    organization: String,
}

impl Shelves for OfPartner<'_> {
    fn store(&mut self) -> &mut Store {
        self.partner.stores.entry(self.organization.clone()).or_default()
    }

    fn keeps(&self, key: &str) -> bool {
        Partner::keeps(key)
    }

    fn table(&mut self, key: &str) -> &mut Table {
        self.partner.table(&self.organization, key)
    }

    fn fresh(&mut self, like: &Value) -> Value {
        self.partner.made += 1;
        json!(fresh_like(like.as_str().unwrap_or_default(), 0, self.partner.made))
    }

    fn secret(&mut self) -> String {
        self.secrets.text(32)
    }
}
