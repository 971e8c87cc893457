use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, Result};

use crate::attributes::{Attributes, EventVariant, variants};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let attributes = Attributes::read("inbound", &input.attrs)?;
    let (set, key_type, variants) = (&input.ident, attributes.key_type(), variants("inbound", input)?);
    let names: Vec<_> = variants.iter().map(|variant| variant.name).collect();
    let contents: Vec<_> = variants.iter().map(|variant| variant.content).collect();
    let keys = variants.iter().map(|variant| key(variant, &attributes));
    let epochs = variants.iter().map(|variant| {
        let epoch = variant.attributes.epoch.as_ref().or(attributes.epoch.as_ref());
        epoch.ok_or_else(|| Error::new(input.span(), "#[inbound(epoch = \"…\")] is missing"))
    });
    let epochs = epochs.collect::<Result<Vec<_>>>()?;
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
                    #(Self::#names(event) => event.#epochs,)*
                }
            }
        }
    })
}

fn key(variant: &EventVariant<'_>, attributes: &Attributes) -> TokenStream {
    let field = variant.attributes.key.as_ref().or(attributes.key.as_ref());
    field
        .map_or_else(|| quote!(::events::Event::key(event)), |field| quote!(::core::clone::Clone::clone(&event.#field)))
}
