//! Moves what progenitor wrote onto ledgerkey's own runtime.
//!
//! progenitor's code names nine things of `progenitor_client`; two, its hooks, go in `calls`. `ledgerkey::client` has the others: a call
//! goes through a session, an error comes out typed and without a secret. What is changed here, and nothing else:
//!
//! - the path of that crate, and of reqwest, so that a consumer needs neither;
//! - the constructors of `Client`, which would take any HTTP client and any address;
//! - the error type, which is one for all operations;
//! - the word that names the operation, which becomes a reference to its row of the tables;
//! - the header `api-version`, of the generator's own house, which no vendor of ours knows;
//! - the examples in the documentation, which are text.

use std::collections::{BTreeMap, HashMap};

use syn::visit_mut::{self, VisitMut};

use crate::model::{Model, Operation};
use crate::tables::static_name;

/// The client, and what the tables need to know of it.
pub(crate) struct Rewritten {
    pub(crate) file: syn::File,
    /// The type of each operation's answer, as seen from the module of the tables. An operation whose call was not found has none.
    pub(crate) answers: BTreeMap<String, syn::Type>,
}

pub(crate) fn rewrite(mut file: syn::File, model: &Model) -> Rewritten {
    let operations = model.operations.iter().map(|operation| (generated_name(&operation.id), operation)).collect();
    let mut rewrite = Rewrite { operations, answers: BTreeMap::new(), operation: None, without_headers: false };
    rewrite.visit_file_mut(&mut file);
    Rewritten { file, answers: rewrite.answers }
}

/// What progenitor calls an operation: its id in snake case, with a line behind it where that is a word of Rust's.
fn generated_name(id: &str) -> String {
    let name = heck::ToSnakeCase::to_snake_case(id);
    if typify::accept_as_ident(&name) { name } else { format!("{name}_") }
}

struct Rewrite<'m> {
    /// By what progenitor calls them.
    operations: HashMap<String, &'m Operation>,
    answers: BTreeMap<String, syn::Type>,
    /// The operation whose call is being walked.
    operation: Option<&'m Operation>,
    /// The call being walked has no header to send.
    without_headers: bool,
}

