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

/// What is spoken, in the order of preference.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Shakes hands as TLS 1.2 and 1.3 want it.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

/// Why there is no certificate to be shown.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file is not there, or not PEM, or not of this kind.
    #[error("{}: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: rustls::pki_types::pem::Error,
    },
    /// There is no certificate in the file.
    #[error("{}: there is no certificate in it", .0.display())]
    None(PathBuf),
    /// The certificate and the key are of no use, together or at all.
    #[error("certificate and key: {0}")]
    Pair(#[from] rustls::Error),
}

/// Where the certificate and its key are.
#[derive(Debug, Clone)]
pub struct Files {
    /// The certificate, and those that lead from it to a root (PEM).
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
}

impl Files {
    fn read(&self, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
        let broken = |file: &Path| {
            let file = file.to_owned();
            move |source| TlsError::File { file: file.clone(), source }
        };
        let chain = CertificateDer::pem_file_iter(&self.certificate).map_err(broken(&self.certificate))?;
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(broken(&self.certificate))?;
        if chain.is_empty() {
            return Err(TlsError::None(self.certificate.clone()));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(broken(&self.key))?;
        Ok(CertifiedKey::from_der(chain, key, provider)?)
    }
}

/// The certificate that is shown at the moment.
#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// With the certificate in `files`, and those that come there later: they are looked at every so often.
    pub fn start(files: Files, every: Duration, host: &Host) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let shown = Arc::new(Shown(RwLock::new(Arc::new(files.read(&provider)?))));
        let config =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::<Shown>::clone(&shown));
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
        let stopping = host.stopping();
        host.spawn("certificate", async move {
            stopping.run_until_cancelled(keep_reading(files, every, provider, shown)).await;
        });
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

/// A pair that does not fit, as while one of two files is replaced, is looked at again later.
async fn keep_reading(files: Files, every: Duration, provider: Arc<CryptoProvider>, shown: Arc<Shown>) {
    let mut refused = false;
    loop {
        sleep(every).await;
        match files.read(&provider) {
            Ok(pair) => {
                refused = false;
                let mut current = shown.0.write().unwrap_or_else(PoisonError::into_inner);
                if current.cert != pair.cert {
                    *current = Arc::new(pair);
                    tracing::info!("another certificate is shown from now on");
                }
            }
            Err(error) if !refused => {
                refused = true;
                tracing::error!(%error, "the certificate cannot be read: that of before is shown");
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
