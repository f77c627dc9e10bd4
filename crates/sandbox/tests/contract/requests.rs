//! The request of an operation: the description's example, with the ids of rows that are there.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::Caller;
use crate::description::{operations, resolved};

/// What is wrong with a request on purpose.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum But {
    Nothing,
    Anonymous,
    Nonsense,
}

impl Caller {
    pub(crate) async fn example(&self, path: &str, method: &str, operation: &Value) -> RequestBuilder {
        self.example_but(path, method, operation, But::Nothing).await
    }

    pub(crate) async fn example_but(&self, path: &str, method: &str, operation: &Value, but: But) -> RequestBuilder {
        let slots = self.slots(path, operation).await;
        self.request(path, method, operation, &slots, but).await
    }

    /// With an id that names nothing, where the call is about a row that a list or a creation shows.
    pub(crate) async fn unknown(&self, path: &str, method: &str, operation: &Value) -> Option<RequestBuilder> {
        if let Some(entity) = entity(path).filter(|_| !path.contains("/Create/") && path.contains("/v2/Crud/")) {
            let data = json!({"id": "nope", "obj": {"entity": entity, "id": "nope"}}).to_string();
            let fields: Vec<_> = self.shown.iter().cloned().chain([("data", data)]).collect();
            return Some(self.client.post(self.address(path)).form(&fields));
        }
        let mut slots = self.slots(path, operation).await;
        let (name, _) = slots_of(path).into_iter().find(|(name, above)| self.listed(name, above).is_some())?;
        slots.insert(name, "0".to_owned());
        Some(self.request(path, method, operation, &slots, But::Nothing).await)
    }

