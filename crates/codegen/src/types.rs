//! What is done to the types that progenitor wrote.
//!
//! - Builders are left to those that go out with a request: nobody builds an answer, and of a large spec they are a third of the code.
//! - An id takes text as it is: `"009...".into()`.
//! - A page tells its rows and what leads to the next page.
//! - A field of a request that can be cleared tells that from being left alone.

use std::collections::{BTreeMap, BTreeSet};

use heck::ToPascalCase;
use quote::quote;
use serde_json::Value;
use syn::visit::{self, Visit};
use syn::{Fields, Item, Type};

use crate::calls::module;
use crate::model::Model;

/// The pages among the answers: those whose rows are typed.
pub(crate) struct Paged(BTreeSet<String>);

impl Paged {
    /// Whether it is one, or a bare list, which is a page by itself.
    pub(crate) fn has(&self, answer: &Type) -> bool {
        name_of(answer).is_some_and(|name| name == "Vec" || self.0.contains(&name))
    }
}

/// Rewrites the module `types`. `answers` are the types of the operations' answers.
pub(crate) fn refine(
    file: &mut syn::File,
    model: &Model,
    answers: &BTreeMap<String, Type>,
    clearable: &Clearable,
) -> Paged {
    let sent = sent(file);
    let Some(types) = module(&mut file.items, "types") else { return Paged(BTreeSet::new()) };
    let sent = closure(types, sent);
    drop_builders(types, &sent);
    let clearable = clearable.among(&sent);
    for item in types.iter_mut() {
        make_clearable(item, &clearable);
    }
    types.extend(texts(types));
    let alternatives: Vec<Item> = types.iter_mut().filter_map(read_by_text).collect();
    types.extend(alternatives);
    let mut paged = BTreeSet::new();
    for operation in &model.operations {
        let (Some(paging), Some(answer)) = (&operation.paging, answers.get(&operation.id)) else { continue };
        let Some(name) = name_of(answer).filter(|name| name != "Vec") else { continue };
        if paged.contains(&name) {
            continue;
        }
        let next = paging.next.as_deref().or(paging.total_pages.as_deref());
        if let Some(item) = page(types, &name, &paging.items, next) {
            types.push(item);
            paged.insert(name);
        }
    }
    Paged(paged)
}

/// `X` of a type that ends in it.
fn name_of(kind: &Type) -> Option<String> {
    let Type::Path(path) = kind else { return None };
    path.path.segments.last().map(|segment| segment.ident.to_string())
}

/// The types whose builders the calls take as their bodies.
fn sent(file: &mut syn::File) -> BTreeSet<String> {
    struct Bodies(BTreeSet<String>);
    impl<'ast> Visit<'ast> for Bodies {
        fn visit_path(&mut self, path: &'ast syn::Path) {
            let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            if let [.., types, builder, name] = &names[..]
                && types == "types"
                && builder == "builder"
            {
                self.0.insert(name.clone());
            }
            visit::visit_path(self, path);
        }
    }
    let mut bodies = Bodies(BTreeSet::new());
    for item in module(&mut file.items, "builder").into_iter().flatten() {
        bodies.visit_item(item);
    }
    bodies.0
}

/// These types and all that they are made of.
fn closure(types: &[Item], mut found: BTreeSet<String>) -> BTreeSet<String> {
    struct Names<'f>(&'f mut Vec<String>);
    impl<'ast> Visit<'ast> for Names<'_> {
        fn visit_type_path(&mut self, path: &'ast syn::TypePath) {
            if let Some(segment) = path.path.segments.last() {
                self.0.push(segment.ident.to_string());
            }
            visit::visit_type_path(self, path);
        }
    }
    let mut made_of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for item in types {
        let mut names = Vec::new();
        match item {
            Item::Struct(item) => Names(&mut names).visit_fields(&item.fields),
            Item::Enum(item) => {
                item.variants.iter().for_each(|variant| Names(&mut names).visit_fields(&variant.fields))
            }
            _ => continue,
        }
        made_of.insert(defined(item).unwrap_or_default(), names);
    }
    let mut left: Vec<String> = found.iter().cloned().collect();
    while let Some(name) = left.pop() {
        for part in made_of.get(&name).into_iter().flatten() {
            if found.insert(part.clone()) {
                left.push(part.clone());
            }
        }
    }
    found
}

