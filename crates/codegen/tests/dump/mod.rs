//! Says in a line each what was generated: the operations, what their calls take, the types. What a reader of a change wants to see, of the
//! tens of thousands of lines that a large spec comes to.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use quote::ToTokens;
use syn::{Expr, Fields, Item, ItemMod};

/// The dump of a generated module.
pub(crate) fn dump(code: &str) -> String {
    let file = syn::parse_file(code).expect("what is generated is Rust");
    let mut out = String::new();
    for item in &file.items {
        if let Item::Static(api) = item {
            let file: syn::File = syn::parse_quote!(#api);
            out.push_str(&prettyplease::unparse(&file));
        }
    }
    out.push_str("\n# Schemes\n");
    for item in items(module(&file.items, "schemes")) {
        if let Item::Static(scheme) = item
            && let Expr::Struct(row) = &*scheme.expr
        {
            let values: Vec<String> = row.fields.iter().map(|field| short(&field.expr)).collect();
            writeln!(out, "{}: {}", scheme.ident, values.join(" as ")).unwrap();
        }
    }
    out.push_str("\n# Operations\n");
    for item in items(module(&file.items, "operations")) {
        if let Item::Static(operation) = item
            && let Expr::Struct(row) = &*operation.expr
        {
            out.push_str(&self::operation(row));
        }
    }
    out.push_str("\n# Calls\n");
    for item in items(module(&file.items, "builder")) {
        if let Item::Struct(call) = item {
            let args = fields(&call.fields).into_iter().filter(|field| !field.starts_with("client:"));
            let args: Vec<String> =
                args.map(|field| field.replace("Result<", "").replace(",String>", "").replace(",", ", ")).collect();
            writeln!(out, "{}({})", call.ident, args.join(", ")).unwrap();
        }
    }
    out.push_str("\n# Types\n");
    for item in items(module(&file.items, "types")) {
        out.push_str(&kind(item));
    }
    out
}

/// `listThings: GET /things; answer Json(ThingPage); security [[SESSION,APP]]; replay_safe; ..`: what is not said is not
/// there.
fn operation(row: &syn::ExprStruct) -> String {
    let mut values: BTreeMap<String, String> =
        row.fields.iter().map(|field| (field.member.to_token_stream().to_string(), short(&field.expr))).collect();
    let mut take = |name: &str| values.remove(name).unwrap_or_default().trim_matches('"').to_owned();
    let mut line = format!("{}: {} {}", take("id"), take("method"), take("path"));
    for name in
        ["body", "answer", "security", "params", "paging", "role", "denied", "replay_safe", "trust", "in_company"]
    {
        match take(name).as_str() {
            "None" | "false" | "[]" => {}
            "true" => write!(line, "; {name}").unwrap(),
            value => write!(line, "; {name} {value}").unwrap(),
        }
    }
    line.push('\n');
    line
}

fn kind(item: &Item) -> String {
    match item {
        Item::Struct(item) => match &item.fields {
            Fields::Named(_) => {
                let fields = fields(&item.fields).iter().map(|field| format!("    {field}\n")).collect::<String>();
                format!("struct {}\n{fields}", item.ident)
            }
            _ => format!("struct {}({})\n", item.ident, fields(&item.fields).join(", ")),
        },
        Item::Enum(item) => {
            let variants: Vec<String> = item
                .variants
                .iter()
                .map(|variant| {
                    let held = fields(&variant.fields);
                    let held = if held.is_empty() { String::new() } else { format!("({})", held.join(", ")) };
                    format!("{}{held}{}", variant.ident, on_wire(&variant.attrs))
                })
                .collect();
            format!("enum {}: {}\n", item.ident, variants.join(" | "))
        }
        _ => String::new(),
    }
}

/// `vendor_id "vendorId": Option<String>`
fn fields(fields: &Fields) -> Vec<String> {
    fields
        .iter()
        .map(|field| {
            let name =
                field.ident.as_ref().map(|name| format!("{name}{}: ", on_wire(&field.attrs))).unwrap_or_default();
            format!("{name}{}", short(&field.ty))
        })
        .collect()
}

/// The name that stands on the wire, where it is another.
fn on_wire(attributes: &[syn::Attribute]) -> String {
    let mut name = String::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        // Whatever else serde is told, such as a default, is of no interest here.
        let _ = attribute.parse_nested_meta(|meta| {
            let value = meta.value().and_then(|value| value.parse::<Expr>());
            if let (true, Ok(value)) = (meta.path.is_ident("rename"), value) {
                name = format!(" {}", value.to_token_stream());
            }
            Ok(())
        });
    }
    name
}

/// As written, without the paths that every reader knows.
fn short(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string().replace(' ', "");
    for path in [
        "::std::option::",
        "::std::string::",
        "::std::vec::",
        "::std::boxed::",
        "::std::result::",
        "::std::collections::",
        "::serde_json::",
        "::chrono::naive::",
        "::chrono::offset::",
        "::chrono::",
        "::ledgerkey::wire::",
        "::ledgerkey::client::check::",
        "::ledgerkey::client::",
        "::ledgerkey::",
        "super::types::",
        "super::schemes::",
        "super::",
        "types::",
        "table::",
        "Scheme",
        "ParamPlace::",
        "Place::",
        "PagingStyle::",
        "Paging",
        "Body::",
        "Answer::",
        "Param",
        "name:",
        "place:",
        "required:",
        "&",
    ] {
        text = text.replace(path, "");
    }
    text.replace("::<", "<")
        .replace(",}", "}")
        .replace(",]", "]")
        .replace("Json(<", "Json(")
        .replace(">,)", ")")
        .replace(">)", ")")
}

fn module<'f>(items: &'f [Item], name: &str) -> Option<&'f ItemMod> {
    items.iter().find_map(|item| match item {
        Item::Mod(module) if module.ident == name => Some(module),
        _ => None,
    })
}

fn items(module: Option<&ItemMod>) -> &[Item] {
    module.and_then(|module| module.content.as_ref()).map(|(_, items)| items.as_slice()).unwrap_or_default()
}
