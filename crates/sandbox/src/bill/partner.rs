//! The partner's operations: organizations, and the users of each.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::sessions::{body, missing};
use super::{Bill, Organization, Refusal, lists, seed};
use crate::collection::Table;
use crate::generic::Store;
use crate::spec::Routes;
use crate::time::{self, Millis};
use crate::wire::{Call, Reply, Row, filled, merge};

/// What a partner sees of its organizations.
#[derive(Debug)]
pub(crate) struct Partner {
    organizations: Table,
    users: BTreeMap<String, Table>,
    roles: Table,
    made_users: u64,
    /// What the description alone tells of, by organization.
    pub(super) stores: BTreeMap<String, Store>,
    pub(super) made: u64,
}

impl Bill {
    pub(super) fn partner(&mut self, call: &Call) -> Result<Reply, Refusal> {
        match call.op.as_str() {
            "login" => return self.login_partner(call),
            "loginAsUser" => return self.login_as_user(call),
            "-" => return Err(Refusal::coded(404, "BDC_1121")),
            _ => {}
        }
        // A developer key with its session cannot do partner operations: they ask for the app key.
        let who = self.recognize_partner(call)?;
        match call.op.as_str() {
            "logout" => {
                self.end(&who);
                return Ok(Reply::empty(200));
            }
            "listOrganizations" => {
                return Ok(Reply::done(200, &lists::accounts(call, &self.partner.organizations)?));
            }
            "createOrganization" => return self.create_organization(call),
            "listPartnerRoles" => return Ok(Reply::done(200, &lists::accounts(call, &self.partner.roles)?)),
            // Of the partner itself, and no organization's.
            _ if !described_of_organization(call) => return self.of_partner(call, None),
            _ => {}
        }
        // Users are an organization's: its id is a header too (BILL's page on keys and tokens).
        let organization = call.header("organizationid").ok_or_else(|| Refusal::missing("organizationId"))?.to_owned();
        self.under.organization = Some(organization.clone());
        let users = self.partner.users.get_mut(&organization).ok_or_else(|| Refusal::unknown("organization"))?;
        let id = call.id();
        match call.op.as_str() {
            "listPartnerUsers" => Ok(Reply::done(200, &lists::accounts(call, users)?)),
            "createPartnerUser" => self.create_partner_user(call, &organization),
            "getPartnerUser" => match users.get(id) {
                Some(user) => Ok(Reply::done(200, &Value::Object(user.clone()))),
                None => Err(Refusal::unknown("user")),
            },
            "updatePartnerUser" => {
                let mut change = body(call)?;
                change.retain(|field, _| matches!(field.as_str(), "firstName" | "lastName" | "email" | "roleId"));
                let user = users.get_mut(id).ok_or_else(|| Refusal::unknown("user"))?;
                merge(user, change);
                user.insert("updatedTime".to_owned(), json!(time::bill_v3(call.now)));
                Ok(Reply::done(200, &Value::Object(user.clone())))
            }
            "archivePartnerUser" | "restorePartnerUser" => {
                let user = users.get_mut(id).ok_or_else(|| Refusal::unknown("user"))?;
                user.insert("archived".to_owned(), json!(call.op == "archivePartnerUser"));
                Ok(Reply::done(200, &Value::Object(user.clone())))
            }
            _ => self.of_partner(call, Some(&organization)),
        }
    }

    fn create_organization(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let given = body(call)?;
        let mut problems = Vec::new();
        match filled(&given, "name") {
            None => problems.push("name: must not be null".to_owned()),
            Some(name) if name.chars().count() > 100 => {
                problems.push("name: size must be between 1 and 100".to_owned())
            }
            Some(_) => {}
        }
        match given.get("address") {
            Some(Value::Object(address)) => {
                let missing = ["line1", "city", "zipOrPostalCode", "country"]
                    .into_iter()
                    .filter(|field| filled(address, field).is_none());
                problems.extend(missing.map(|field| format!("address.{field}: must not be null")));
            }
            _ => problems.push("address: must not be null".to_owned()),
        }
        if !problems.is_empty() {
            return Err(Refusal::invalid(problems));
        }
        let number = self.organizations.len() + 1;
        let id = seed::organization_id(number);
        let name = filled(&given, "name").unwrap_or_default().to_owned();
        self.organizations
            .insert(id.clone(), Organization { number, name, locked: false, opened: call.now, books: None });
        let row = self.partner.organization(&id, given, call.now);
        Ok(Reply::done(201, &Value::Object(row)))
    }

