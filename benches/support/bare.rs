//! The same calls as somebody writes them who has no library: the session in a variable, reqwest, and the type to decode.

use std::time::Duration;

use ledgerkey::bezala::api::types::{Account, Token};
use ledgerkey::bill::api::types::{LoginResponse, VendorList};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest_middleware::reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use serde_json::json;

use super::vendor;

/// A middleware that does nothing.
struct Nothing;

#[async_trait::async_trait]
impl Middleware for Nothing {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut http::Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        next.run(request, extensions).await
    }
}

/// Calls by bare reqwest, once signed in.
#[derive(Debug, Clone)]
pub struct Bare {
    http: reqwest::Client,
    url: String,
    session: HeaderValue,
    dev_key: HeaderValue,
}

impl Bare {
    /// Over this client; it may be the library's own, so that both use the same connections.
    pub fn new(http: reqwest::Client, url: &str) -> Self {
        let mut dev_key = HeaderValue::from_static(vendor::DEVELOPER_KEY);
        dev_key.set_sensitive(true);
        Self { http, url: url.to_owned(), session: HeaderValue::from_static("none"), dev_key }
    }

    pub async fn sign_in(&mut self) {
        let body = json!({
            "username": "service.user@example.com", "password": vendor::PASSWORD,
            "organizationId": vendor::ORGANIZATION, "devKey": vendor::DEVELOPER_KEY,
        });
        let request = self.http.post(format!("{}/connect/v3/login", self.url)).json(&body);
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        self.keep("", answer.json::<LoginResponse>().await.unwrap().session_id.expose());
    }

    pub async fn sign_in_to_bezala(&mut self) {
        let body = json!({"email": "service.user@example.com", "password": vendor::PASSWORD});
        let request = self.http.post(format!("{}/api/auth/token", self.url)).json(&body);
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        self.keep("Bearer ", answer.json::<Token>().await.unwrap().token.expose());
    }

    fn keep(&mut self, before: &str, session: &str) {
        self.session = HeaderValue::try_from(format!("{before}{session}")).unwrap();
        self.session.set_sensitive(true);
    }

    fn list(&self) -> reqwest::RequestBuilder {
        self.http
            .get(format!("{}/connect/v3/vendors", self.url))
            .query(&[("max", 20)])
            .header(ACCEPT, "application/json")
    }

    /// The request for vendors, without a session.
    pub fn vendors_request(&self) -> reqwest::Request {
        self.list().build().unwrap()
    }

    fn vendors_in_session(&self) -> reqwest::RequestBuilder {
        self.list().header("sessionId", self.session.clone()).header("devKey", self.dev_key.clone())
    }

    /// A page of vendors, decoded.
    pub async fn vendors(&self) -> VendorList {
        self.vendors_in_session().send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// The same within a time limit of reqwest's own.
    pub async fn vendors_within(&self, limit: Duration) -> VendorList {
        let request = self.vendors_in_session().timeout(limit);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// A page of vendors, as it came.
    pub async fn vendors_undecoded(&self) -> bytes::Bytes {
        self.vendors_in_session().send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap()
    }

    /// The same within a time limit of reqwest's own.
    pub async fn vendors_undecoded_within(&self, limit: Duration) -> bytes::Bytes {
        let request = self.vendors_in_session().timeout(limit);
        request.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap()
    }

    /// The same through reqwest-middleware, with one that does nothing.
    pub async fn vendors_through(&self, http: &ClientWithMiddleware) -> VendorList {
        let request = http.get(format!("{}/connect/v3/vendors", self.url)).query(&[("max", 20)]);
        let request = request.header(ACCEPT, "application/json");
        let request = request.header("sessionId", self.session.clone()).header("devKey", self.dev_key.clone());
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// reqwest-middleware over the same client, with one that does nothing.
    pub fn with_middleware(&self) -> ClientWithMiddleware {
        ClientBuilder::new(self.http.clone()).with(Nothing).build()
    }

    /// Bezala's accounts, decoded.
    pub async fn accounts(&self) -> Vec<Account> {
        let request = self.http.get(format!("{}/api/accounts", self.url)).header(ACCEPT, "application/json");
        let request = request.header(AUTHORIZATION, self.session.clone());
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }
}