/// What an item defines, or what it is an `impl` of.
fn defined(item: &Item) -> Option<String> {
    match item {
        Item::Struct(item) => Some(item.ident.to_string()),
        Item::Enum(item) => Some(item.ident.to_string()),
        Item::Impl(item) => name_of(&item.self_ty),
        _ => None,
    }
}

fn drop_builders(types: &mut Vec<Item>, kept: &BTreeSet<String>) {
    if let Some(builders) = module(types, "builder") {
        // Beside its own, a builder is turned into what it builds: `impl TryFrom<X> for super::X`.
        builders.retain(|item| defined(item).is_none_or(|name| kept.contains(&name)));
    }
    types.retain(|item| !is_door_to_builder(item) || defined(item).is_none_or(|name| kept.contains(&name)));
}

/// `impl X { pub fn builder() .. }`
fn is_door_to_builder(item: &Item) -> bool {
    let Item::Impl(block) = item else { return false };
    let is_builder = |item: &syn::ImplItem| matches!(item, syn::ImplItem::Fn(f) if f.sig.ident == "builder");
    block.trait_.is_none() && block.items.len() == 1 && block.items.iter().all(is_builder)
}

/// `From<&str>` for the newtypes of text.
fn texts(types: &[Item]) -> Vec<Item> {
    let names = types.iter().filter_map(|item| {
        let Item::Struct(item) = item else { return None };
        let Fields::Unnamed(fields) = &item.fields else { return None };
        let is_text = fields.unnamed.len() == 1
            && fields.unnamed.iter().all(|field| name_of(&field.ty).as_deref() == Some("String"));
        is_text.then_some(&item.ident)
    });
    names
        .map(|name| {
            syn::parse_quote! {
                impl ::std::convert::From<&str> for #name {
                    fn from(value: &str) -> Self {
                        Self(value.to_owned())
                    }
                }
            }
        })
        .collect()
}

/// Has the alternatives of a `oneOf` tried on the text. Open enums of text are left as they are: nothing in them loses anything.
fn read_by_text(item: &mut Item) -> Option<Item> {
    let Item::Enum(item) = item else { return None };
    let is_untagged = |attribute: &syn::Attribute| {
        attribute.path().is_ident("serde")
            && matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string() == "untagged")
    };
    if !item.attrs.iter().any(is_untagged) {
        return None;
    }
    let fields = item.variants.iter().map(|variant| match &variant.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => fields.unnamed.first().map(|field| &field.ty),
        _ => None,
    });
    let kinds: Vec<&Type> = fields.collect::<Option<_>>()?;
    let is_open = kinds.iter().any(|kind| name_of(kind).is_some_and(|name| name == "String"));
    if is_open {
        return None;
    }
    let name = &item.ident;
    let variants: Vec<&syn::Ident> = item.variants.iter().map(|variant| &variant.ident).collect();
    let words = format!("none of the forms of {name}");
    let reading = syn::parse_quote! {
        impl<'de> ::serde::Deserialize<'de> for #name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                let text = ::ledgerkey::client::text_of(deserializer)?;
                #(
                    if let Some(value) = ::ledgerkey::client::value_of::<#kinds>(&text) {
                        return Ok(Self::#variants(value));
                    }
                )*
                Err(::serde::de::Error::custom(#words))
            }
        }
    };
    for attribute in &mut item.attrs {
        if let syn::Meta::List(list) = &mut attribute.meta
            && list.path.is_ident("derive")
        {
            let parser = syn::punctuated::Punctuated::<syn::Path, syn::Token![,]>::parse_terminated;
            let Ok(traits) = syn::parse::Parser::parse2(parser, list.tokens.clone()) else { continue };
            let kept = traits.iter().filter(|path| path.segments.last().is_none_or(|last| last.ident != "Deserialize"));
            list.tokens = quote!(#(#kept),*);
        }
    }
    Some(reading)
}

