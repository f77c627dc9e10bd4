//! Every kind of fault, as the client's side of the connection sees it; the limits; the controls over HTTP.

mod common;

use std::time::Duration;

use common::{answer, bill, bill_login, code, credential, form, login, request, session, token, vendors};
use ledgerkey_sandbox::{Fault, Moment, Sandbox};
use reqwest::Method;
use serde_json::json;

fn vendor() -> serde_json::Value {
    json!({"name": "New", "address": {"line1": "1"}})
}

#[tokio::test]
async fn a_status_in_the_dialect_of_each_api() {
    let sandbox = Sandbox::start().unwrap();
    let id = session(&sandbox).await;
    sandbox.order(Fault::status("listVendors", 429).with_retry_after(7).times(2));
    let response = bill(&sandbox, &id, Method::GET, "/connect/v3/vendors").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    let key = credential(&sandbox, "BILL_DEV_KEY");
    let v2 = form(&sandbox, "/api/v2/List/Vendor.json", &[("sessionId", &id), ("devKey", &key)]).await;
    assert_eq!((v2.0, code(&v2)), (200, "BDC_1144"), "v2 fails inside HTTP 200");
    assert_eq!(vendors(&sandbox, &id).await.0, 200, "used up");
    sandbox.order(Fault::status("*", 503).of_api("bezala").always());
    let refused = answer(request(&sandbox, Method::GET, "/api/company")).await;
    assert_eq!((refused.0, refused.1["error"].is_string()), (503, true));
    assert_eq!(vendors(&sandbox, &id).await.0, 200, "of another API");
    sandbox.clear_faults();
    sandbox.order(Fault::status("login", 401).with_code("BDC_1101").always());
    for _ in 0..3 {
        assert_eq!(code(&login(&sandbox, &bill_login(&sandbox)).await), "BDC_1101");
    }
    assert_eq!(sandbox.sign_ins(), 4, "a faulted sign-in counts");
    assert_eq!((sandbox.acted("login"), sandbox.served("login")), (1, 4));
}

