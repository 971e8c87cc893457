use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Fields, Ident, LitStr, Path, Result, Type};

#[derive(Default)]
struct Attributes {
    table: Option<LitStr>,
    key: Option<Ident>,
    owner: Option<Ident>,
    tenant: Option<Ident>,
    state: Option<Path>,
}

impl Attributes {
    fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut read = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("row")) {
            attribute.parse_nested_meta(|meta| {
                let value: LitStr = meta.value()?.parse()?;
                match meta.path.get_ident().map(ToString::to_string).as_deref() {
                    Some("table") => read.table = Some(value),
                    Some("key") => read.key = Some(value.parse()?),
                    Some("owner") => read.owner = Some(value.parse()?),
                    Some("tenant") => read.tenant = Some(value.parse()?),
                    Some("state") => read.state = Some(value.parse()?),
                    _ => return Err(meta.error("unknown: use `table`, `key`, `owner`, `tenant` or `state`")),
                }
                Ok(())
            })?;
        }
        Ok(read)
    }
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let attributes = Attributes::read(&input.attrs)?;
    let required = |what| Error::new(input.span(), format!("#[row({what} = \"…\")] is missing"));
    let table = attributes.table.as_ref().ok_or_else(|| required("table"))?;
    let key = attributes.key.as_ref().ok_or_else(|| required("key"))?;
    let row = &input.ident;
    let state = attributes.state.clone().unwrap_or_else(|| row.clone().into());
    let columns = columns(input)?;
    let (names, types): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let key_type = names.iter().zip(&types).find(|(name, _)| **name == key).map(|(_, kind)| kind);
    let key_type = key_type.ok_or_else(|| Error::new(key.span(), "no field has this name"))?;
    let (owner_column, owner) = match &attributes.owner {
        Some(owner) => (quote!(Some(stringify!(#owner))), quote!(self.#owner.as_deref())),
        None => (quote!(None), quote!(None)),
    };
    let (tenant_column, tenant) = match &attributes.tenant {
        Some(tenant) => {
            (quote!(Some(stringify!(#tenant))), quote!(::store::ColumnValue::to_stored(&self.#tenant).into()))
        }
        None => (quote!(None), quote!(None)),
    };
    Ok(quote! {
        impl ::store::Row for #row {
            type Key = #key_type;
            type State = #state;
            const TABLE: ::store::Table = ::store::Table {
                name: #table,
                key: stringify!(#key),
                columns: &[#((stringify!(#names), <#types as ::store::ColumnValue>::COLUMN)),*],
            };
            const OWNER: Option<&'static str> = #owner_column;
            const TENANT: Option<&'static str> = #tenant_column;

            fn key(&self) -> &#key_type {
                &self.#key
            }

            fn owner(&self) -> Option<&str> {
                #owner
            }

            fn tenant(&self) -> Option<i64> {
                #tenant
            }
        }

        impl<'r> ::store::sqlx::FromRow<'r, ::store::sqlx::any::AnyRow> for #row {
            fn from_row(row: &'r ::store::sqlx::any::AnyRow) -> Result<Self, ::store::sqlx::Error> {
                Ok(Self { #(#names: ::store::read_column(row, stringify!(#names))?),* })
            }
        }

        impl ::store::serde::Serialize for #row {
            fn serialize<S: ::store::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use ::store::serde::ser::SerializeMap as _;

                let mut columns = serializer.serialize_map(None)?;
                #(columns.serialize_entry(stringify!(#names), &::store::ColumnValue::to_stored(&self.#names))?;)*
                columns.end()
            }
        }
    })
}

fn columns(input: &DeriveInput) -> Result<Vec<(&Ident, &Type)>> {
    match &input.data {
        Data::Struct(data) if matches!(data.fields, Fields::Named(_)) => {
            Ok(data.fields.iter().filter_map(|field| Some((field.ident.as_ref()?, &field.ty))).collect())
        }
        _ => Err(Error::new(input.span(), "a struct with named fields is expected")),
    }
}
