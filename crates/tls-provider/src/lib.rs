//! Selects the cryptography provider of rustls for the process.
//!
//! rustls has two providers, and chooses by itself only if one of them is compiled in. A program built in one cargo
//! call with the embedded broker has both, and its first HTTP client or TLS connection would panic. So every `main`
//! calls [`install`] first.

/// Installs aws-lc-rs, which also signs and verifies tokens. No effect if a provider is installed already.
pub fn install() {
    let _installed_already = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_process_has_a_provider_from_then_on_however_often_it_is_installed() {
        super::install();
        super::install();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }
}