    fn create_partner_user(&mut self, call: &Call, organization: &str) -> Result<Reply, Refusal> {
        let given = body(call)?;
        let mut problems = missing(&given, &["firstName", "email", "username"]);
        if given.get("acceptTermsOfService") != Some(&Value::Bool(true)) {
            problems.push("acceptTermsOfService: must be true".to_owned());
        }
        let name = filled(&given, "username").unwrap_or_default();
        if !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            problems.push("username: must be alphanumeric".to_owned());
        }
        let taken = self
            .partner
            .users
            .values()
            .flat_map(|users| &users.rows)
            .any(|user| filled(user, "username") == Some(name));
        if taken && !name.is_empty() {
            problems.push("username: must be unique".to_owned());
        }
        if !problems.is_empty() {
            return Err(Refusal::invalid(problems));
        }
        let row = self.partner.user(organization, given, call.now);
        let id = filled(&row, "id").unwrap_or_default();
        self.mfa.add_phone(id, "+10000000000", "TEXT");
        Ok(Reply::done(201, &Value::Object(row)))
    }
}

impl Partner {
    pub(super) fn new(organizations: impl Iterator<Item = String>, now: Millis) -> Self {
        // ADMINISTRATOR is the documented default role. The other types, and that a role is described, are guesses.
        let roles = [("ADMINISTRATOR", 1), ("ACCOUNTANT", 2), ("PAYER", 3), ("APPROVER", 4), ("CLERK", 5)].into_iter().map(|(kind, n)| {
            let row = json!({"id": format!("0po01{n:015}"), "archived": false, "type": kind, "description": format!("Example role {n}")});
            row.as_object().cloned().unwrap_or_default()
        });
        let mut it = Self {
            organizations: Table::default(),
            users: BTreeMap::new(),
            roles: Table { rows: roles.collect() },
            made_users: 0,
            stores: BTreeMap::new(),
            made: 0,
        };
        for (at, id) in organizations.enumerate() {
            let row = json!({
                "name": format!("Example Organization {}", at + 1),
                "address": {"line1": "1 Example Street", "city": "Exampleville", "stateOrProvince": "CA", "zipOrPostalCode": "00000", "country": "US"},
            });
            it.organization(&id, row.as_object().cloned().unwrap_or_default(), now);
            let user = json!({"firstName": "Robin", "lastName": "Example", "email": format!("robin{}@example.com", at + 1), "username": format!("robin{}", at + 1)});
            it.user(&id, user.as_object().cloned().unwrap_or_default(), now);
        }
        it
    }

    /// The user that an organization starts with.
    pub(super) fn first_user(&self, organization: &str) -> String {
        let row = self.users.get(organization).and_then(|users| users.rows.first());
        row.and_then(|row| filled(row, "id")).unwrap_or_default().to_owned()
    }

    /// The type of a user's role.
    pub(super) fn role(&self, organization: &str, id: &str) -> Option<String> {
        let user = self.users.get(organization)?.get(id)?;
        let role = self.roles.get(filled(user, "roleId")?)?;
        filled(role, "type").map(str::to_owned)
    }

    pub(super) fn keeps(key: &str) -> bool {
        matches!(key, "/v3/partner/organizations" | "/v3/partner/users" | "/v3/partner/roles")
    }

    pub(super) fn table(&mut self, organization: &str, key: &str) -> &mut Table {
        match key {
            "/v3/partner/organizations" => &mut self.organizations,
            "/v3/partner/users" => self.users.entry(organization.to_owned()).or_default(),
            "/v3/partner/roles" => &mut self.roles,
            _ => self.stores.entry(organization.to_owned()).or_default().tables.entry(key.to_owned()).or_default(),
        }
    }

    pub(super) fn has_active_user(&self, organization: &str, id: &str) -> bool {
        let user = self.users.get(organization).and_then(|users| users.get(id));
        user.is_some_and(|user| user.get("archived") != Some(&Value::Bool(true)))
    }

    fn organization(&mut self, id: &str, mut row: Row, now: Millis) -> Row {
        finish(&mut row, id, now);
        self.organizations.push(row.clone());
        self.users.entry(id.to_owned()).or_default();
        row
    }

    fn user(&mut self, organization: &str, mut row: Row, now: Millis) -> Row {
        self.made_users += 1;
        let id = format!("00602{:015}", self.made_users);
        // Without a role the user is an administrator.
        let role = self.roles.rows.first().map(|role| role["id"].clone()).unwrap_or_default();
        row.entry("roleId").or_insert(role);
        row.remove("acceptTermsOfService");
        finish(&mut row, &id, now);
        self.users.entry(organization.to_owned()).or_default().push(row.clone());
        row
    }
}

/// Whether a call names an organization in its header.
fn described_of_organization(call: &Call) -> bool {
    Routes::operation(call.api, &call.op).is_some_and(|(_, operation)| operation.takes_header("organizationId"))
}

fn finish(row: &mut Row, id: &str, now: Millis) {
    row.insert("id".to_owned(), json!(id));
    row.insert("archived".to_owned(), json!(false));
    row.insert("createdTime".to_owned(), json!(time::bill_v3(now)));
    row.insert("updatedTime".to_owned(), json!(time::bill_v3(now)));
}
