//! Writes what a list can be filtered and sorted by as types: fields that are not there do not compile.

use heck::ToPascalCase;
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident, quote};
use syn::ImplItem;

use crate::model::{FILTER_OPS, Model, Operation, Search};

/// The module `search`, if a list has something to search by.
pub(crate) fn module(model: &Model) -> Option<TokenStream> {
    let lists = model.operations.iter().filter_map(|operation| Some((operation, operation.search.as_ref()?)));
    let types: Vec<TokenStream> = lists.flat_map(|(operation, search)| types(operation, search)).collect();
    (!types.is_empty()).then(|| {
        quote! {
            /// What lists can be filtered and sorted by, as far as the vendor or its users tell; the builders take any text too.
            pub mod search {
                #(#types)*
            }
        }
    })
}

fn types(operation: &Operation, search: &Search) -> Vec<TokenStream> {
    let mut types = Vec::new();
    if !search.filter.is_empty() {
        let (name, doc) = (filter_name(operation), format!("What `{}` can be filtered by.", operation.id));
        let ops = search.filter.iter().map(|(field, ops)| {
            let field = variant(field);
            let ops = ops
                .iter()
                .filter_map(|op| FILTER_OPS.iter().find(|(known, _)| known == op))
                .map(|(_, op)| format_ident!("{op}"));
            quote!(Self::#field => &[#(::ledgerkey::client::Op::#ops),*])
        });
        let fields: Vec<&str> = search.filter.iter().map(|(field, _)| field.as_str()).collect();
        let (definition, names) = (definition(&name, &doc, &fields), names(&fields));
        types.push(quote! {
            #definition
            impl ::ledgerkey::client::FilterField for #name {
                #names
                fn ops(self) -> &'static [::ledgerkey::client::Op] {
                    match self { #(#ops),* }
                }
            }
        });
    }
    if !search.sort.is_empty() {
        let (name, doc) = (sort_name(operation), format!("What `{}` can be sorted by.", operation.id));
        let fields: Vec<&str> = search.sort.iter().map(String::as_str).collect();
        let (definition, names) = (definition(&name, &doc, &fields), names(&fields));
        types.push(quote! {
            #definition
            impl ::ledgerkey::client::SortField for #name {
                #names
            }
        });
    }
    types
}

fn definition(name: &Ident, doc: &str, fields: &[&str]) -> TokenStream {
    let variants = fields.iter().map(|field| {
        let (variant, doc) = (variant(field), format!("`{field}`"));
        quote!(#[doc = #doc] #variant)
    });
    quote! {
        #[doc = #doc]
        #[derive(Debug, Clone, Copy)]
        pub enum #name { #(#variants),* }
    }
}

fn names(fields: &[&str]) -> TokenStream {
    let variants = fields.iter().map(|field| variant(field));
    quote! {
        fn name(self) -> &'static str {
            match self { #(Self::#variants => #fields),* }
        }
    }
}

fn variant(field: &str) -> Ident {
    format_ident!("{}", field.to_pascal_case())
}

fn filter_name(operation: &Operation) -> Ident {
    format_ident!("{}Filter", operation.id.to_pascal_case())
}

fn sort_name(operation: &Operation) -> Ident {
    format_ident!("{}Sort", operation.id.to_pascal_case())
}

/// The methods of a list's builder.
pub(crate) fn methods(operation: &Operation) -> Vec<ImplItem> {
    let Some(search) = &operation.search else { return Vec::new() };
    let mut methods = Vec::new();
    if !search.filter.is_empty() {
        let name = filter_name(operation);
        methods.push(syn::parse_quote! {
            /// Adds a filter: the list has the rows for which all of them hold. One that the vendor does not take is told by `send`.
            pub fn filter(mut self, filter: ::ledgerkey::client::Filter<super::search::#name>) -> Self {
                self.filters = ::ledgerkey::client::add_filter(self.filters, filter);
                self
            }
        });
    }
    if !search.sort.is_empty() {
        let name = sort_name(operation);
        // Of the machine that it runs on, and not of the one that it is built on: no literal.
        let most = search
            .sort_most
            .map_or_else(|| quote!(usize::MAX), |most| proc_macro2::Literal::u32_unsuffixed(most).into_token_stream());
        methods.push(syn::parse_quote! {
            /// Sorts by this field; by each further one where those before are equal, if the vendor takes several.
            pub fn sort_by(mut self, sort: ::ledgerkey::client::Sort<super::search::#name>) -> Self {
                self.sort = ::ledgerkey::client::add_sort(self.sort, sort, #most);
                self
            }
        });
    }
    methods
}
