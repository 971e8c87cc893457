use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{Attribute, Error, Field, Fields, ItemStruct, Result, Type, parse_quote};

pub(crate) fn expand(mut event: ItemStruct) -> Result<TokenStream> {
    let Fields::Named(fields) = &mut event.fields else {
        return Err(Error::new_spanned(&event, "an event is a struct with named fields"));
    };
    fields.named.iter_mut().try_for_each(enforce_schema)?;
    Ok(quote! {
        #[derive(Debug, Clone, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize, ::schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        #event
    })
}

/// Adds the attributes that make serde and schemars use the module of `events::fields`.
fn enforce_schema(field: &mut Field) -> Result<()> {
    let module = match take_module(&mut field.attrs)? {
        Some(module) => module,
        None => module_of(&field.ty)?.to_owned(),
    };
    let (with, schema) = (format!("events::fields::{module}"), format!("events::fields::{module}::schema"));
    let may_be_absent =
        module.starts_with("optional_").then(|| quote!(default, skip_serializing_if = "Option::is_none",));
    field.attrs.push(parse_quote!(#[serde(#may_be_absent with = #with)]));
    field.attrs.push(parse_quote!(#[schemars(schema_with = #schema)]));
    Ok(())
}

/// The module that `#[field(date)]` names. Removes the attribute.
fn take_module(attributes: &mut Vec<Attribute>) -> Result<Option<String>> {
    let Some(place) = attributes.iter().position(|attribute| attribute.path().is_ident("field")) else {
        return Ok(None);
    };
    attributes.remove(place).parse_args().map(|module: Ident| Some(module.to_string()))
}

fn module_of(field_type: &Type) -> Result<&'static str> {
    match field_type.to_token_stream().to_string().replace(' ', "").as_str() {
        "i64" => Ok("number"),
        "Option<i64>" => Ok("optional_number"),
        "String" => Ok("text"),
        "Option<String>" => Ok("optional_text"),
        _ => Err(Error::new_spanned(field_type, "name the module of events::fields for this type: #[field(date)]")),
    }
}
