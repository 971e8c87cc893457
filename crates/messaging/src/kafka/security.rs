use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io, path};

use clap::{Args, FromArgMatches as _, ValueEnum};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

/// Encryption and authentication of connections to Kafka.
///
/// Passwords and keys are in files, and read when a client is created: no setting is a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[group(id = "protection")]
pub struct Security {
    /// Whether connections to Kafka are encrypted, and authenticated by a password
    #[arg(long, env = "KAFKA_SECURITY", default_value = "plaintext")]
    pub kafka_security: Protection,

    /// The authorities (PEM) that sign the brokers' certificates [default: those that the system trusts]
    #[arg(long, env = "KAFKA_CA_FILE")]
    pub kafka_ca_file: Option<PathBuf>,

    /// The client certificate (PEM), for brokers that require one
    #[arg(long, env = "KAFKA_CERT_FILE")]
    pub kafka_cert_file: Option<PathBuf>,

    /// The private key of the client certificate (PEM)
    #[arg(long, env = "KAFKA_KEY_FILE")]
    pub kafka_key_file: Option<PathBuf>,

    /// The SASL mechanism
    #[arg(long, env = "KAFKA_SASL_MECHANISM", default_value = "scram-sha-512")]
    pub kafka_sasl_mechanism: Mechanism,

    /// The name that goes with the password
    #[arg(long, env = "KAFKA_USERNAME")]
    pub kafka_username: Option<String>,

    /// The file with the password
    #[arg(long, env = "KAFKA_PASSWORD_FILE")]
    pub kafka_password_file: Option<PathBuf>,
}

/// How connections are protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Protection {
    /// Neither encrypted nor authenticated: for a private network.
    #[default]
    Plaintext,
    /// Encrypted, to brokers with a valid certificate.
    Tls,
    /// As `Tls`, and authenticated by a password.
    SaslTls,
}

/// The SASL mechanism.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Mechanism {
    /// A challenge; the password is not sent.
    #[value(name = "scram-sha-256")]
    ScramSha256,
    /// As `ScramSha256`, with the longer hash.
    #[default]
    #[value(name = "scram-sha-512")]
    ScramSha512,
    /// The password is sent: only the encryption protects it.
    Plain,
}

/// Why a client cannot be created with these settings.
#[derive(Debug, thiserror::Error)]
enum SecurityError {
    /// An error, so that no connection is believed to be protected which is not.
    #[error("{setting} is set, but KAFKA_SECURITY is {protection}, which has no use for it")]
    Unused { setting: &'static str, protection: &'static str },
    #[error("KAFKA_SECURITY is {protection}, which needs {setting}")]
    Missing { setting: &'static str, protection: &'static str },
    #[error("{setting}, {}: {source}", path.display())]
    File { setting: &'static str, path: PathBuf, source: io::Error },
    #[error("{setting}, {}: it is empty", path.display())]
    Empty { setting: &'static str, path: PathBuf },
    #[error(
        "KAFKA_SECURITY is {protection}, and this program was built without: \
         cargo build --features messaging/kafka-tls, as the images are"
    )]
    NotBuilt { protection: &'static str },
}

impl Protection {
    /// The value of the setting.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Tls => "tls",
            Self::SaslTls => "sasl-tls",
        }
    }
}

impl Security {
    /// Reads the environment: for programs without a command line.
    pub fn from_env() -> Result<Self, clap::Error> {
        let command = Self::augment_args(clap::Command::new("security"));
        Self::from_arg_matches(&command.try_get_matches_from(["security"])?)
    }

