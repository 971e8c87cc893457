//! The macros of the crate `events`. They emit plain `match` expressions, constants and attributes of serde and schemars.

mod attributes;
mod event;
mod event_set;
mod inbound;
mod names;

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemStruct, parse_macro_input};

/// Makes a struct an event: its JSON has camel case, and each field follows the schema of its type in `events::fields`, when it is
/// written and when it is read.
///
/// | type | module |
/// |---|---|
/// | `i64`, `Option<i64>` | `number`, `optional_number` |
/// | `String`, `Option<String>` | `text`, `optional_text` |
/// | any | the one that `#[field(date)]` names |
#[proc_macro_attribute]
pub fn event(_: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as ItemStruct);
    event::expand(item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `events::EventSet` for an enum with one variant per event, and `events::Event` for their structs.
///
/// `#[events(context = "orders", key = "order_id")]` names the context that publishes the events, and the field that is
/// the key of the record. A variant may have another key: `#[events(key = "id")]`. Keys are `i64`, unless
/// `key_type = "String"` is given.
#[proc_macro_derive(EventSet, attributes(events))]
pub fn derive_event_set(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    event_set::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `events::Inbound` for an enum with one variant per event that a context consumes.
///
/// `#[inbound(epoch = "attempt")]` names the field that orders the epochs of a business case. Without it, all events are
/// of one epoch. The key is that of the event, unless `key = "customer_id"` names another field, for all variants or for one. Keys are `i64`, unless
/// `key_type = "String"` is given.
#[proc_macro_derive(Inbound, attributes(inbound))]
pub fn derive_inbound(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    inbound::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Gives an enum of states the constant `ALL`, and the functions `name` and `named`: the names of the variants in JSON and in
/// stores, in camel case.
#[proc_macro_derive(Names)]
pub fn derive_names(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    names::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
