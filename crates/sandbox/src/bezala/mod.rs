//! Bezala: users, tokens, and the company that a user's calls run in. The operations are in the modules below.

mod bills;
mod company;
mod described;
mod expenses;
mod pages;
mod seed;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::log::Under;
use crate::secrets::Secrets;
use crate::time::Millis;
use crate::wire::{Call, Reply, Row, filled};

use company::{Company, Ids};

/// All that Bezala knows.
#[derive(Debug)]
pub(crate) struct Bezala {
    secrets: Secrets,
    users: BTreeMap<i64, User>,
    companies: BTreeMap<i64, Company>,
    tokens: BTreeMap<String, Token>,
    made_tokens: u64,
    /// Ids are unique over all companies, so that one of another company is unknown, and never somebody else's.
    ids: Ids,
    sso: Sso,
    service_user: i64,
    /// Who the operation under way runs as.
    pub under: Under,
}

#[derive(Debug)]
struct User {
    id: i64,
    name: String,
    email: String,
    password: String,
    receipts_email: String,
    /// Which company is selected: state of the user, and so of every token at once.
    company: i64,
    /// Roles are of a membership: one user can be an accountant here and an employee there.
    memberships: BTreeMap<i64, Vec<&'static str>>,
    sign_ins: u64,
    last_sign_in: Option<Millis>,
}

#[derive(Debug)]
struct Token {
    handle: String,
    user: i64,
}

/// What the three providers vouch for: one token, for one email.
#[derive(Debug)]
struct Sso {
    token: String,
    email: String,
    okta_company: String,
    okta_url: String,
}

/// Who calls, and in which company.
#[derive(Debug, Clone)]
struct Caller {
    user: i64,
    name: String,
    email: String,
    company: i64,
    roles: Vec<&'static str>,
}

impl Caller {
    fn is(&self, role: &str) -> bool {
        self.roles.contains(&role)
    }

    /// Managers and accountants see what all have written; others see their own (the vendor's page on getting API access). How far
    /// a manager sees, its pages tell in two ways.
    fn sees_all(&self) -> bool {
        self.is("accountant") || self.is("manager")
    }
}

impl Bezala {
    /// Carries out an operation.
    pub(crate) fn act(&mut self, call: &Call) -> Reply {
        let outcome = match call.op.as_str() {
            "createToken" => self.create_token(call),
            "createGoogleToken" => self.create_sso_token(call, "google_access_token"),
            "createMicrosoftToken" => self.create_sso_token(call, "microsoft_access_token"),
            "createOktaToken" => self.create_sso_token(call, "okta_access_token"),
            _ => self.recognize(call).and_then(|caller| self.as_user(call, &caller)),
        };
        outcome.unwrap_or_else(|refusal| refusal)
    }

    /// Ends the token with this handle, or all of them.
    pub(crate) fn revoke(&mut self, handle: Option<&str>) -> usize {
        let before = self.tokens.len();
        self.tokens.retain(|_, token| handle.is_some_and(|handle| token.handle != handle));
        before - self.tokens.len()
    }

    /// Changes a password, which invalidates the user's tokens: tells how many. `None` where there is no such user.
    pub(crate) fn set_password(&mut self, email: Option<&str>, password: &str) -> Option<usize> {
        let user = self.user_named(email)?;
        user.password = password.to_owned();
        let (id, before) = (user.id, self.tokens.len());
        self.tokens.retain(|_, token| token.user != id);
        Some(before - self.tokens.len())
    }

    /// Switches a user's company, as a person would in the web application.
    pub(crate) fn select_company(&mut self, email: Option<&str>, company: i64) -> bool {
        match self.user_named(email) {
            Some(user) if user.memberships.contains_key(&company) => {
                user.company = company;
                true
            }
            _ => false,
        }
    }

    fn user_named(&mut self, email: Option<&str>) -> Option<&mut User> {
        match email {
            None => self.users.get_mut(&self.service_user),
            Some(email) => self.users.values_mut().find(|user| user.email == email),
        }
    }

    fn create_token(&mut self, call: &Call) -> Result<Reply, Reply> {
        let body = body(call)?;
        // A field that is not there is a credential that is not valid: no other refusal is documented.
        let (email, password) = (filled(&body, "email"), filled(&body, "password"));
        let user = self
            .users
            .values()
            .find(|user| Some(user.email.as_str()) == email && Some(user.password.as_str()) == password);
        let id = user.map(|user| user.id).ok_or_else(|| refuse(401, WRONG))?;
        Ok(self.issue(id, call.now))
    }

    /// Bezala asks the provider whose token it is, and wants that to be the email claimed. How it refuses is not documented; as the
    /// password call does, here.
    fn create_sso_token(&mut self, call: &Call, field: &str) -> Result<Reply, Reply> {
        let body = body(call)?;
        let vouched = filled(&body, field) == Some(self.sso.token.as_str())
            && filled(&body, "email") == Some(self.sso.email.as_str());
        // Okta has a company and an issuer's address besides, the one that stands in the company's settings.
        let okta = field != "okta_access_token"
            || (filled(&body, "company_name") == Some(self.sso.okta_company.as_str())
                && filled(&body, "okta_url") == Some(self.sso.okta_url.as_str()));
        let user = self.users.values().find(|user| user.email == self.sso.email).map(|user| user.id);
        match user {
            Some(id) if vouched && okta => Ok(self.issue(id, call.now)),
            _ => Err(refuse(401, WRONG)),
        }
    }

