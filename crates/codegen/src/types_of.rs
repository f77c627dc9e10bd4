//! Which types the calls of a spec take and give: for tests that go over all of them.

use quote::ToTokens as _;
use syn::{Item, WherePredicate};

use crate::calls::module;
use crate::fault::Faults;
use crate::generate::client;
use crate::model::{Answer, BodyKind, Operation};
use crate::rewrite::Rewritten;
use crate::source::Source;
use crate::tables::named_answer;

/// The types of one operation, as paths within the module that its spec is generated into: `types::Vendor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationTypes {
    /// The `operationId`, as the spec spells it.
    pub operation: String,
    /// What it takes as JSON, or as the fields of a form; none where it takes nothing, bytes or a file.
    pub request: Option<String>,
    /// What a success is decoded into; none where it carries no JSON.
    pub answer: Option<String>,
}

/// The types of all operations of a spec, in its order.
///
/// # Errors
/// As [`generate`](crate::generate()).
pub fn types_of(source: &Source) -> Result<Vec<OperationTypes>, Faults> {
    let (model, Rewritten { mut file, answers }) = client(source)?;
    let calls = module(&mut file.items, "builder").map(std::mem::take).unwrap_or_default();
    let types = |operation: &Operation| {
        let takes_fields = matches!(operation.body, Some(BodyKind::Json | BodyKind::Form));
        let request = takes_fields.then(|| body_of(&calls, operation)).flatten();
        let answer = (operation.answer == Answer::Json).then(|| match answers.get(&operation.id) {
            Some(answer) => answer.to_token_stream(),
            None => named_answer(source.value(), operation),
        });
        OperationTypes {
            operation: operation.id.clone(),
            request: request.map(|kind| kind.to_token_stream().to_string()),
            // They stand there as the tables see them, from a module beside `types`.
            answer: answer.map(|kind| kind.to_string().replace("super :: types", "types")),
        }
    };
    Ok(model.operations.iter().map(types).collect())
}

/// `T` of the call's `fn body<V>(self, value: V) where V: TryInto<T>`.
fn body_of<'c>(calls: &'c [Item], operation: &Operation) -> Option<&'c syn::Type> {
    let name = heck::ToPascalCase::to_pascal_case(operation.id.as_str());
    let is_call = |kind: &syn::Type| matches!(kind, syn::Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name));
    let of_call = calls.iter().filter_map(|item| match item {
        Item::Impl(block) if block.trait_.is_none() && is_call(&block.self_ty) => Some(block),
        _ => None,
    });
    of_call.flat_map(|block| &block.items).find_map(|item| {
        let syn::ImplItem::Fn(setter) = item else { return None };
        if setter.sig.ident != "body" {
            return None;
        }
        setter.sig.generics.where_clause.as_ref()?.predicates.iter().find_map(try_into)
    })
}

/// `T` of `V: TryInto<T>`.
fn try_into(predicate: &WherePredicate) -> Option<&syn::Type> {
    let WherePredicate::Type(bounded) = predicate else { return None };
    bounded.bounds.iter().find_map(|bound| {
        let syn::TypeParamBound::Trait(bound) = bound else { return None };
        let last = bound.path.segments.last()?;
        let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
        let kind = arguments.args.iter().find_map(|argument| match argument {
            syn::GenericArgument::Type(kind) => Some(kind),
            _ => None,
        });
        kind.filter(|_| last.ident == "TryInto")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_has_the_types_that_its_call_names() {
        let source = Source::parse("everything.yaml", include_str!("../tests/specs/everything.yaml")).unwrap();
        let types = types_of(&source).unwrap();
        let of = |id: &str| {
            let types = types.iter().find(|types| types.operation == id).unwrap();
            (types.request.as_deref(), types.answer.as_deref())
        };
        assert_eq!(of("login"), (Some("types :: Login"), Some("types :: Session")));
        assert_eq!(of("logout"), (None, None));
        assert_eq!(of("sendThing"), (None, None), "bytes have no type");
        assert_eq!(of("uploadThing"), (None, Some("types :: FileNote")), "nor have files, but the answer has");
        assert_eq!(types.len(), 12);
    }
}
