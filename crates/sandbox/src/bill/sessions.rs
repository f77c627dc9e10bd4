//! Signing in, being recognized, signing out.

use serde_json::{Value, json};

use super::{Bill, Refusal, idle_limit};
use crate::log::Under;
use crate::time::Millis;
use crate::wire::{Call, Reply, Row, filled};

/// A pair of name and secret that signs in.
#[derive(Debug)]
pub(crate) struct Login {
    pub kind: Kind,
    pub secret: String,
    pub user: String,
    /// The only organization it opens; `None` opens all.
    pub only: Option<String>,
    pub failures: u32,
    pub locked: bool,
}

/// What a session was signed in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Sync,
    Console,
    Partner,
    AsUser,
}

#[derive(Debug)]
pub(crate) struct Session {
    pub handle: String,
    pub kind: Kind,
    pub user: String,
    pub organization: Option<String>,
    /// The developer key or app key that it was made with, and is good with alone.
    pub key: String,
    pub last: Millis,
    pub trusted: bool,
}

/// A live session, recognized.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub session: String,
    pub kind: Kind,
    pub user: String,
    pub organization: String,
    pub trusted: bool,
}

/// What a sign-in brings.
struct Presented<'a> {
    name: &'a str,
    secret: &'a str,
    /// v3 has a field of its own for a console token; v2 takes any secret in one field.
    kinds: &'a [Kind],
    key: &'a str,
}

/// More failed tries than this lock the user until the password is reset (a help article; no API page says so).
const TRIES: u32 = 10;

impl Bill {
    /// `POST /v3/login`.
    pub(super) fn login_v3(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let body = body(call)?;
        // A developer key sent as a header is not seen here: `devKey: must not be null`, with no code (observed by integrators).
        require(&body, &["devKey", "username", "organizationId"])?;
        let field = |name: &str| filled(&body, name).unwrap_or_default();
        let (secret, kinds): (&str, &[Kind]) = match (filled(&body, "password"), filled(&body, "consoleApiToken")) {
            (Some(password), None) => (password, &[Kind::User, Kind::Sync]),
            (None, Some(token)) => (token, &[Kind::Console]),
            (None, None) => return Err(Refusal::invalid(vec!["password: must not be null".to_owned()])),
            // No page says "exactly one of the two"; that is how their uses read.
            (Some(_), Some(_)) => return Err(Refusal::value("Send either password or consoleApiToken.")),
        };
        let presented = Presented { name: field("username"), secret, kinds, key: field("devKey") };
        let id = self.sign_in(&presented, Some(field("organizationId")), call.now)?;
        let (remembered, device) = (filled(&body, "rememberMeId"), filled(&body, "device"));
        let session = self.trust_remembered(&id, remembered, device, call.now)?;
        let answer = json!({
            "sessionId": id,
            "organizationId": session.organization,
            "userId": session.user,
            "trusted": session.trusted,
        });
        Ok(Reply::done(200, &answer))
    }

    /// `POST /v2/Login.json`, already taken out of its form.
    pub(super) fn login_v2(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let form = v2_form(call)?;
        let field = |name: &str| filled(&form, name).ok_or_else(|| Refusal::missing(name));
        let (name, secret, organization, key) =
            (field("userName")?, field("password")?, field("orgId")?, field("devKey")?);
        let presented = Presented { name, secret, kinds: &[Kind::User, Kind::Sync, Kind::Console], key };
        let id = self.sign_in(&presented, Some(organization), call.now)?;
        let (remembered, device) = (filled(&form, "mfaId"), filled(&form, "deviceId"));
        let session = self.trust_remembered(&id, remembered, device, call.now)?;
        let host = call.header("host").unwrap_or("127.0.0.1");
        Ok(success(&json!({
            "sessionId": id,
            "orgId": session.organization,
            "usersId": session.user,
            "apiEndPoint": format!("http://{host}/api/v2"),
        })))
    }

    /// `POST /v3/partner/login`.
    pub(super) fn login_partner(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let body = body(call)?;
        require(&body, &["appKey", "username", "password"])?;
        let field = |name: &str| filled(&body, name).unwrap_or_default();
        let presented = Presented {
            name: field("username"),
            secret: field("password"),
            kinds: &[Kind::Partner],
            key: field("appKey"),
        };
        let id = self.sign_in(&presented, None, call.now)?;
        // Beyond the session id nothing is documented of this answer.
        Ok(Reply::done(200, &json!({"sessionId": id})))
    }

