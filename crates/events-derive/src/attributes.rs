//! The attributes of both derives, and the variants of the enum.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Fields, Ident, LitStr, Path, Result, Type};

/// What an attribute such as `#[events(context = "visit", key = "id")]` sets.
#[derive(Default)]
pub(crate) struct Attributes {
    pub(crate) context: Option<LitStr>,
    pub(crate) key: Option<Ident>,
    pub(crate) key_type: Option<Path>,
    pub(crate) epoch: Option<Ident>,
}

impl Attributes {
    pub(crate) fn read(name: &str, attributes: &[Attribute]) -> Result<Self> {
        let mut read = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
            attribute.parse_nested_meta(|meta| {
                let value: LitStr = meta.value()?.parse()?;
                match meta.path.get_ident().map(ToString::to_string).as_deref() {
                    Some("context") => read.context = Some(value),
                    Some("key") => read.key = Some(value.parse()?),
                    Some("key_type") => read.key_type = Some(value.parse()?),
                    Some("epoch") => read.epoch = Some(value.parse()?),
                    _ => return Err(meta.error("unknown: use `context`, `key`, `key_type` or `epoch`")),
                }
                Ok(())
            })?;
        }
        Ok(read)
    }

    pub(crate) fn key_type(&self) -> Path {
        self.key_type.clone().unwrap_or_else(|| Ident::new("i64", Span::call_site()).into())
    }
}

/// A variant, which holds the data of one event.
pub(crate) struct EventVariant<'a> {
    pub(crate) name: &'a Ident,
    pub(crate) content: &'a Type,
    pub(crate) attributes: Attributes,
}

/// The variants of the enum, each of which holds one struct.
pub(crate) fn variants<'a>(name: &str, input: &'a DeriveInput) -> Result<Vec<EventVariant<'a>>> {
    let Data::Enum(data) = &input.data else { return Err(Error::new(input.span(), "an enum is expected")) };
    let variants = data.variants.iter().map(|variant| match &variant.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => Ok(EventVariant {
            name: &variant.ident,
            content: &fields.unnamed[0].ty,
            attributes: Attributes::read(name, &variant.attrs)?,
        }),
        _ => Err(Error::new(variant.span(), "a variant holds one struct: the data of the event")),
    });
    variants.collect()
}
