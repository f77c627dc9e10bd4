//! Shortens the calls that progenitor wrote. Of its `send` the first half builds the request; that becomes a method of its own, which the
//! streams of a list build their pages from too. The second half, with its hooks and its look at the status, is what the runtime does
//! already; one line stands in its place. A third less code to compile, and less to carry about in a call's future.

use std::collections::{HashMap, HashSet};

use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ImplItem, Item, Stmt, Token};

use crate::model::{Model, Operation};
use crate::rewrite::first_argument;
use crate::search;
use crate::tables::static_name;

/// Rewrites every call, and tells of which operations: a call in a form that is not known stays as it is. `is_paged` says of an answer's
/// type that it has pages.
pub(crate) fn shorten<'m>(
    file: &mut syn::File,
    model: &'m Model,
    is_paged: impl Fn(&syn::Type) -> bool,
) -> HashSet<&'m str> {
    let operations: HashMap<String, &Operation> =
        model.operations.iter().map(|operation| (static_name(&operation.id).to_string(), operation)).collect();
    let mut shortened = HashSet::new();
    for item in module(&mut file.items, "builder").into_iter().flatten() {
        drop_hooks(item);
        let Item::Impl(block) = item else { continue };
        let Some(at) = block.items.iter().position(is_send) else { continue };
        let ImplItem::Fn(send) = &block.items[at] else { continue };
        let Some(call) = Call::read(send) else { continue };
        let mut written = call.write();
        if let Some(operation) = operations.get(&call.operation.to_string()) {
            shortened.insert(operation.id.as_str());
            if operation.paging.is_some() && is_paged(&call.answer) {
                written.extend(call.streams());
            }
            written.extend(search::methods(operation));
        }
        block.items.remove(at);
        block.items.extend(written);
    }
    file.items.retain(|item| !is_hooks(item));
    file.items.iter_mut().for_each(drop_hooks);
    shortened
}

fn drop_hooks(item: &mut Item) {
    if let Item::Use(names) = item {
        drop_names(&mut names.tree, &["ClientHooks", "OperationInfo"]);
    }
}

/// What a block yields that does nothing else.
fn within(expr: Expr) -> Expr {
    if let Expr::Block(block) = &expr
        && let [Stmt::Expr(inner, None)] = &block.block.stmts[..]
    {
        return inner.clone();
    }
    expr
}

/// The items of a module of this file.
pub(crate) fn module<'f>(items: &'f mut [Item], name: &str) -> Option<&'f mut Vec<Item>> {
    items.iter_mut().find_map(|item| match item {
        Item::Mod(module) if module.ident == name => module.content.as_mut().map(|(_, items)| items),
        _ => None,
    })
}

/// What is awaited, which is there already: the runtime has read all of it.
fn awaited(expr: Expr) -> Expr {
    match expr {
        Expr::Await(expr) => *expr.base,
        expr => expr,
    }
}

struct Call {
    docs: Vec<syn::Attribute>,
    /// What builds the request, up to and including `let mut request`; without what is in `apart`.
    build: Vec<Stmt>,
    /// Whether `build` leaves the parameters where they are, so that the request can be built once more.
    is_shared: bool,
    apart: Apart,
    /// What the client and the request are called in it.
    client: syn::Ident,
    request: syn::Ident,
    /// What the response is called in `read`.
    response: syn::Ident,
    operation: syn::Ident,
    answer: syn::Type,
    /// What makes the answer of the response.
    read: Expr,
}

impl Call {
    fn read(send: &syn::ImplItemFn) -> Option<Self> {
        let statements = &send.block.stmts;
        // Either has a line before its name where a parameter of the spec's has taken that.
        let built = statements.iter().position(|statement| local(statement).is_some_and(|(_, init)| is_built(init)))?;
        let request = local(&statements[built])?.0.clone();
        let client = statements.iter().find_map(client_of)?;
        let info = |statement| local(statement).and_then(|(_, init)| operation_of(init));
        let operation = statements.iter().find_map(info)?;
        let response = local(statements.get(statements.len().checked_sub(2)?)?)?.0.clone();
        let Some(Stmt::Expr(Expr::Match(status), None)) = statements.last() else { return None };
        let syn::ReturnType::Type(_, output) = &send.sig.output else { return None };
        let (mut build, mut apart) = (statements[..=built].to_vec(), Apart::default());
        build.iter_mut().for_each(|statement| address(statement, &client));
        apart.visit_stmt_mut(build.last_mut()?);
        // A file's contents are built anew by another method.
        let shared = build.iter().map(as_shared).collect::<Option<Vec<_>>>().filter(|_| apart.file.is_none());
        Some(Self {
            docs: send.attrs.clone(),
            is_shared: shared.is_some(),
            build: shared.unwrap_or(build),
            apart,
            client,
            request,
            response,
            operation,
            answer: first_argument(output).and_then(first_argument)?.clone(),
            read: awaited(within((*status.arms.first()?.body).clone())),
        })
    }

