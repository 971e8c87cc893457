use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, Result};

use crate::attributes::{Attributes, variants};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let attributes = Attributes::read("events", &input.attrs)?;
    let required = |what| Error::new(input.span(), format!("#[events({what} = \"…\")] is missing"));
    let context = attributes.context.as_ref().ok_or_else(|| required("context"))?;
    let (set, key_type, variants) = (&input.ident, attributes.key_type(), variants("events", input)?);
    let names: Vec<_> = variants.iter().map(|variant| variant.name).collect();
    let mut events = TokenStream::new();
    for variant in &variants {
        let (name, data) = (variant.name, variant.content);
        let key = variant.attributes.key.as_ref().or(attributes.key.as_ref()).ok_or_else(|| required("key"))?;
        events.extend(quote! {
            impl ::events::Event for #data {
                type Key = #key_type;
                const CONTEXT: &'static str = #context;
                const NAME: &'static str = stringify!(#name);

                fn key(&self) -> #key_type {
                    ::core::clone::Clone::clone(&self.#key)
                }
            }

            impl ::core::convert::From<#data> for #set {
                fn from(event: #data) -> Self {
                    Self::#name(event)
                }
            }
        });
    }
    Ok(quote! {
        impl ::events::EventSet for #set {
            type Key = #key_type;
            const CONTEXT: &'static str = #context;
            const KINDS: &'static [&'static str] = &[#(stringify!(#names)),*];

            fn key(&self) -> #key_type {
                match self {
                    #(Self::#names(event) => ::events::Event::key(event),)*
                }
            }
        }

        #events
    })
}