    async fn request(
        &self,
        path: &str,
        method: &str,
        operation: &Value,
        slots: &BTreeMap<String, String>,
        but: But,
    ) -> RequestBuilder {
        let filled: Vec<&str> = path
            .split('/')
            .map(|piece| {
                let name = piece.strip_prefix('{').and_then(|piece| piece.strip_suffix('}'));
                name.map_or(piece, |name| slots[name].as_str())
            })
            .collect();
        let mut request =
            self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), self.address(&filled.join("/")));
        let mut query = Vec::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = resolved(&self.document, parameter);
            let name = parameter["name"].as_str().unwrap();
            match parameter["in"].as_str() {
                Some("query") if parameter["required"] == json!(true) => {
                    query.push((name.to_owned(), self.parameter(path, name, parameter).await));
                }
                Some("header") if name == "X-Idempotent-Key" => {
                    request = request.header(name, format!("{}-{but}", operation["operationId"], but = but as u8));
                }
                _ => {}
            }
        }
        request = request.query(&query);
        let form = operation["requestBody"]["content"].get("application/x-www-form-urlencoded");
        if self.api != "bill-v2" && but != But::Anonymous {
            request = self.shown.iter().fold(request, |request, (name, value)| request.header(*name, value));
        }
        if self.api == "bill-v2" {
            let mut fields: BTreeMap<String, String> = BTreeMap::new();
            let open = operation["security"] == json!([]);
            if but != But::Anonymous && !open {
                fields.extend(self.shown.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            }
            if let Some(form) = form {
                fields.extend(self.form(path, operation, &form["example"]).await);
            }
            if but == But::Nonsense {
                fields.insert("data".to_owned(), "nonsense".to_owned());
            }
            return request.form(&fields);
        }
        let Some((media, content)) = operation["requestBody"]["content"].as_object().and_then(|it| it.iter().next())
        else {
            return request;
        };
        match media.as_str() {
            "application/json" if but == But::Nonsense => request.json(&json!("nonsense")),
            "application/json" => request.json(&self.body(path, operation, &content["example"]).await),
            "multipart/form-data" => {
                let file = reqwest::multipart::Part::bytes(&b"f"[..]).file_name("f.pdf");
                request.multipart(reqwest::multipart::Form::new().part("file", file).text("draft", "1"))
            }
            media => request.header("content-type", media).body("f"),
        }
    }

    fn address(&self, path: &str) -> String {
        format!("{}{}{path}", self.sandbox.url(), self.base)
    }

    /// A required parameter of the query.
    async fn parameter(&self, path: &str, name: &str, parameter: &Value) -> String {
        match name {
            "ids" => match path.split_once("/bulk") {
                Some((above, _)) => self.first(above, "id").await.unwrap_or_default(),
                None => "example".to_owned(),
            },
            "vendorId" => self.first("/v3/vendors", "id").await.unwrap_or_default(),
            "amount" => "10".to_owned(),
            _ => {
                let schema = resolved(&self.document, &parameter["schema"]);
                schema["enum"][0].as_str().unwrap_or("example").to_owned()
            }
        }
    }

    /// The placeholders of a path, each with the id of a row that a list shows.
    async fn slots(&self, path: &str, operation: &Value) -> BTreeMap<String, String> {
        let mut slots = BTreeMap::new();
        for (name, above) in slots_of(path) {
            let own = match (self.api, operation["operationId"].as_str().unwrap(), name.as_str()) {
                ("bezala", "changeCompany", "id") => Some(common_user(self).await),
                ("bezala", "changeCompany", "company_id") => Some(self.c("BEZALA_COMPANY_ID")),
                ("bezala", _, "id") if above == "/api/bills/{bill_id}/lines" => {
                    self.first("/api/bill_lines", "id").await
                }
                ("bezala", "approveTrip", _) => self.first("/api/trips?state=reviewing", "id").await,
                // Not in a list: the vendor tells of it elsewhere.
                ("bezala", _, "id") if above == "/api/attachments" => Some(self.attachment().await),
                (_, _, "organizationId") => Some(self.c("BILL_ORGANIZATION_ID")),
                _ => None,
            };
            let id = match (own, self.listed(&name, &above)) {
                (Some(own), _) => Some(own),
                (None, Some(list)) => self.first(&fill(&list, &slots), &name).await,
                (None, None) => None,
            };
            slots.insert(name, id.unwrap_or_else(|| "example".to_owned()));
        }
        slots
    }

    /// The list that shows the rows of a placeholder: the one in front of it, else the one whose rows it names elsewhere, else the
    /// one deeper in.
    fn listed(&self, name: &str, above: &str) -> Option<String> {
        let lists = |path: &str| {
            let answer =
                self.document["paths"].get(path)?.get("get")?.pointer("/responses/200/content/application~1json")?;
            let example = &answer["example"];
            let rows = example.is_array() || ["results", "collection"].iter().any(|name| example[name].is_array());
            rows.then(|| path.to_owned())
        };
        if let Some(list) = lists(above) {
            return Some(list);
        }
        let ending = format!("/{{{name}}}");
        let mut named = operations(&self.document)
            .filter(|_| name != "id")
            .filter_map(|(path, _, _)| path.strip_suffix(&ending).filter(|above| !above.contains('{')))
            .filter_map(lists);
        let deeper = || {
            let within = format!("{above}/");
            operations(&self.document)
                .map(|(path, ..)| path)
                .filter(|path| path.starts_with(&within) && path.ends_with('}'))
                .find_map(lists)
        };
        named.next().or_else(deeper)
    }

    /// The id of a list's first row. What is still a placeholder in the path gets the id of the row that it names.
    pub(crate) async fn first(&self, list: &str, name: &str) -> Option<String> {
        let mut path = list.to_owned();
        while let Some((name, above)) = slots_of(&path).into_iter().next() {
            let outer = self.listed(&name, &above)?;
            let id = Box::pin(self.first(&outer, &name)).await?;
            path = path.replacen(&format!("{{{name}}}"), &id, 1);
        }
        let request = self.client.get(self.address(&path));
        let request = self.shown.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let answer = self.send(request).await.json();
        let rows = [&answer, &answer["results"], &answer["collection"]].into_iter().find_map(Value::as_array)?;
        let row = rows.first()?;
        let uuid = format!("{}Uuid", name.trim_end_matches("Id"));
        let id = ["id", "uuid", name, &uuid].into_iter().find_map(|field| row.get(field))?;
        Some(id.as_str().map_or_else(|| id.to_string(), str::to_owned))
    }
}

/// The placeholders of a path, each with what stands in front of it.
fn slots_of(path: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut above = String::new();
    for piece in path.split('/').skip(1) {
        if let Some(name) = piece.strip_prefix('{').and_then(|piece| piece.strip_suffix('}')) {
            all.push((name.to_owned(), above.clone()));
        }
        above.push('/');
        above.push_str(piece);
    }
    all
}

fn fill(path: &str, slots: &BTreeMap<String, String>) -> String {
    slots.iter().fold(path.to_owned(), |path, (name, id)| path.replace(&format!("{{{name}}}"), id))
}

/// v2's entity, of a path that has one.
pub(crate) fn entity(path: &str) -> Option<&str> {
    let (_, name) = path.strip_suffix(".json")?.rsplit_once('/')?;
    path.contains("/Crud/").then_some(name)
}

async fn common_user(caller: &Caller) -> String {
    crate::common::token(&caller.sandbox).await.1.to_string()
}