    /// The organizations that a name and a secret open (`ListOrgs`).
    pub(super) fn list_orgs(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let form = v2_form(call)?;
        let field = |name: &str| filled(&form, name).ok_or_else(|| Refusal::missing(name));
        let (name, secret, key) = (field("userName")?, field("password")?, field("devKey")?);
        let only = {
            let kinds = &[Kind::User, Kind::Sync, Kind::Console];
            self.verify(&Presented { name, secret, kinds, key }, call.now)?.only.clone()
        };
        let open = self.organizations.iter().filter(|(id, _)| only.as_ref().is_none_or(|only| only == *id));
        let rows: Vec<Value> = open.map(|(id, it)| json!({"orgId": id, "orgName": it.name})).collect();
        Ok(success(&Value::Array(rows)))
    }

    /// `POST /v3/partner/login-as-user`: from a partner session to a session in one of its organizations, good with the
    /// developer key. Which of the partner's developer keys, no page says: the session takes the first it is used with.
    pub(super) fn login_as_user(&mut self, call: &Call) -> Result<Reply, Refusal> {
        self.recognize_partner(call)?;
        let body = body(call)?;
        require(&body, &["userId", "organizationId"])?;
        let field = |name: &str| filled(&body, name).unwrap_or_default();
        let (user, organization) = (field("userId"), field("organizationId"));
        self.open_organization(organization)?;
        if !self.partner.has_active_user(organization, user) {
            return Err(Refusal::coded(401, "BDC_1111"));
        }
        let id = self.new_session(Kind::AsUser, user, Some(organization), String::new(), call.now);
        let (remembered, device) = (filled(&body, "rememberMeId"), filled(&body, "device"));
        self.trust_remembered(&id, remembered, device, call.now)?;
        // Beyond the session id nothing is documented of this answer.
        Ok(Reply::done(200, &json!({"sessionId": id})))
    }

    /// The session of a v3 call, by its headers.
    pub(super) fn recognize_v3(&mut self, call: &Call) -> Result<Who, Refusal> {
        let key = call.header("devkey").ok_or_else(|| Refusal::missing("devKey"))?;
        let session = call.header("sessionid").ok_or_else(|| Refusal::missing("sessionId"))?;
        self.recognize(session, key, call.now)
    }

    /// The partner session of a call, by its headers.
    pub(super) fn recognize_partner(&mut self, call: &Call) -> Result<Who, Refusal> {
        let key = call.header("appkey").ok_or_else(|| Refusal::missing("appKey"))?;
        let session = call.header("sessionid").ok_or_else(|| Refusal::missing("sessionId"))?;
        if key != self.app_key {
            return Err(Refusal::coded(401, "BDC_1102"));
        }
        self.live(session, key, call.now)
    }

    /// A session with a developer key.
    pub(super) fn recognize(&mut self, session: &str, key: &str, now: Millis) -> Result<Who, Refusal> {
        if !self.dev_keys.iter().any(|known| known == key) {
            return Err(Refusal::coded(401, "BDC_1102"));
        }
        self.count_call(key, now)?;
        if let Some(fresh) = self.sessions.get_mut(session)
            && fresh.kind == Kind::AsUser
            && fresh.key.is_empty()
        {
            fresh.key = key.to_owned();
        }
        let who = self.live(session, key, now)?;
        match self.organizations.get(&who.organization) {
            Some(organization) if organization.locked => Err(Refusal::coded(401, "BDC_1107")),
            Some(_) => Ok(who),
            None => Err(Refusal::coded(401, "BDC_1109")),
        }
    }

    /// Ends the session.
    pub(super) fn end(&mut self, who: &Who) {
        self.sessions.remove(&who.session);
        self.under.touch = None;
    }

    /// A session that exists, has not idled out, and was made with this key.
    fn live(&mut self, id: &str, key: &str, now: Millis) -> Result<Who, Refusal> {
        let dead = || Refusal::coded(401, "BDC_1109");
        let session = self.sessions.get(id).ok_or_else(dead)?;
        if now - session.last >= idle_limit(session.kind) {
            self.sessions.remove(id);
            return Err(dead());
        }
        if session.key != key {
            return Err(dead());
        }
        self.under = Under {
            session: Some(session.handle.clone()),
            user: Some(session.user.clone()),
            organization: session.organization.clone(),
            company: None,
            touch: Some(id.to_owned()),
        };
        Ok(Who {
            session: id.to_owned(),
            kind: session.kind,
            user: session.user.clone(),
            organization: session.organization.clone().unwrap_or_default(),
            trusted: session.trusted,
        })
    }

