//! `/_sandbox`: the library's handle over HTTP, for tests in other processes and for people with curl.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::server::Shared;
use crate::{Fault, Lock, Revoke};

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let inner = Router::new()
        .route("/clock", get(show_clock).post(move_clock))
        .route("/faults", get(list_faults).post(order_faults).delete(clear_faults))
        .route("/revoke", post(revoke))
        .route("/lock", post(lock))
        .route("/password", post(password))
        .route("/company", post(company))
        .route("/phone", get(phone))
        .route("/log", get(log))
        .route("/credentials", get(credentials))
        .fallback(|| async { Refused("there is no such control; see the crate's documentation".to_owned()) })
        .layer(from_fn(no_browsers))
        .with_state(shared);
    Router::new().nest("/_sandbox", inner)
}

/// A page in somebody's browser can reach a loopback port; it cannot help saying where it comes from.
async fn no_browsers(request: Request, next: Next) -> Response {
    if request.headers().contains_key("origin") {
        return (StatusCode::FORBIDDEN, "the controls are not for web pages\n").into_response();
    }
    next.run(request).await
}

type Controlled = Result<axum::Json<Value>, Refused>;

/// A control body that cannot be followed, and why.
struct Refused(String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, format!("{}\n", self.0)).into_response()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    advance: Option<String>,
    set_back: Option<String>,
}

async fn show_clock(State(shared): State<Arc<Shared>>) -> Controlled {
    Ok(axum::Json(json!({"now": crate::time::zulu(shared.clock.millis()), "real": shared.clock.is_real()})))
}

async fn move_clock(State(shared): State<Arc<Shared>>, body: Bytes) -> Controlled {
    let by: Move = read(&body)?;
    match (by.advance, by.set_back) {
        (Some(by), None) => shared.clock.advance(crate::time::duration(&by).map_err(Refused)?),
        (None, Some(by)) => shared.clock.set_back(crate::time::duration(&by).map_err(Refused)?),
        _ => return Err(Refused("say either `advance` or `set_back`, as a duration such as \"PT36M\"".to_owned())),
    }
    show_clock(State(shared)).await
}

async fn list_faults(State(shared): State<Arc<Shared>>) -> Controlled {
    Ok(axum::Json(json!(shared.world().faults.ordered())))
}

async fn order_faults(State(shared): State<Arc<Shared>>, body: Bytes) -> Controlled {
    let given: Value = read(&body)?;
    let list = match given {
        Value::Array(list) => list,
        one => vec![one],
    };
    let faults: Result<Vec<Fault>, _> = list.into_iter().map(serde_json::from_value).collect();
    let faults = faults.map_err(|error| Refused(error.to_string()))?;
    let ordered = faults.len();
    let mut world = shared.world();
    faults.into_iter().for_each(|fault| world.faults.order(fault));
    Ok(axum::Json(json!({"ordered": ordered})))
}

async fn clear_faults(State(shared): State<Arc<Shared>>) -> Controlled {
    shared.world().faults.clear();
    Ok(axum::Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct What {
    what: Option<String>,
    session: Option<String>,
}

async fn revoke(State(shared): State<Arc<Shared>>, body: Bytes) -> Controlled {
    let asked = if body.is_empty() { What { what: None, session: None } } else { read(&body)? };
    let what = match (asked.what.as_deref(), asked.session) {
        (None | Some("all"), None) => Revoke::All,
        (Some("bill"), None) => Revoke::Bill,
        (Some("bezala"), None) => Revoke::Bezala,
        (None, Some(handle)) => Revoke::Session(handle),
        _ => {
            return Err(Refused(
                "`what` is \"all\", \"bill\" or \"bezala\"; or name one `session` by its handle".to_owned(),
            ));
        }
    };
    Ok(axum::Json(json!({"revoked": crate::revoke(&mut shared.world(), &what)})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Locking {
    login: Option<String>,
    organization: Option<String>,
    #[serde(default = "yes")]
    locked: bool,
}

fn yes() -> bool {
    true
}

async fn lock(State(shared): State<Arc<Shared>>, body: Bytes) -> Controlled {
    let asked: Locking = read(&body)?;
    let what = match (asked.login, asked.organization) {
        (Some(login), None) => Lock::Login(login),
        (None, Some(id)) => Lock::Organization(id),
        _ => return Err(Refused("name either a `login` or an `organization`".to_owned())),
    };
    if shared.world().bill.lock(&what, asked.locked) {
        Ok(axum::Json(json!({"locked": asked.locked})))
    } else {
        Err(Refused("there is no such login or organization".to_owned()))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    email: Option<String>,
    password: String,
}

async fn password(State(shared): State<Arc<Shared>>, body: Bytes) -> Controlled {
    let asked: NewPassword = read(&body)?;
    match shared.world().bezala.set_password(asked.email.as_deref(), &asked.password) {
        Some(revoked) => Ok(axum::Json(json!({"revoked": revoked}))),
        None => Err(Refused("there is no Bezala user with this email".to_owned())),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selected {
    email: Option<String>,
    company: i64,
}

async fn company(State(shared): State<Arc<Shared>>, body: Bytes) -> Controlled {
    let asked: Selected = read(&body)?;
    if shared.world().bezala.select_company(asked.email.as_deref(), asked.company) {
        Ok(axum::Json(json!({"company": asked.company})))
    } else {
        Err(Refused("there is no such user, or the user does not belong to that company".to_owned()))
    }
}

async fn phone(State(shared): State<Arc<Shared>>) -> Controlled {
    Ok(axum::Json(json!(shared.world().bill.texts)))
}

async fn log(State(shared): State<Arc<Shared>>) -> Controlled {
    let world = shared.world();
    Ok(axum::Json(json!({"sign_ins": world.sign_ins, "served": world.log})))
}

async fn credentials(State(shared): State<Arc<Shared>>) -> Controlled {
    Ok(axum::Json(json!(shared.world().credentials)))
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused(format!("the body cannot be followed: {error}")))
}
