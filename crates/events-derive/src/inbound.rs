use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, Ident, Result};

use crate::attributes::{Attributes, EventVariant, variants};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let attributes = Attributes::read("inbound", &input.attrs)?;
    let (set, key_type, variants) = (&input.ident, attributes.key_type(), variants("inbound", input)?);
    let names: Vec<_> = variants.iter().map(|variant| variant.name).collect();
    let contents: Vec<_> = variants.iter().map(|variant| variant.content).collect();
    let keys = variants.iter().map(|variant| key(variant, &attributes));
    let epochs = epochs(input, &variants, &attributes)?;
    Ok(quote! {
        impl ::events::Inbound for #set {
            type Key = #key_type;
            const CONTEXTS: &'static [&'static str] = &[#(<#contents as ::events::Event>::CONTEXT),*];

            fn decode(
                envelope: &::events::Envelope,
            ) -> ::core::result::Result<::core::option::Option<Self>, ::events::DecodeError> {
                #(
                    if let ::core::option::Option::Some(event) = envelope.decode::<#contents>()? {
                        return ::core::result::Result::Ok(::core::option::Option::Some(Self::#names(event)));
                    }
                )*
                ::core::result::Result::Ok(::core::option::Option::None)
            }

            fn key(&self) -> #key_type {
                match self {
                    #(Self::#names(event) => #keys,)*
                }
            }

            fn epoch(&self) -> i64 {
                match self {
                    #(#epochs)*
                }
            }
        }
    })
}

/// The arms of the method `epoch`. Without any attribute, all events are of one epoch.
fn epochs(input: &DeriveInput, variants: &[EventVariant<'_>], attributes: &Attributes) -> Result<Vec<TokenStream>> {
    let field = |variant: &EventVariant<'_>| variant.attributes.epoch.clone().or_else(|| attributes.epoch.clone());
    let fields: Vec<_> = variants.iter().map(field).collect();
    if fields.iter().all(Option::is_none) {
        return Ok(vec![quote!(_ => 0,)]);
    }
    let arm = |(variant, field): (&EventVariant<'_>, Option<Ident>)| {
        let (name, missing) = (variant.name, || Error::new(input.span(), "#[inbound(epoch = \"…\")] is missing"));
        field.map(|field| quote!(Self::#name(event) => event.#field,)).ok_or_else(missing)
    };
    variants.iter().zip(fields).map(arm).collect()
}

fn key(variant: &EventVariant<'_>, attributes: &Attributes) -> TokenStream {
    let field = variant.attributes.key.as_ref().or(attributes.key.as_ref());
    field
        .map_or_else(|| quote!(::events::Event::key(event)), |field| quote!(::core::clone::Clone::clone(&event.#field)))
}