    /// A new token. The call again "gives you a working token" (the vendor's page); whether it is the same one is not said, nor
    /// that the older ones end: a new one here, and they stay.
    fn issue(&mut self, user: i64, now: Millis) -> Reply {
        self.made_tokens += 1;
        let handle = format!("bezala-token-{}", self.made_tokens);
        let text = self.secrets.text(20);
        self.tokens.insert(text.clone(), Token { handle: handle.clone(), user });
        let mut answer = json!({"token": text, "user_id": user});
        self.under = Under { session: Some(handle), user: Some(user.to_string()), ..Under::default() };
        if let Some(user) = self.users.get_mut(&user) {
            user.sign_ins += 1;
            user.last_sign_in = Some(now);
            answer["receipts_email"] = json!(user.receipts_email);
            self.under.company = Some(user.company);
        }
        Reply::done(200, &answer)
    }

    /// By the header, or by the parameter `token` that the vendor calls a legacy fallback.
    fn recognize(&mut self, call: &Call) -> Result<Caller, Reply> {
        if call.op == "-" {
            return Err(refuse(404, "Not found"));
        }
        // The sentence is a guess: the page on errors gives the status, and of the words only those of a failed sign-in are known.
        let unknown = || refuse(401, "You need to sign in or sign up before continuing.");
        let bearer = call.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
        let text = bearer.or_else(|| call.filled("token")).ok_or_else(unknown)?;
        let token = self.tokens.get(text).ok_or_else(unknown)?;
        let user = self.users.get(&token.user).ok_or_else(unknown)?;
        self.under = Under {
            session: Some(token.handle.clone()),
            user: Some(user.id.to_string()),
            company: Some(user.company),
            ..Under::default()
        };
        Ok(Caller {
            user: user.id,
            name: user.name.clone(),
            email: user.email.clone(),
            company: user.company,
            roles: user.memberships.get(&user.company).cloned().unwrap_or_default(),
        })
    }

    fn as_user(&mut self, call: &Call, caller: &Caller) -> Result<Reply, Reply> {
        match call.op.as_str() {
            "changeCompany" => return self.change_company(call, caller),
            "getHome" => return self.home(caller),
            "getCompany" => return self.show_company(call, caller),
            "listUsers" => return Ok(self.list_users(caller)),
            _ => {}
        }
        let company = self.companies.get_mut(&caller.company).ok_or_else(|| refuse(404, "Not found"))?;
        // Who belongs to a company is known here: the company keeps what it knows of them beyond that.
        for user in self.users.values().filter(|user| user.memberships.contains_key(&caller.company)) {
            if company.people.get(&user.id.to_string()).is_none() {
                let row = json!({"id": user.id, "name": user.name, "email": user.email});
                company.people.push(row.as_object().cloned().unwrap_or_default());
            }
        }
        company.serve(call, caller, &mut self.ids, &mut self.secrets)
    }

    /// `PUT /api/users/:id/change_company/:company_id`: from now on every call of this user runs there, by whichever token.
    /// What the refusals are is not documented; nor is the body of the answer.
    fn change_company(&mut self, call: &Call, caller: &Caller) -> Result<Reply, Reply> {
        let slot = |name: &str| call.slots.get(name).and_then(|text| text.parse::<i64>().ok());
        let (id, company) = (slot("id"), slot("company_id"));
        if id != Some(caller.user) {
            return Err(refuse(403, "You are not authorized to perform this action."));
        }
        let user = self.users.get_mut(&caller.user).ok_or_else(|| refuse(404, "Not found"))?;
        // 404 rather than 403, as for records of another company.
        let company =
            company.filter(|company| user.memberships.contains_key(company)).ok_or_else(|| refuse(404, "Not found"))?;
        user.company = company;
        self.under.company = Some(company);
        Ok(Reply::done(200, &json!({"id": user.id, "company_id": company})))
    }
}

/// What a failed sign-in says (the vendor's reference).
const WRONG: &str = "Invalid email or password.";

/// Bezala's refusal: an object with `error`.
pub(crate) fn refuse(status: u16, error: &str) -> Reply {
    Reply::refused(status, &json!({"error": error}))
}

/// 422: validation. Under which name the fields stand is not documented.
fn invalid(problems: &[String]) -> Reply {
    Reply::refused(422, &json!({"error": "Validation failed", "errors": problems}))
}

/// The words of a refusal that a fault ordered.
pub(crate) fn words(status: u16, op: &str) -> &'static str {
    match status {
        401 if op.ends_with("Token") => WRONG,
        401 => "You need to sign in or sign up before continuing.",
        403 => "You are not authorized to perform this action.",
        404 => "Not found",
        422 => "Validation failed",
        429 => "Too many requests",
        500.. => "Internal server error",
        _ => "Bad request",
    }
}

fn body(call: &Call) -> Result<Row, Reply> {
    call.object().map_err(|why| refuse(400, &why))
}

/// The fields under a body's root key: bodies are nested, `{"account": {...}}`.
fn rooted(body: &Row, root: &str) -> Result<Row, Reply> {
    match body.get(root) {
        Some(Value::Object(fields)) => Ok(fields.clone()),
        _ => Err(refuse(400, &format!("param is missing or the value is empty: {root}"))),
    }
}

fn require(fields: &Row, names: &[&str]) -> Vec<String> {
    let missing = names.iter().filter(|name| match fields.get(**name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    });
    missing.map(|name| format!("{name} can't be blank")).collect()
}