    /// The environment that gives another process the same settings.
    pub fn env(&self) -> BTreeMap<String, String> {
        if self.kafka_security == Protection::Plaintext {
            return BTreeMap::new();
        }
        let text = |file: &Option<PathBuf>| {
            // The other process may have another working directory.
            let file = file.as_ref().map(|file| path::absolute(file).unwrap_or_else(|_| file.clone()));
            file.map(|file| file.to_string_lossy().into_owned())
        };
        let variables = [
            ("KAFKA_SECURITY", Some(self.kafka_security.name().to_owned())),
            ("KAFKA_SASL_MECHANISM", Some(self.mechanism().to_ascii_lowercase())),
            ("KAFKA_USERNAME", self.kafka_username.clone()),
            ("KAFKA_CA_FILE", text(&self.kafka_ca_file)),
            ("KAFKA_CERT_FILE", text(&self.kafka_cert_file)),
            ("KAFKA_KEY_FILE", text(&self.kafka_key_file)),
            ("KAFKA_PASSWORD_FILE", text(&self.kafka_password_file)),
        ];
        variables.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// Adds the settings to those of a client.
    ///
    /// # Errors
    ///
    /// If settings contradict each other, a file cannot be read, or this build has no TLS.
    pub fn protect(&self, client: &mut ClientConfig) -> Result<(), KafkaError> {
        self.try_protect(client).map_err(|error| KafkaError::ClientCreation(error.to_string()))
    }

    fn try_protect(&self, client: &mut ClientConfig) -> Result<(), SecurityError> {
        let protection = self.kafka_security.name();
        self.check()?;
        if self.kafka_security == Protection::Plaintext {
            return Ok(());
        }
        if !cfg!(feature = "kafka-tls") {
            return Err(SecurityError::NotBuilt { protection });
        }
        // Empty means those built in; "probe" means those of the system.
        let authorities = self.kafka_ca_file.as_deref().map_or("probe".into(), Path::to_string_lossy);
        client.set("security.protocol", "ssl").set("ssl.ca.location", authorities);
        client.set("ssl.endpoint.identification.algorithm", "https");
        if let (Some(certificate), Some(key)) = (&self.kafka_cert_file, &self.kafka_key_file) {
            client.set("ssl.certificate.location", certificate.to_string_lossy());
            client.set("ssl.key.location", key.to_string_lossy());
        }
        if let (Some(username), Some(file)) = (&self.kafka_username, &self.kafka_password_file) {
            client.set("security.protocol", "sasl_ssl").set("sasl.mechanism", self.mechanism());
            client.set("sasl.username", username).set("sasl.password", password(file)?);
        }
        Ok(())
    }

    /// Checks that all needed settings are set, and no other ones.
    fn check(&self) -> Result<(), SecurityError> {
        let protection = self.kafka_security.name();
        let (tls, sasl) = match self.kafka_security {
            Protection::Plaintext => (false, false),
            Protection::Tls => (true, false),
            Protection::SaslTls => (true, true),
        };
        let (certificate, key) = (self.kafka_cert_file.is_some(), self.kafka_key_file.is_some());
        for (setting, set, allowed, needed) in [
            ("KAFKA_CA_FILE", self.kafka_ca_file.is_some(), tls, false),
            ("KAFKA_CERT_FILE", certificate, tls, key),
            ("KAFKA_KEY_FILE", key, tls, certificate),
            ("KAFKA_USERNAME", self.kafka_username.is_some(), sasl, sasl),
            ("KAFKA_PASSWORD_FILE", self.kafka_password_file.is_some(), sasl, sasl),
        ] {
            if set && !allowed {
                return Err(SecurityError::Unused { setting, protection });
            }
            if needed && !set {
                return Err(SecurityError::Missing { setting, protection });
            }
        }
        let files = [
            ("KAFKA_CA_FILE", &self.kafka_ca_file),
            ("KAFKA_CERT_FILE", &self.kafka_cert_file),
            ("KAFKA_KEY_FILE", &self.kafka_key_file),
        ];
        for (setting, path) in files.into_iter().filter_map(|(setting, path)| Some((setting, path.as_ref()?))) {
            fs::File::open(path).map_err(|source| SecurityError::File { setting, path: path.clone(), source })?;
        }
        Ok(())
    }

    const fn mechanism(&self) -> &'static str {
        match self.kafka_sasl_mechanism {
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
            Mechanism::Plain => "PLAIN",
        }
    }
}

/// The password in a file, without the line end that an editor adds.
fn password(path: &Path) -> Result<String, SecurityError> {
    let setting = "KAFKA_PASSWORD_FILE";
    let text =
        fs::read_to_string(path).map_err(|source| SecurityError::File { setting, path: path.to_owned(), source })?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(SecurityError::Empty { setting, path: path.to_owned() });
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(security: &Security) -> String {
        security.protect(&mut ClientConfig::new()).unwrap_err().to_string()
    }

    #[test]
    fn a_setting_that_has_no_effect_and_one_that_is_missing_are_rejected() {
        let file = Some(PathBuf::from("/nowhere"));
        let plain = Security { kafka_ca_file: file.clone(), ..Security::default() };
        assert!(
            rejection(&plain).contains("KAFKA_CA_FILE is set, but KAFKA_SECURITY is plaintext"),
            "{}",
            rejection(&plain)
        );
        let tls = Security { kafka_security: Protection::Tls, ..Security::default() };
        let named = Security { kafka_username: Some("crane".to_owned()), ..tls.clone() };
        assert!(rejection(&named).contains("KAFKA_USERNAME is set, but KAFKA_SECURITY is tls"));
        let half = Security { kafka_cert_file: file.clone(), ..tls.clone() };
        assert!(rejection(&half).contains("needs KAFKA_KEY_FILE"));
        let gone = Security { kafka_ca_file: file, ..tls.clone() };
        assert!(rejection(&gone).contains("KAFKA_CA_FILE, /nowhere: No such file"));
        let sasl = Security { kafka_security: Protection::SaslTls, ..Security::default() };
        assert!(rejection(&sasl).contains("sasl-tls, which needs KAFKA_USERNAME"));
        let mut client = ClientConfig::new();
        Security::default().protect(&mut client).unwrap();
        assert_eq!(client.get("security.protocol"), None);
    }

    #[test]
    #[cfg(not(feature = "kafka-tls"))]
    fn a_program_without_tls_fails_instead_of_connecting_without() {
        let tls = Security { kafka_security: Protection::Tls, ..Security::default() };
        assert!(rejection(&tls).contains("this program was built without: cargo build --features messaging/kafka-tls"));
    }

    #[test]
    #[cfg(feature = "kafka-tls")]
    fn a_password_is_read_from_its_file_without_the_line_end() {
        let folder = std::env::temp_dir().join(format!("flotilla-password-{}", std::process::id()));
        let mut security = Security { kafka_security: Protection::SaslTls, ..Security::default() };
        security.kafka_username = Some("crane".to_owned());
        security.kafka_password_file = Some(folder.clone());
        fs::write(&folder, "\n").unwrap();
        assert!(rejection(&security).contains("it is empty"));
        fs::write(&folder, "hush hush\r\n").unwrap();
        let mut client = ClientConfig::new();
        security.protect(&mut client).unwrap();
        fs::remove_file(&folder).unwrap();
        assert_eq!(client.get("sasl.password"), Some("hush hush"));
        assert_eq!(client.get("security.protocol"), Some("sasl_ssl"));
        assert_eq!(client.get("sasl.mechanism"), Some("SCRAM-SHA-512"));
        assert!(!format!("{security:?}").contains("hush"));
    }
}
