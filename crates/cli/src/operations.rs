//! `ledgerkey operations`: the tables of the specs, for people and for programs.

use std::process::ExitCode;

use ledgerkey::table::{Api, Operation};
use ledgerkey_cli::access;
use serde::Serialize;

use crate::failure::Failure;
use crate::output;

pub(crate) fn run(api: Option<&str>, json: bool) -> Result<ExitCode, Failure> {
    let apis = match api {
        Some(name) => vec![access::api(name)?],
        None => access::apis().to_vec(),
    };
    let listed: Vec<Listed> =
        apis.iter().flat_map(|api| api.operations.iter().map(|operation| Listed::new(api, operation))).collect();
    if json {
        let text = serde_json::to_vec_pretty(&listed)
            .map_err(|error| Failure::config(format!("the list cannot be written: {error}")))?;
        output::line(&text)?;
    } else {
        let head = ["api", "operation", "method", "path", "needs", "ways"].map(str::to_owned).to_vec();
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(listed.iter().map(Listed::cells)).collect();
        output::write(output::table(&rows).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The name of one of the table's choices, in small letters.
fn word(choice: impl std::fmt::Debug) -> String {
    format!("{choice:?}").to_lowercase()
}

/// The operation of this id.
///
/// # Errors
/// Usage, with the ids that are spelled like it.
pub(crate) fn find(api: &'static Api, id: &str) -> Result<&'static Operation, Failure> {
    api.operation(id).ok_or_else(|| {
        let mut near: Vec<(f64, &str)> = api
            .operations
            .iter()
            .map(|operation| (strsim::jaro_winkler(&operation.id.to_lowercase(), &id.to_lowercase()), operation.id))
            .filter(|(likeness, _)| *likeness > 0.75)
            .collect();
        near.sort_by(|one, other| other.0.total_cmp(&one.0));
        let near: Vec<&str> = near.into_iter().take(3).map(|(_, id)| id).collect();
        let elsewhere: Vec<&str> =
            access::apis().iter().filter(|other| other.operation(id).is_some()).map(|other| other.name).collect();
        let next = match (elsewhere.as_slice(), near.as_slice()) {
            ([_, ..], _) => format!("{} has one", elsewhere.join(", ")),
            (_, [_, ..]) => format!("did you mean {}?", near.join(", ")),
            _ => format!("`ledgerkey operations {}` lists what there is", api.name),
        };
        Failure::config(format!("{} has no operation {id}; {next}", api.name))
    })
}

/// An operation, as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    api: &'static str,
    operation_id: &'static str,
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    source: &'static str,
    /// Alternatives: each a set of security schemes, all of which are presented.
    needs: Vec<Vec<&'static str>>,
    /// The ways to sign in whose sessions may call it.
    ways: Vec<&'static str>,
    trust: bool,
    role: Option<&'static str>,
    replay_safe: bool,
    pages: bool,
    params: Vec<Parameter>,
    /// `none`, `json`, `form`, `multipart` or `binary`.
    body: String,
}

#[derive(Debug, Serialize)]
struct Parameter {
    name: &'static str,
    /// `path`, `query`, `header` or `form`.
    place: String,
    required: bool,
}

impl Listed {
    fn new(api: &'static Api, operation: &'static Operation) -> Self {
        let may = |way: &&'static ledgerkey::table::Way| access::may_call(way, operation);
        Self {
            api: api.name,
            operation_id: operation.id,
            method: operation.method,
            path: operation.path,
            summary: operation.summary,
            source: operation.source,
            needs: operation.security.iter().map(|set| set.iter().map(|scheme| scheme.name).collect()).collect(),
            ways: access::ways(api).into_iter().filter(may).map(|way| way.name).collect(),
            trust: operation.trust,
            role: operation.role,
            replay_safe: operation.replay_safe,
            pages: operation.paging.is_some(),
            params: operation
                .params
                .iter()
                .map(|param| Parameter { name: param.name, place: word(param.place), required: param.required })
                .collect(),
            body: word(operation.body),
        }
    }

    fn cells(&self) -> Vec<String> {
        let mut needs: Vec<String> =
            vec![self.needs.iter().map(|set| set.join(" + ")).collect::<Vec<_>>().join(" or ")];
        needs.extend(self.trust.then(|| "MFA trust".to_owned()));
        needs.extend(self.role.map(|role| format!("role {role}")));
        needs.retain(|need| !need.is_empty());
        let needs = if needs.is_empty() { "-".to_owned() } else { needs.join(", ") };
        let texts = [self.api, self.operation_id, self.method, self.path];
        texts.into_iter().map(str::to_owned).chain([needs, self.ways.join(", ")]).collect()
    }
}