#[tokio::test]
async fn a_dropped_connection() {
    let sandbox = Sandbox::start().unwrap();
    let id = session(&sandbox).await;
    let create = || bill(&sandbox, &id, Method::POST, "/connect/v3/vendors").json(&vendor());
    sandbox.order(Fault::drop("createVendor", Moment::Before));
    assert!(create().send().await.is_err());
    assert_eq!(sandbox.acted("createVendor"), 0);
    sandbox.order(Fault::drop("createVendor", Moment::After));
    assert!(create().send().await.is_err());
    assert_eq!((sandbox.acted("createVendor"), sandbox.served("createVendor")), (1, 2));
    let last = sandbox.log().pop().unwrap();
    assert_eq!((last.status, last.acted, last.fault), (None, true, Some("drop")));
    let (_, list) = answer(bill(&sandbox, &id, Method::GET, "/connect/v3/vendors?filters=name:eq:New")).await;
    assert_eq!(list["results"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off() {
    let sandbox = Sandbox::start().unwrap();
    let id = session(&sandbox).await;
    sandbox.order(Fault::truncate("createVendor", 10));
    let mut response = bill(&sandbox, &id, Method::POST, "/connect/v3/vendors").json(&vendor()).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 201);
    assert!(response.content_length().unwrap() > 10);
    let first = response.chunk().await.unwrap().unwrap();
    assert_eq!(first.len(), 10);
    assert!(response.chunk().await.is_err());
    assert_eq!(sandbox.acted("createVendor"), 1);
}

#[tokio::test]
async fn a_delay_moves_the_clock_and_the_call_is_then_complete() {
    let sandbox = Sandbox::start().unwrap();
    let id = session(&sandbox).await;
    let before = sandbox.clock().now();
    sandbox.order(Fault::delay("listVendors", Duration::from_secs(40 * 60)));
    assert_eq!(vendors(&sandbox, &id).await.0, 200);
    assert_eq!(sandbox.clock().now(), before + Duration::from_secs(40 * 60));
    assert_eq!(vendors(&sandbox, &id).await.0, 200, "the idle time counts from the end of the call");
    let real = Sandbox::builder().real_clock().start().unwrap();
    let id = session(&real).await;
    real.order(Fault::delay("listVendors", Duration::from_millis(60)));
    let start = std::time::Instant::now();
    vendors(&real, &id).await;
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn a_foreign_body_and_a_redirect() {
    let sandbox = Sandbox::start().unwrap();
    let id = session(&sandbox).await;
    sandbox.order(Fault::body("listVendors", 200, "text/html", "<html>"));
    let response = bill(&sandbox, &id, Method::GET, "/connect/v3/vendors").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(response.text().await.unwrap(), "<html>");
    sandbox.order(Fault::redirect("listVendors", 307, "http://127.0.0.1:9/elsewhere"));
    let response = bill(&sandbox, &id, Method::GET, "/connect/v3/vendors").send().await.unwrap();
    assert_eq!(response.status().as_u16(), 307);
    assert_eq!(sandbox.acted("listVendors"), 0);
}

#[tokio::test]
async fn three_at_once() {
    let sandbox = Sandbox::builder().latency(Duration::from_millis(150)).start().unwrap();
    let id = session(&sandbox).await;
    let all: Vec<_> =
        (0..4).map(|_| tokio::spawn(bill(&sandbox, &id, Method::GET, "/connect/v3/vendors").send())).collect();
    let mut refused = Vec::new();
    for one in all {
        let response = one.await.unwrap().unwrap();
        if !response.status().is_success() {
            refused.push((response.status().as_u16(), response.text().await.unwrap()));
        }
    }
    assert_eq!(refused.len(), 1);
    assert!(refused[0].1.contains("BDC_1322"));
    assert_eq!(vendors(&sandbox, &id).await.0, 200, "the places are free again");
    // A client that hangs up gives its place back too, when what it asked for is done.
    for _ in 0..3 {
        let call =
            bill(&sandbox, &id, Method::GET, "/connect/v3/vendors").timeout(Duration::from_millis(30)).send().await;
        assert!(call.is_err());
    }
    let free = async { while vendors(&sandbox, &id).await.0 != 200 {} };
    tokio::time::timeout(Duration::from_secs(10), free).await.unwrap();
}

#[tokio::test]
async fn limits_of_the_hour_and_the_minute() {
    let sandbox = Sandbox::start().unwrap();
    let client = reqwest::Client::new();
    let url = format!("{}/connect/v3/login", sandbox.url());
    let body = bill_login(&sandbox);
    for _ in 0..200 {
        assert!(client.post(&url).json(&body).send().await.unwrap().status().is_success());
    }
    assert_eq!(code(&login(&sandbox, &body).await), "BDC_1144");
    sandbox.clock().advance(Duration::from_secs(3600));
    assert_eq!(login(&sandbox, &body).await.0, 200);

    let spend = || {
        client
            .get(format!("{}/connect/v3/spend/users/current", sandbox.url()))
            .header("apiToken", credential(&sandbox, "BILL_SPEND_TOKEN"))
    };
    for _ in 0..60 {
        assert_eq!(answer(spend()).await.0, 200);
    }
    let refused = answer(spend()).await;
    assert_eq!(code(&refused), "BDC_1144");
    assert!(refused.1[0]["message"].as_str().unwrap().contains("per minute"), "{refused:?}");
    sandbox.clock().advance(Duration::from_secs(60));
    assert_eq!(answer(spend()).await.0, 200);
}

#[tokio::test]
async fn controls() {
    let sandbox = Sandbox::start().unwrap();
    let post = |path: &str, body: serde_json::Value| {
        answer(request(&sandbox, Method::POST, &format!("/_sandbox{path}")).json(&body))
    };
    let get = |path: &str| answer(request(&sandbox, Method::GET, &format!("/_sandbox{path}")));
    let id = session(&sandbox).await;
    let before = sandbox.clock().now();
    assert_eq!(post("/clock", json!({"advance": "PT36M"})).await.0, 200);
    assert_eq!(sandbox.clock().now(), before + Duration::from_secs(36 * 60));
    assert_eq!(post("/clock", json!({"set_back": "PT36M"})).await.0, 200);
    assert_eq!(vendors(&sandbox, &id).await.0, 200);
    let faults =
        json!([{"operation": "listVendors", "status": 500}, {"operation": "*", "drop": "before", "times": "always"}]);
    assert_eq!(post("/faults", faults).await.1, json!({"ordered": 2}));
    assert_eq!(vendors(&sandbox, &id).await.0, 500);
    assert_eq!(get("/faults").await.1.as_array().unwrap().len(), 1);
    assert_eq!(answer(request(&sandbox, Method::DELETE, "/_sandbox/faults")).await.0, 200);
    for wrong in [
        json!({"operation": "login"}),
        json!({"operation": "login", "status": 401, "drop": "after"}),
        json!({"operation": "login", "status": 401, "colour": 1}),
        json!({"operation": "login", "delay": "soon"}),
        json!({"operation": "login", "status": 401, "times": "often"}),
        json!({"operation": "login", "api": "other", "status": 401}),
        json!({"status": 401}),
        json!("login"),
    ] {
        let (status, why) = post("/faults", wrong.clone()).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(why.is_string(), "{why}");
    }
    for (order, told) in [
        (json!({"operation": "createVendr", "drop": "after"}), "`createVendor`"),
        (json!({"operation": "createBudget", "api": "bill-v2", "drop": "after"}), "bill-v2 has no operation"),
        (json!({"operation": "-", "drop": "after"}), "the sandbox has no operation"),
        (json!({"operation": "login", "api": "bill-event", "drop": "after"}), "bill-partner, bill-events, bezala"),
        (json!({"operation": "login", "status": 401, "times": -1}), "a number from 1, or \"always\""),
        (json!({"operation": "login", "status": 401, "times": 0}), "a number from 1, or \"always\""),
        (json!({"operation": "login", "status": 401, "times": "often"}), "a number from 1, or \"always\""),
        (json!({"operation": "login", "delay": "soon"}), "an ISO 8601 duration such as PT36M"),
        (json!({"operation": "login", "redirect": "https://other.example"}), "{\"status\": 302, \"location\": URL}"),
    ] {
        let (status, why) = post("/faults", order).await;
        assert!(status == 400 && why.as_str().unwrap().contains(told), "{why}");
    }
    let of_events = json!({"operation": "createSubscription", "api": "bill-events", "status": 500});
    assert_eq!(post("/faults", of_events).await.1, json!({"ordered": 1}));
    for (path, body) in [
        ("/clock", json!({})),
        ("/clock", json!({"advance": "36"})),
        ("/revoke", json!({"what": "some"})),
        ("/lock", json!({})),
        ("/nothing", json!({})),
    ] {
        assert_eq!(post(path, body).await.0, 400, "{path}");
    }
    assert_eq!(answer(request(&sandbox, Method::POST, "/_sandbox/revoke")).await.1, json!({"revoked": 1}));
    assert_eq!(code(&vendors(&sandbox, &id).await), "BDC_1109");
    let (bezala, _) = token(&sandbox).await;
    assert_eq!(post("/company", json!({"company": 102})).await.0, 200);
    assert_eq!(answer(common::bezala(&sandbox, &bezala, Method::GET, "/api/company")).await.1["id"], json!(102));
    assert_eq!(post("/company", json!({"company": 103})).await.0, 400);
    assert_eq!(post("/password", json!({"password": "new"})).await.1, json!({"revoked": 1}));
    assert_eq!(post("/lock", json!({"login": credential(&sandbox, "BILL_USERNAME")})).await.0, 200);
    assert_eq!(code(&login(&sandbox, &bill_login(&sandbox)).await), "BDC_1110");
    assert_eq!(get("/credentials").await.1["BILL_DEV_KEY"], json!(credential(&sandbox, "BILL_DEV_KEY")));
    assert_eq!(get("/phone").await.1, json!([]));
    let (_, log) = get("/log").await;
    assert_eq!(log["sign_ins"], json!(3));
    let text = log.to_string();
    assert!(!text.contains(&id) && !text.contains(&bezala), "no secret in the log");
    let from_a_page = request(&sandbox, Method::GET, "/_sandbox/credentials").header("origin", "http://example.com");
    assert_eq!(answer(from_a_page).await.0, 403);
}

#[tokio::test]
async fn loopback_only_and_an_end() {
    let refused = Sandbox::listen("192.0.2.1:0".parse().unwrap()).unwrap_err();
    assert!(refused.to_string().contains("loopback"), "{refused}");
    let sandbox = Sandbox::start().unwrap();
    let (address, other) = (sandbox.address(), Sandbox::start().unwrap());
    assert_ne!(credential(&sandbox, "BILL_DEV_KEY"), credential(&other, "BILL_DEV_KEY"));
    sandbox.shut_down().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