    /// Checks what a sign-in brings, counting it and its failures.
    ///
    /// The codes are documented, their HTTP status is not: 401, as for the other refusals of a credential. (One integrator
    /// maps a locked organization to 423, without a log to show for it.)
    fn verify(&mut self, presented: &Presented<'_>, now: Millis) -> Result<&Login, Refusal> {
        let Presented { name, secret, kinds, key } = presented;
        let partner = *kinds == [Kind::Partner];
        let known = if partner { *key == self.app_key } else { self.dev_keys.iter().any(|known| known == key) };
        if !known {
            return Err(Refusal::coded(401, "BDC_1102"));
        }
        if !partner {
            self.count_sign_in(key, now)?;
        }
        let wrong = || Refusal::coded(401, "BDC_1101");
        let login =
            self.logins.get_mut(*name).filter(|login| (login.kind == Kind::Partner) == partner).ok_or_else(wrong)?;
        if login.locked {
            return Err(Refusal::coded(401, "BDC_1110"));
        }
        if login.secret != *secret || !kinds.contains(&login.kind) {
            login.failures += 1;
            login.locked = login.failures > TRIES;
            return Err(wrong());
        }
        login.failures = 0;
        Ok(login)
    }

    fn sign_in(
        &mut self,
        presented: &Presented<'_>,
        organization: Option<&str>,
        now: Millis,
    ) -> Result<String, Refusal> {
        let login = self.verify(presented, now)?;
        let (kind, user, only) = (login.kind, login.user.clone(), login.only.clone());
        if let Some(organization) = organization {
            self.open_organization(organization)?;
            if only.is_some_and(|only| only != organization) {
                return Err(Refusal::coded(401, "BDC_1111"));
            }
        }
        Ok(self.new_session(kind, &user, organization, presented.key.to_owned(), now))
    }

    fn open_organization(&self, id: &str) -> Result<(), Refusal> {
        match self.organizations.get(id) {
            None => Err(Refusal::coded(401, "BDC_1123")),
            Some(it) if it.locked => Err(Refusal::coded(401, "BDC_1107")),
            Some(_) => Ok(()),
        }
    }

    fn new_session(&mut self, kind: Kind, user: &str, organization: Option<&str>, key: String, now: Millis) -> String {
        self.made_sessions += 1;
        let handle = format!("bill-session-{}", self.made_sessions);
        let id = self.secrets.text(40);
        let organization = organization.map(str::to_owned);
        self.under = Under {
            session: Some(handle.clone()),
            user: Some(user.to_owned()),
            organization: organization.clone(),
            company: None,
            touch: Some(id.clone()),
        };
        let session = Session { handle, kind, user: user.to_owned(), organization, key, last: now, trusted: false };
        self.sessions.insert(id.clone(), session);
        id
    }

    /// A sign-in with an MFA id makes a trusted session where the device is the one that was remembered; any other gives an
    /// untrusted session and no error (observed by integrators).
    fn trust_remembered(
        &mut self,
        id: &str,
        remembered: Option<&str>,
        device: Option<&str>,
        now: Millis,
    ) -> Result<&Session, Refusal> {
        let session = self.sessions.get_mut(id).ok_or_else(|| Refusal::coded(401, "BDC_1109"))?;
        if let Some(remembered) = remembered {
            session.trusted = session.kind != Kind::Sync && self.mfa.remembers(remembered, &session.user, device, now);
        }
        Ok(session)
    }
}

/// A JSON body, or the refusal of what is none.
pub(super) fn body(call: &Call) -> Result<Row, Refusal> {
    call.object().map_err(|why| Refusal::new(400, "BDC_1122", &format!("JSON is unreadable: {why}")))
}

/// Refuses a body that lacks one of these fields.
pub(super) fn require(body: &Row, fields: &[&str]) -> Result<(), Refusal> {
    let missing = missing(body, fields);
    if missing.is_empty() { Ok(()) } else { Err(Refusal::invalid(missing)) }
}

/// What is to be said of the fields that a body lacks (the words observed by integrators).
pub(super) fn missing(body: &Row, fields: &[&str]) -> Vec<String> {
    let missing = fields.iter().filter(|field| filled(body, field).is_none());
    missing.map(|field| format!("{field}: must not be null")).collect()
}

/// A v2 form as a row of text.
pub(super) fn v2_form(call: &Call) -> Result<Row, Refusal> {
    // Secrets must not stand in the query (BILL's security warning): what stands there is not seen.
    Ok(call.form().into_iter().map(|(key, value)| (key, Value::from(value))).collect())
}

/// v2's envelope of success.
pub(super) fn success(data: &Value) -> Reply {
    Reply::done(200, &json!({"response_status": 0, "response_message": "Success", "response_data": data}))
}
