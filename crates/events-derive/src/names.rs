use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, Result};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else { return Err(Error::new(input.span(), "an enum is expected")) };
    if let Some(variant) = data.variants.iter().find(|variant| !matches!(variant.fields, Fields::Unit)) {
        return Err(Error::new(variant.span(), "a variant with a name holds nothing"));
    }
    let (set, variants) = (&input.ident, data.variants.iter().map(|variant| &variant.ident).collect::<Vec<_>>());
    let (count, names) = (variants.len(), variants.iter().map(|variant| camel_case(&variant.to_string())));
    let names = names.map(|name| Literal::string(&name));
    Ok(quote! {
        impl #set {
            /// All, in the order of their declaration.
            pub const ALL: [Self; #count] = [#(Self::#variants),*];

            /// Its name in JSON and in stores.
            pub const fn name(self) -> &'static str {
                match self {
                    #(Self::#variants => #names,)*
                }
            }

            /// The one of that name.
            pub fn named(name: &str) -> ::core::option::Option<Self> {
                Self::ALL.into_iter().find(|one| one.name() == name)
            }
        }
    })
}

/// As serde with `rename_all = "camelCase"`.
fn camel_case(variant: &str) -> String {
    let (first, rest) = variant.split_at(1);
    first.to_lowercase() + rest
}
