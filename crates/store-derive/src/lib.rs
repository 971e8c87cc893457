//! The derive of the crate `store`.

mod row;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `store::Row` for a struct: its fields are the columns.
///
/// `#[row(table = "orders", key = "id")]` names the table and the field that is its primary key. `owner = "customer"`
/// names the column of the subject that owns a row. `state = "Order"` names the type that rows are converted to and
/// from; without it, the row itself is the state.
#[proc_macro_derive(Row, attributes(row))]
pub fn derive_row(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    row::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