/// What a page of this type tells, if the spec's pointers lead to fields of it.
fn page(types: &[Item], name: &str, rows: &str, next: Option<&str>) -> Option<Item> {
    let path: Vec<&str> = rows.split('/').skip(1).collect();
    let (mut owner, mut read, mut taken) = (name.to_owned(), quote!(Some(self)), quote!(Some(self)));
    let mut row = None;
    for key in path {
        let (field, kind) = field_of(types, &owner, key)?;
        let (inner, is_optional) = option_of(&kind);
        (read, taken) = if is_optional {
            (quote!(#read.and_then(|it| it.#field.as_ref())), quote!(#taken.and_then(|it| it.#field)))
        } else {
            (quote!(#read.map(|it| &it.#field)), quote!(#taken.map(|it| it.#field)))
        };
        owner = name_of(&inner)?;
        row = element_of(&inner);
    }
    let row = row?;
    let next =
        match next.and_then(|next| next.split_once('/')).map(|(_, next)| next.split_once('/').unwrap_or((next, ""))) {
            None => quote!(None),
            Some((first, rest)) => {
                let (field, _) = field_of(types, name, first)?;
                let rest = if rest.is_empty() { String::new() } else { format!("/{rest}") };
                quote!(::ledgerkey::client::told(&self.#field, #rest))
            }
        };
    let name = quote::format_ident!("{name}");
    Some(syn::parse_quote! {
        impl ::ledgerkey::client::Paged for #name {
            type Row = #row;
            fn next(&self) -> ::std::option::Option<::std::string::String> {
                #next
            }
            fn rows(&self) -> usize {
                #read.map_or(0, |rows| rows.len())
            }
            fn into_rows(self) -> ::std::vec::Vec<Self::Row> {
                #taken.unwrap_or_default()
            }
        }
    })
}

/// The field that stands under this key on the wire, and its type.
fn field_of(types: &[Item], name: &str, key: &str) -> Option<(syn::Ident, Type)> {
    let item = types.iter().find_map(|item| match item {
        Item::Struct(item) if item.ident == name => Some(item),
        _ => None,
    })?;
    let field = item.fields.iter().find(|field| wire_name(field).as_deref() == Some(key))?;
    Some((field.ident.clone()?, field.ty.clone()))
}

/// What a field is called on the wire.
fn wire_name(field: &syn::Field) -> Option<String> {
    let mut name = field.ident.as_ref()?.to_string();
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        // What is not a rename has other forms, which are passed over.
        let _ = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename") {
                name = meta.value()?.parse::<syn::LitStr>()?.value();
            } else if meta.input.peek(syn::Token![=]) {
                meta.value()?.parse::<syn::Expr>()?;
            }
            Ok(())
        });
    }
    Some(name)
}

/// `T` of `Option<T>`, and whether it was one.
fn option_of(kind: &Type) -> (Type, bool) {
    match argument_of(kind, "Option") {
        Some(inner) => (inner, true),
        None => (kind.clone(), false),
    }
}

fn element_of(kind: &Type) -> Option<Type> {
    argument_of(kind, "Vec")
}

fn argument_of(kind: &Type, outer: &str) -> Option<Type> {
    (name_of(kind).as_deref() == Some(outer)).then(|| crate::rewrite::first_argument(kind).cloned()).flatten()
}

/// The fields of requests that the vendor takes a null for, by the name of the type and of the field on the wire.
#[derive(Debug, Default)]
pub(crate) struct Clearable(BTreeMap<String, BTreeSet<String>>);

impl Clearable {
    /// Those of the schemas: `nullable` and not required.
    pub(crate) fn of(spec: &Value) -> Self {
        let mut found = BTreeMap::new();
        let schemas = spec.pointer("/components/schemas").and_then(Value::as_object);
        for (name, schema) in schemas.into_iter().flatten() {
            let required = |key: &str| {
                schema.get("required").and_then(Value::as_array).is_some_and(|keys| keys.iter().any(|it| it == key))
            };
            let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
            let nullable =
                fields.filter(|(key, field)| field.get("nullable") == Some(&Value::Bool(true)) && !required(key));
            let keys: BTreeSet<String> = nullable.map(|(key, _)| key.clone()).collect();
            if !keys.is_empty() {
                found.insert(name.to_pascal_case(), keys);
            }
        }
        Self(found)
    }

    fn among(&self, sent: &BTreeSet<String>) -> BTreeMap<&str, &BTreeSet<String>> {
        self.0.iter().filter(|(name, _)| sent.contains(*name)).map(|(name, keys)| (name.as_str(), keys)).collect()
    }
}

/// In the type itself `Option<T>` becomes `Change<T>`.
fn make_clearable(item: &mut Item, clearable: &BTreeMap<&str, &BTreeSet<String>>) {
    match item {
        Item::Struct(item) => {
            let Some(keys) = clearable.get(item.ident.to_string().as_str()) else { return };
            for field in &mut item.fields {
                if wire_name(field).is_some_and(|name| keys.contains(&name)) {
                    let name = wire_name(field).unwrap_or_default();
                    field.attrs.retain(|attribute| !attribute.path().is_ident("serde"));
                    field.attrs.push(syn::parse_quote! {
                        #[serde(rename = #name, default, skip_serializing_if = "::ledgerkey::wire::Change::is_kept")]
                    });
                    clear(&mut field.ty);
                }
            }
        }
        Item::Mod(builders) if builders.ident == "builder" => {
            for item in builders.content.iter_mut().flat_map(|(_, items)| items) {
                let Some(keys) = defined(item).and_then(|name| clearable.get(name.as_str()).copied()) else { continue };
                let idents: BTreeSet<String> =
                    keys.iter().map(|key| heck::ToSnakeCase::to_snake_case(key.as_str())).collect();
                clear_in_builder(item, &idents);
            }
        }
        _ => {}
    }
}

fn clear_in_builder(item: &mut Item, idents: &BTreeSet<String>) {
    let is_clearable = |ident: &syn::Ident| idents.contains(ident.to_string().trim_end_matches('_'));
    match item {
        Item::Struct(item) => {
            for field in item.fields.iter_mut().filter(|field| field.ident.as_ref().is_some_and(is_clearable)) {
                clear(&mut field.ty);
            }
        }
        Item::Impl(block) if block.trait_.is_none() => {
            for item in &mut block.items {
                let syn::ImplItem::Fn(setter) = item else { continue };
                if is_clearable(&setter.sig.ident) {
                    Options.visit_generics(&mut setter.sig.generics);
                }
            }
        }
        _ => {}
    }
}

struct Options;

impl syn::visit_mut::VisitMut for Options {
    fn visit_type_mut(&mut self, kind: &mut Type) {
        clear(kind);
    }
}

impl Options {
    fn visit_generics(&mut self, generics: &mut syn::Generics) {
        syn::visit_mut::VisitMut::visit_generics_mut(self, generics);
    }
}

/// `Option<T>` within a type becomes `Change<T>`, the outermost alone.
fn clear(kind: &mut Type) {
    struct Outermost;
    impl syn::visit_mut::VisitMut for Outermost {
        fn visit_type_mut(&mut self, kind: &mut Type) {
            if let Some(inner) = argument_of(kind, "Option") {
                *kind = syn::parse_quote!(::ledgerkey::wire::Change<#inner>);
            } else {
                syn::visit_mut::visit_type_mut(self, kind);
            }
        }
    }
    syn::visit_mut::VisitMut::visit_type_mut(&mut Outermost, kind);
}