    fn write(&self) -> Vec<ImplItem> {
        let Self { docs, build, is_shared, apart, client, request, response, operation, answer, read } = self;
        let Apart { file, query } = apart;
        let (built, given) = match file {
            Some(file) => (
                quote!((::ledgerkey::client::reqwest::Request, ::ledgerkey::client::Contents)),
                quote!((#request, #file)),
            ),
            None => (quote!(::ledgerkey::client::reqwest::Request), quote!(#request)),
        };
        let parameters =
            build.iter().filter_map(|statement| Some(local(statement)?.0).filter(|_| is_checked(statement)));
        let this = if *is_shared { quote!(&self) } else { quote!(self) };
        let built = syn::parse_quote! {
            // No parameter is called so.
            fn __request(#this) -> Result<#built, Error> {
                #(#build)*
                #(::ledgerkey::client::add_query(&mut #request, #query)?;)*
                Ok(#given)
            }
        };
        let operation = quote!(&super::operations::#operation);
        let exec = match file {
            Some(_) => quote! {
                let client = self.#client;
                let (request, contents) = self.__request()?;
                let #response = client.inner.exec_with(#operation, request, &contents).await?;
            },
            // A request is built when its turn has come. What is wrong with a parameter by itself need not wait for that.
            None if *is_shared => quote! {
                #(self.#parameters.as_ref().map_err(Error::InvalidRequest)?;)*
                let #response = self.#client.inner.exec_built(#operation, false, &|| self.__request()).await?;
            },
            None => quote! {
                let client = self.#client;
                let #response = client.inner.exec(#operation, self.__request()?).await?;
            },
        };
        let send = syn::parse_quote! {
            #(#docs)*
            pub async fn send(self) -> Result<ResponseValue<#answer>, Error> {
                #exec
                #read
            }
        };
        vec![built, send]
    }

    fn streams(&self) -> Vec<ImplItem> {
        let (client, operation, answer) = (&self.client, &self.operation, &self.answer);
        let list: TokenStream = quote! {
            let client = self.#client;
            match self.__request() {
                Ok(request) => client.inner.list(&super::operations::#operation, request),
                Err(error) => ::ledgerkey::client::Pages::failed(&super::operations::#operation, error),
            }
        };
        let pages = syn::parse_quote! {
            /// The pages of this list, from the one that was asked for or the first; see [`Pages`](::ledgerkey::client::Pages).
            pub fn pages(self) -> ::ledgerkey::client::Pages<#answer> {
                #list
            }
        };
        let items = syn::parse_quote! {
            /// The rows of all pages, from the one that was asked for or the first on; see [`Items`](::ledgerkey::client::Items).
            pub fn items(self) -> ::ledgerkey::client::Items<#answer> {
                self.pages().items()
            }
        };
        vec![pages, items]
    }
}

/// What is taken out of the chain that builds a request, because it is written otherwise.
#[derive(Default)]
struct Apart {
    /// What the file is called, of `.body(file)`: of a body that is JSON or a form, another method is called.
    file: Option<syn::Ident>,
    /// The names and the values of `.query(&QueryParam::new(name, &value))`, which reqwest would open and close the URL for, one by one,
    /// whether they are given or not.
    query: Vec<Punctuated<Expr, Token![,]>>,
}

impl VisitMut for Apart {
    fn visit_expr_mut(&mut self, node: &mut Expr) {
        visit_mut::visit_expr_mut(self, node);
        let Expr::MethodCall(call) = node else { return };
        match (call.method.to_string().as_str(), call.args.first()) {
            ("body", Some(Expr::Path(name))) => self.file = name.path.get_ident().cloned(),
            ("query", Some(Expr::Reference(param))) if let Expr::Call(new) = &*param.expr => {
                self.query.push(new.args.clone());
            }
            _ => return,
        }
        *node = (*call.receiver).clone();
    }
}

fn is_send(item: &ImplItem) -> bool {
    matches!(item, ImplItem::Fn(function) if function.sig.ident == "send")
}

/// The name and the value of `let name = value`.
fn local(statement: &Stmt) -> Option<(&syn::Ident, &Expr)> {
    match statement {
        Stmt::Local(syn::Local { pat: syn::Pat::Ident(name), init: Some(init), .. }) => Some((&name.ident, &init.expr)),
        _ => None,
    }
}

/// Of `let url = format!("{}/path", client.baseurl)`, which would be parsed as a whole, the path alone: the rest has been parsed before.
fn address(statement: &mut Stmt, client: &syn::Ident) {
    let Stmt::Local(syn::Local { init: Some(init), .. }) = statement else { return };
    let Expr::Macro(format) = &*init.expr else { return };
    let parse = Punctuated::<Expr, Token![,]>::parse_terminated;
    let Ok(mut arguments) = format.mac.parse_body_with(parse) else { return };
    let is_base = |argument: &Expr| matches!(argument, Expr::Field(field) if matches!(&field.member, syn::Member::Named(name) if name == "baseurl"));
    if let Some(base) = arguments.iter_mut().find(|argument| is_base(argument)) {
        *base = syn::parse_quote!(#client.inner.base_path());
        *init.expr = syn::parse_quote!(#client.inner.url(&format!(#arguments)));
    }
}

/// The statement for `self` behind a reference; `None` where that is not enough, as for a body, which is made of its builder.
fn as_shared(statement: &Stmt) -> Option<Stmt> {
    let mut statement = statement.clone();
    let Stmt::Local(syn::Local { init: Some(init), .. }) = &mut statement else { return Some(statement) };
    let Expr::Try(tried) = &mut *init.expr else { return Some(statement) };
    let Expr::MethodCall(call) = &mut *tried.expr else { return Some(statement) };
    if call.method != "map_err" {
        return Some(statement);
    }
    let Expr::Path(parameter) = &*call.receiver else { return None };
    call.receiver = syn::parse_quote!(#parameter.as_ref());
    Some(statement)
}

/// `let parameter = parameter.as_ref().map_err(Error::InvalidRequest)?`
fn is_checked(statement: &Stmt) -> bool {
    local(statement).is_some_and(
        |(_, init)| matches!(init, Expr::Try(tried) if matches!(&*tried.expr, Expr::MethodCall(call) if call.method == "map_err")),
    )
}

/// `....build()?`
fn is_built(expr: &Expr) -> bool {
    matches!(expr, Expr::Try(tried) if matches!(&*tried.expr, Expr::MethodCall(call) if call.method == "build"))
}

/// What `let Self { client, .. } = self` calls the client.
fn client_of(statement: &Stmt) -> Option<syn::Ident> {
    let Stmt::Local(syn::Local { pat: syn::Pat::Struct(fields), .. }) = statement else { return None };
    let field = fields.fields.first()?;
    match &*field.pat {
        syn::Pat::Ident(name) if fields.path.is_ident("Self") => Some(name.ident.clone()),
        _ => None,
    }
}

/// `NAME` of `&super::operations::NAME`.
fn operation_of(expr: &Expr) -> Option<syn::Ident> {
    let Expr::Reference(reference) = expr else { return None };
    let Expr::Path(path) = &*reference.expr else { return None };
    path.path.segments.last().map(|segment| segment.ident.clone())
}

/// `impl ClientHooks<..> for &Client {}`
fn is_hooks(item: &Item) -> bool {
    let Item::Impl(block) = item else { return false };
    let last = block.trait_.as_ref().and_then(|(path, _)| path.segments.last());
    last.is_some_and(|segment| segment.ident == "ClientHooks")
}

fn drop_names(tree: &mut syn::UseTree, names: &[&str]) {
    match tree {
        syn::UseTree::Path(path) => drop_names(&mut path.tree, names),
        syn::UseTree::Group(group) => {
            let kept = group.items.iter().filter(
                |item| !matches!(item, syn::UseTree::Name(name) if names.iter().any(|dropped| name.ident == dropped)),
            );
            group.items = kept.cloned().collect();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    #[test]
    fn a_call_in_a_form_that_is_not_known_is_told() {
        let source = Source::parse("acme.yaml", include_str!("../tests/specs/acme.yaml")).unwrap();
        let model = Model::read(&source).unwrap();
        let mut file: syn::File = syn::parse_quote! {
            pub mod builder {
                impl<'a> GetUser<'a> {
                    pub async fn send(self) -> Result<ResponseValue<types::User>, Error> {
                        let Self { client } = self;
                        client.get("/user").await
                    }
                }
                impl<'a> ListNotes<'a> {
                    pub async fn send(self) -> Result<ResponseValue<types::NotePage>, Error> {
                        let Self { client } = self;
                        let mut request = client.client.get(url).build()?;
                        let info = &super::operations::LIST_NOTES;
                        let result = client.exec(request, &info).await;
                        let response = result?;
                        match response.status().as_u16() {
                            200..=299 => ResponseValue::from_response(response).await,
                        }
                    }
                }
            }
        };
        assert_eq!(shorten(&mut file, &model, |_| false), HashSet::from(["listNotes"]));
    }
}