impl VisitMut for Rewrite<'_> {
    fn visit_item_use_mut(&mut self, node: &mut syn::ItemUse) {
        if let syn::UseTree::Path(path) = &node.tree
            && path.ident == "progenitor_client"
        {
            let (attributes, visibility, names) = (&node.attrs, &node.vis, &path.tree);
            *node = syn::parse_quote!(#(#attributes)* #visibility use ::ledgerkey::client::#names;);
        }
        visit_mut::visit_item_use_mut(self, node);
    }

    /// What a caller reads who has left out something that has to be there.
    fn visit_lit_str_mut(&mut self, node: &mut syn::LitStr) {
        let text = node.value();
        let parameter =
            text.strip_suffix(" was not initialized").map(|name| format!("the parameter {name} is missing"));
        let field = text.strip_prefix("no value supplied for ").map(|name| format!("the field {name} is missing"));
        if let Some(words) = parameter.or(field) {
            *node = syn::LitStr::new(&words, node.span());
        }
    }

    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        // One segment alone is a variable or a type, whatever its name.
        let of_crate = path.segments.len() > 1;
        let is_body = path.segments.get(1).is_some_and(|second| second.ident == "Body");
        match path.segments.first_mut() {
            Some(first) if of_crate && first.ident == "progenitor_client" => {
                let rest = path.segments.iter().skip(1);
                *path = syn::parse_quote!(::ledgerkey::client::#(#rest)::*);
            }
            // A body of bytes: what it holds can be had again for a second try, and reqwest's own body cannot.
            Some(first) if of_crate && first.ident == "reqwest" && is_body => {
                *path = syn::parse_quote!(::ledgerkey::client::Contents);
            }
            Some(first) if of_crate && first.ident == "reqwest" => {
                let rest = path.segments.iter().skip(1);
                *path = syn::parse_quote!(::ledgerkey::client::reqwest::#(#rest)::*);
            }
            // `Error<E>`, and `Error::<E>::Variant`.
            Some(first) if first.ident == "Error" => first.arguments = syn::PathArguments::None,
            _ => {}
        }
        visit_mut::visit_path_mut(self, path);
    }

    fn visit_attribute_mut(&mut self, node: &mut syn::Attribute) {
        // The examples of progenitor's are outlines, without what they use: nothing to compile, and no test that was passed over.
        if let syn::Meta::NameValue(doc) = &mut node.meta
            && doc.path.is_ident("doc")
            && let Some(text) = literal(&doc.value)
        {
            let text = text.replace("```ignore", "```text");
            doc.value = syn::parse_quote!(#text);
        }
    }

    fn visit_item_impl_mut(&mut self, node: &mut syn::ItemImpl) {
        let is_client = matches!(&*node.self_ty, syn::Type::Path(path) if path.path.is_ident("Client"));
        if is_client && node.trait_.is_none() {
            node.items.retain(|item| !matches!(item, syn::ImplItem::Fn(f) if f.sig.ident == "new_with_client"));
            for item in &mut node.items {
                if let syn::ImplItem::Fn(function) = item
                    && function.sig.ident == "new"
                {
                    *function = constructor();
                }
            }
        }
        visit_mut::visit_item_impl_mut(self, node);
    }

    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        block.stmts.retain(|statement| !is_version_header(statement));
        // Where that was the only header, the map of headers goes with it. Others are appended here, or within an `if let`.
        if let Some(map) = block.stmts.iter().position(is_header_map)
            && !block.stmts.iter().any(appends_header)
        {
            block.stmts.remove(map);
            self.without_headers = true;
        }
        visit_mut::visit_block_mut(self, block);
    }

    fn visit_impl_item_fn_mut(&mut self, node: &mut syn::ImplItemFn) {
        (self.operation, self.without_headers) = (None, false);
        visit_mut::visit_impl_item_fn_mut(self, node);
        if let Some(operation) = self.operation.take()
            && let syn::ReturnType::Type(_, kind) = &node.sig.output
            && let Some(answer) = first_argument(kind).and_then(first_argument)
        {
            self.answers.insert(operation.id.clone(), seen_from_tables(answer));
        }
    }

    fn visit_expr_mut(&mut self, node: &mut syn::Expr) {
        if self.without_headers
            && let syn::Expr::MethodCall(call) = node
            && call.method == "headers"
        {
            *node = (*call.receiver).clone();
        }
        if let syn::Expr::Struct(info) = node
            && info.path.is_ident("OperationInfo")
            && let Some(id) = info.fields.first().and_then(|field| literal(&field.expr))
            && let Some(operation) = self.operations.get(&id)
        {
            let name = static_name(&operation.id);
            self.operation = Some(operation);
            *node = syn::parse_quote!(&super::operations::#name);
            return;
        }
        visit_mut::visit_expr_mut(self, node);
    }
}

fn constructor() -> syn::ImplItemFn {
    syn::parse_quote! {
        /// A client whose calls go over this connection.
        pub fn new(connection: ::ledgerkey::client::Connection) -> Self {
            Self {
                baseurl: connection.base().to_owned(),
                client: connection.http().clone(),
                inner: connection,
            }
        }
    }
}

/// `let mut header_map = ..`
fn is_header_map(statement: &syn::Stmt) -> bool {
    matches!(statement, syn::Stmt::Local(syn::Local { pat: syn::Pat::Ident(name), .. }) if name.ident == "header_map")
}

/// `header_map.append(HeaderName::from_static("api-version"), ..)`. A parameter of that name is appended by the text alone, and stays.
fn is_version_header(statement: &syn::Stmt) -> bool {
    appended(statement).is_some_and(|name| {
        matches!(name, syn::Expr::Call(call) if call.args.first().and_then(literal).as_deref() == Some("api-version"))
    })
}

fn appends_header(statement: &syn::Stmt) -> bool {
    appended(statement).is_some()
        || matches!(
            statement,
            syn::Stmt::Expr(syn::Expr::If(given), _) if given.then_branch.stmts.iter().any(appends_header)
        )
}

/// The name of the header that a statement appends.
fn appended(statement: &syn::Stmt) -> Option<&syn::Expr> {
    let syn::Stmt::Expr(syn::Expr::MethodCall(call), _) = statement else {
        return None;
    };
    let to_map = matches!(&*call.receiver, syn::Expr::Path(path) if path.path.is_ident("header_map"));
    if to_map && call.method == "append" { call.args.first() } else { None }
}

fn literal(expr: &syn::Expr) -> Option<String> {
    match expr {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

/// `T` of `Result<T, E>` and of `ResponseValue<T>`.
pub(crate) fn first_argument(kind: &syn::Type) -> Option<&syn::Type> {
    let syn::Type::Path(path) = kind else {
        return None;
    };
    let syn::PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        syn::GenericArgument::Type(kind) => Some(kind),
        _ => None,
    })
}

/// In the module of the builders a type stands as `types::X`; one module beside it, that is `super::types::X`.
fn seen_from_tables(kind: &syn::Type) -> syn::Type {
    struct Shift;
    impl VisitMut for Shift {
        fn visit_path_mut(&mut self, path: &mut syn::Path) {
            if path.leading_colon.is_none() && path.segments.first().is_some_and(|first| first.ident == "types") {
                let segments = path.segments.iter();
                *path = syn::parse_quote!(super::#(#segments)::*);
            }
            visit_mut::visit_path_mut(self, path);
        }
    }
    let mut kind = kind.clone();
    Shift.visit_type_mut(&mut kind);
    kind
}
