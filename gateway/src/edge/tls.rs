//! HTTPS: HTTP/2 and HTTP/1.1 over TLS, with a certificate that may be replaced while the gateway runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chassis::{Handshake, Host, Protocol};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Protocols in the order of preference.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Performs the TLS handshake (1.2 and 1.3).
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

/// Why a certificate cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file is missing or is not PEM of this kind.
    #[error("{}: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: rustls::pki_types::pem::Error,
    },
    /// The file contains no certificate.
    #[error("{}: there is no certificate in it", .0.display())]
    NoCertificate(PathBuf),
    /// The certificate or the key is invalid, or they do not match.
    #[error("certificate and key: {0}")]
    InvalidPair(#[from] rustls::Error),
}

/// The files of a certificate and its key.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// The certificate chain (PEM).
    pub certificate: PathBuf,
    /// The private key (PEM).
    pub key: PathBuf,
}

impl CertificateFiles {
    fn read(&self, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
        let broken = |file: &Path| {
            let file = file.to_owned();
            move |source| TlsError::File { file: file.clone(), source }
        };
        let chain = CertificateDer::pem_file_iter(&self.certificate).map_err(broken(&self.certificate))?;
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(broken(&self.certificate))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(self.certificate.clone()));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(broken(&self.key))?;
        Ok(CertifiedKey::from_der(chain, key, provider)?)
    }
}

/// The certificate in use.
#[derive(Debug)]
struct CurrentCertificate(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// Uses the certificate in `files`, which are read again every `interval`.
    pub fn start(files: CertificateFiles, interval: Duration, host: &Host) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = Arc::new(CurrentCertificate(RwLock::new(Arc::new(files.read(&provider)?))));
        let config =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::<CurrentCertificate>::clone(&current));
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
        let stopping = host.stopping();
        host.spawn("certificate", async move {
            stopping.run_until_cancelled(reload_loop(files, interval, provider, current)).await;
        });
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

/// A pair that does not match may be half replaced: it is read again later.
async fn reload_loop(
    files: CertificateFiles,
    interval: Duration,
    provider: Arc<CryptoProvider>,
    current: Arc<CurrentCertificate>,
) {
    let mut error_logged = false;
    loop {
        sleep(interval).await;
        match files.read(&provider) {
            Ok(pair) => {
                error_logged = false;
                let mut current = current.0.write().unwrap_or_else(PoisonError::into_inner);
                if current.cert != pair.cert {
                    *current = Arc::new(pair);
                    tracing::info!("the certificate was replaced");
                }
            }
            Err(error) if !error_logged => {
                error_logged = true;
                tracing::error!(%error, "the certificate cannot be read: the previous one stays in use");
            }
            Err(_) => {}
        }
    }
}

impl Handshake for Tls {
    type Io = TlsStream<TcpStream>;
    const ENCRYPTED: bool = true;

    async fn shake(self, stream: TcpStream) -> io::Result<(Self::Io, Protocol)> {
        let stream = self.0.accept(stream).await?;
        let spoken =
            if stream.get_ref().1.alpn_protocol() == Some(ALPN[0]) { Protocol::Http2 } else { Protocol::Http1 };
        Ok((stream, spoken))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tls").finish()
    }
}
