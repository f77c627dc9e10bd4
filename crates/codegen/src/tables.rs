//! Writes the tables that the session and the transport read: one static for the API, one for each operation and each security scheme.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use heck::{ToPascalCase, ToShoutySnakeCase};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use serde_json::Value;

use crate::markdown::escaped;
use crate::model::{
    Allows, Answer, BodyKind, Limit, Model, Operation, Paging, PagingStyle, ParamPlace, Replay, Rule, Scheme,
    SchemePlace, Way, Window,
};
use crate::prepare::denied_ways;

/// The module `operations` and the static `API`. `answers` maps an operation to the type that the generator gave its answer.
pub(crate) fn tables(spec: &Value, model: &Model, answers: &BTreeMap<String, syn::Type>) -> TokenStream {
    let statics = model.operations.iter().map(|operation| operation_static(spec, operation, model, answers));
    let names = model.operations.iter().map(|operation| static_name(&operation.id));
    let (name, title) = (&model.name, &model.title);
    let ways = model.ways.iter().map(way);
    let limits = model.limits.iter().map(limit);
    let company = option(model.company.as_ref().map(|company| {
        let switch = &company.switch;
        let current = company.current.iter().map(|current| {
            let (operation, at) = (&current.operation, &current.at);
            quote!((#operation, #at))
        });
        quote!(table::Company { switch: #switch, current: &[#(#current),*] })
    }));
    let answers = answers_table(model);
    let schemes = schemes(model);
    quote! {
        /// What the spec says of this API.
        pub static API: ::ledgerkey::table::Api = {
            use ::ledgerkey::table;
            table::Api {
                name: #name,
                title: #title,
                ways: &[#(#ways),*],
                answers: #answers,
                limits: &[#(#limits),*],
                company: #company,
                operations: &[#(&operations::#names),*],
            }
        };

        #schemes

        /// What the spec says of each operation.
        pub mod operations {
            use ::ledgerkey::table;
            #(#statics)*
        }
    }
}

/// `listVendors` stands as `LIST_VENDORS`.
pub(crate) fn static_name(id: &str) -> Ident {
    format_ident!("{}", id.to_shouty_snake_case())
}

fn operation_static(
    spec: &Value,
    operation: &Operation,
    model: &Model,
    answers: &BTreeMap<String, syn::Type>,
) -> TokenStream {
    let name = static_name(&operation.id);
    let doc = format!("`{}`: {}", operation.id, escaped(&operation.summary));
    let Operation { id, path, summary, source, trust, .. } = operation;
    let api = &model.name;
    let method = operation.method.as_str();
    let security = operation.security.iter().map(|set| {
        let names = set.iter().map(|name| static_name(name));
        quote!(&[#(&super::schemes::#names),*])
    });
    let denied = denied_ways(operation, model);
    // Signing in or out a second time does no harm: a session more, that idles out, or one that is gone already.
    let begins_or_ends = |way: &Way| way.operation.as_ref() == Some(id) || way.sign_out.as_ref() == Some(id);
    let keyed = operation.replay == Replay::Keyed;
    let replay_safe = keyed || operation.replay == Replay::Safe || model.ways.iter().any(begins_or_ends);
    let role = option(operation.role.as_ref().map(|role| quote!(#role)));
    let in_company = model.company.is_some() && !operation.security.is_empty();
    let paging = option(operation.paging.as_ref().map(paging));
    let params = operation.params.iter().map(|param| {
        let (name, required) = (&param.name, param.required);
        let place = match param.place {
            ParamPlace::Path => quote!(Path),
            ParamPlace::Query => quote!(Query),
            ParamPlace::Header => quote!(Header),
        };
        quote!(table::Param { name: #name, place: table::ParamPlace::#place, required: #required })
    });
    let fields = form_fields(spec, operation);
    let fields = fields.iter().map(
        |(name, required)| quote!(table::Param { name: #name, place: table::ParamPlace::Form, required: #required }),
    );
    let params = params.chain(fields);
    let body = match operation.body {
        None => quote!(None),
        Some(BodyKind::Json) => quote!(Json),
        Some(BodyKind::Form) => quote!(Form),
        Some(BodyKind::Multipart) => quote!(Multipart),
        Some(BodyKind::Binary) => quote!(Binary),
    };
    let answer = match operation.answer {
        Answer::None => quote!(None),
        Answer::Bytes => quote!(Bytes),
        Answer::Json => {
            let known = answers.get(&operation.id).map(|answer| quote!(#answer));
            let answer = known.unwrap_or_else(|| named_answer(spec, operation));
            quote!(Json(::ledgerkey::client::check::<#answer>))
        }
    };
    quote! {
        #[doc = #doc]
        pub static #name: table::Operation = table::Operation {
            api: #api,
            id: #id,
            method: #method,
            path: #path,
            summary: #summary,
            source: #source,
            security: &[#(#security),*],
            denied: &[#(#denied),*],
            replay_safe: #replay_safe,
            keyed: #keyed,
            trust: #trust,
            role: #role,
            in_company: #in_company,
            paging: #paging,
            params: &[#(#params),*],
            body: table::Body::#body,
            answer: table::Answer::#answer,
            facts: &super::API,
        };
    }
}

/// The fields of the form that an operation takes as its body, and whether each is required.
fn form_fields(spec: &Value, operation: &Operation) -> Vec<(String, bool)> {
    let body = spec.pointer(&operation.pointer).and_then(|node| resolved(spec, node.get("requestBody")?));
    let schema = body
        .and_then(|body| body.pointer("/content/application~1x-www-form-urlencoded/schema"))
        .and_then(|schema| resolved(spec, schema));
    let Some(schema) = schema else { return Vec::new() };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    fields.map(|(name, _)| (name.clone(), required.contains(&name.as_str()))).collect()
}

/// What a node refers to, or itself.
fn resolved<'s>(spec: &'s Value, node: &'s Value) -> Option<&'s Value> {
    match node.get("$ref").and_then(Value::as_str) {
        Some(reference) => spec.pointer(reference.trim_start_matches('#')),
        None => Some(node),
    }
}

/// The answer's type for an operation that the generator was not given: the schema that it refers to.
pub(crate) fn named_answer(spec: &Value, operation: &Operation) -> TokenStream {
    let responses = spec.pointer(&operation.pointer).and_then(|node| node.get("responses")?.as_object());
    let name = responses
        .and_then(|responses| responses.iter().find(|(status, _)| status.starts_with('2')))
        .map(|(_, response)| match response.get("$ref").and_then(Value::as_str) {
            Some(reference) => spec.pointer(reference.trim_start_matches('#')).unwrap_or(response),
            None => response,
        })
        .and_then(|response| response.pointer("/content/application~1json/schema/$ref")?.as_str()?.rsplit('/').next())
        .map(|name| format_ident!("{}", name.to_pascal_case()));
    match name {
        Some(name) => quote!(super::types::#name),
        None => quote!(::ledgerkey::client::Anything),
    }
}

/// The module `schemes`, of those that an operation needs.
fn schemes(model: &Model) -> Option<TokenStream> {
    let needed: BTreeSet<&str> =
        model.operations.iter().flat_map(|operation| operation.security.iter().flatten()).map(String::as_str).collect();
    let schemes = model.schemes.iter().filter(|scheme| needed.contains(&*scheme.name)).map(|Scheme { name, place }| {
        let ident = static_name(name);
        let place = match place {
            SchemePlace::Header(header) => {
                // `from_static` takes lower-case letters only.
                let header = header.to_ascii_lowercase();
                quote!(Header(table::HeaderName::from_static(#header)))
            }
            SchemePlace::Form(field) => quote!(Form(#field)),
            SchemePlace::Bearer => quote!(Bearer),
        };
        quote! {
            pub(super) static #ident: table::Scheme = table::Scheme { name: #name, place: table::Place::#place };
        }
    });
    (!needed.is_empty()).then(|| {
        quote! {
            /// What calls present, and where.
            mod schemes {
                use ::ledgerkey::table;
                #(#schemes)*
            }
        }
    })
}

fn way(way: &Way) -> TokenStream {
    let Way { name, summary, provides, source, .. } = way;
    let operation = option(way.operation.as_ref().map(|operation| quote!(#operation)));
    let session = way.session.as_deref().unwrap_or_default();
    let trusted = option(way.trusted.as_ref().map(|trusted| quote!(#trusted)));
    let user = option(way.user.as_ref().map(|user| quote!(#user)));
    let idle = option(way.idle.map(duration));
    let sign_out = option(way.sign_out.as_ref().map(|operation| quote!(#operation)));
    quote! {
        table::Way {
            name: #name,
            summary: #summary,
            operation: #operation,
            session: #session,
            trusted: #trusted,
            user: #user,
            provides: &[#(#provides),*],
            idle: #idle,
            sign_out: #sign_out,
            source: #source,
        }
    }
}

fn answers_table(model: &Model) -> TokenStream {
    let answers = &model.answers;
    let success = option(answers.success.as_ref().map(|success| {
        let at = &success.at;
        let is = match &success.is {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        quote!((#at, #is))
    }));
    let errors = &answers.errors;
    let code = option(answers.code.as_ref().map(|code| quote!(#code)));
    let message = &answers.message;
    let [dead_session, untrusted, locked_out, rate_limited, passing] =
        [&answers.dead_session, &answers.untrusted, &answers.locked_out, &answers.rate_limited, &answers.passing]
            .map(|list| rules(list));
    quote! {
        table::Answers {
            success: #success,
            errors: #errors,
            code: #code,
            message: &[#(#message),*],
            dead_session: #dead_session,
            untrusted: #untrusted,
            locked_out: #locked_out,
            rate_limited: #rate_limited,
            passing: #passing,
        }
    }
}

fn rules(rules: &[Rule]) -> TokenStream {
    let rules = rules.iter().map(|rule| {
        let status = option(rule.status.map(|status| quote!(#status)));
        let code = option(rule.code.as_ref().map(|code| quote!(#code)));
        quote!(table::Rule { status: #status, code: #code })
    });
    quote!(&[#(#rules),*])
}

fn limit(limit: &Limit) -> TokenStream {
    let Limit { name, by, .. } = limit;
    let operations = limit.operations.iter().flatten();
    let refused_with = option(limit.refused_with.as_ref().map(|code| quote!(#code)));
    let quota = match limit.allows {
        Allows::AtOnce(most) => quote!(AtOnce(#most)),
        Allows::Rate { most, per, window } => {
            let (per, clock) = (duration(per), window == Window::Clock);
            quote!(Within { most: #most, per: #per, clock: #clock })
        }
    };
    quote! {
        table::Limit {
            name: #name,
            by: &[#(#by),*],
            quota: table::Quota::#quota,
            operations: &[#(#operations),*],
            refused_with: #refused_with,
        }
    }
}

fn paging(paging: &Paging) -> TokenStream {
    let Paging { items, into, most, .. } = paging;
    let style = match paging.style {
        PagingStyle::Token => {
            let next = paging.next.as_deref().unwrap_or_default();
            quote!(Token(#next))
        }
        PagingStyle::Page => {
            let total = option(paging.total_pages.as_ref().map(|total| quote!(#total)));
            quote!(Page(#total))
        }
        PagingStyle::Offset => {
            let inside = option(paging.inside.as_ref().map(|inside| quote!(#inside)));
            quote!(Offset(#inside))
        }
    };
    let size = option(paging.size.as_ref().map(|size| quote!(#size)));
    quote! {
        table::Paging { style: table::PagingStyle::#style, items: #items, into: #into, size: #size, most: #most }
    }
}

fn duration(duration: Duration) -> TokenStream {
    let seconds = duration.as_secs();
    quote!(::core::time::Duration::from_secs(#seconds))
}

fn option(tokens: Option<TokenStream>) -> TokenStream {
    tokens.map_or_else(|| quote!(None), |tokens| quote!(Some(#tokens)))
}
