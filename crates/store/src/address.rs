use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use crate::sqlite_file;
use crate::{Config, Dialect, OpenError};

/// The address of a store. It may contain a password, so `Debug` omits the URL.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) dialect: Dialect,
    /// The URL in the form that the driver expects.
    pub(crate) url: String,
    /// The path of a `SQLite` file.
    pub(crate) file: Option<PathBuf>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("dialect", &self.dialect).field("file", &self.file).finish_non_exhaustive()
    }
}

impl Address {
    /// The address in a URL.
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self { dialect: Dialect::Postgres, url: url.to_owned(), file: None });
        }
        // Without a colon the text may be anything, including a password.
        let scheme = || url.split_once(':').map(|(scheme, _)| scheme.to_owned()).unwrap_or_default();
        let file = sqlite_file::parse_url(url)?.ok_or_else(|| OpenError::Url(scheme()))?;
        Ok(Self { dialect: Dialect::Sqlite, url: sqlite_file::sqlx_url(&file, "rwc")?, file: Some(file) })
    }

    /// The address in the settings: the URL, completed with the files.
    pub(crate) fn configured(config: &Config) -> Result<Self, OpenError> {
        let mut address = Self::parse(&config.store_url)?;
        let files = [
            ("STORE_PASSWORD_FILE", &config.store_password_file),
            ("STORE_CA_FILE", &config.store_ca_file),
            ("STORE_CERT_FILE", &config.store_cert_file),
            ("STORE_KEY_FILE", &config.store_key_file),
        ];
        let files: Vec<(&str, &Path)> =
            files.into_iter().filter_map(|(setting, file)| Some((setting, file.as_deref()?))).collect();
        if let (Dialect::Sqlite, Some((setting, _))) = (address.dialect, files.first()) {
            return Err(OpenError::Setting(format!("{setting} is for PostgreSQL, and STORE_URL names a file")));
        }
        if address.dialect == Dialect::Postgres {
            let mut url = parsed(&address.url)?;
            for (setting, file) in files {
                apply_file(&mut url, setting, file)?;
            }
            check_tls(&parsed_options(url.as_str())?, config)?;
            address.url = url.into();
        }
        Ok(address)
    }
}

/// Adds a setting to the URL. A setting that the URL has already is an error.
fn apply_file(url: &mut Url, setting: &str, file: &Path) -> Result<(), OpenError> {
    let text = fs::read_to_string(file)
        .map_err(|error| OpenError::Setting(format!("{setting}, {}: {error}", file.display())))?;
    let parameter = match setting {
        "STORE_PASSWORD_FILE" => {
            let password = text.trim_end_matches(['\r', '\n']);
            if password.is_empty() || url.password().is_some() {
                let wrong = if password.is_empty() { "is empty" } else { "is set, and STORE_URL has a password too" };
                return Err(OpenError::Setting(format!("{setting} {wrong}")));
            }
            let result = url.set_password(Some(password));
            return result.map_err(|()| OpenError::Setting(format!("{setting} is set, and STORE_URL names no host")));
        }
        "STORE_CA_FILE" => "sslrootcert",
        "STORE_CERT_FILE" => "sslcert",
        _ => "sslkey",
    };
    if url.query_pairs().any(|(name, _)| name == parameter) {
        return Err(OpenError::Setting(format!("{setting} is set, and STORE_URL says {parameter} too")));
    }
    url.query_pairs_mut().append_pair(parameter, &file.to_string_lossy());
    if setting == "STORE_CA_FILE" && !url.query_pairs().any(|(name, _)| name == "sslmode") {
        url.query_pairs_mut().append_pair("sslmode", "verify-full");
    }
    Ok(())
}

/// Rejects settings that promise more protection than the connection would have.
fn check_tls(options: &PgConnectOptions, config: &Config) -> Result<(), OpenError> {
    if config.store_ca_file.is_some() && !matches!(options.get_ssl_mode(), PgSslMode::VerifyFull) {
        let wrong = "STORE_CA_FILE is set, and STORE_URL says another sslmode than verify-full";
        return Err(OpenError::Setting(wrong.to_owned()));
    }
    let (certificate, key) = (&config.store_cert_file, &config.store_key_file);
    if certificate.is_some() != key.is_some() {
        return Err(OpenError::Setting("STORE_CERT_FILE and STORE_KEY_FILE go together".to_owned()));
    }
    if certificate.is_some() && config.store_ca_file.is_none() {
        return Err(OpenError::Setting("STORE_CERT_FILE needs STORE_CA_FILE".to_owned()));
    }
    Ok(())
}

fn parsed(url: &str) -> Result<Url, OpenError> {
    url.parse().map_err(|error: url::ParseError| OpenError::Setting(format!("STORE_URL cannot be read: {error}")))
}

fn parsed_options(url: &str) -> Result<PgConnectOptions, OpenError> {
    url.parse().map_err(|error: sqlx::Error| OpenError::Setting(format!("STORE_URL cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        store: Config,
    }

    fn configured(arguments: &[&str]) -> Result<Address, String> {
        let config = Cli::parse_from([&["test"], arguments].concat()).store;
        Address::configured(&config).map_err(|error| error.to_string())
    }

    /// An existing file.
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

    #[test]
    fn a_password_comes_from_a_file_whatever_is_in_it_and_is_never_shown() {
        let file = std::env::temp_dir().join(format!("flotilla-store-password-{}", std::process::id()));
        let named = file.display().to_string();
        let configure = |url| configured(&["--store-url", url, "--store-password-file", &named]);
        fs::write(&file, "s3:cr/e@t ?#%\n").unwrap();
        let address = configure("postgres://crane@host/crane").unwrap();
        let both = configure("postgres://crane:other@host/crane").unwrap_err();
        fs::write(&file, "\n").unwrap();
        let empty = configure("postgres://crane@host/crane").unwrap_err();
        fs::remove_file(&file).unwrap();
        let options: PgConnectOptions = address.url.parse().unwrap();
        assert!(format!("{options:?}").contains("s3:cr/e@t ?#%"), "{options:?}");
        assert!(!format!("{address:?}").contains("s3"), "{address:?}");
        assert_eq!(both, "STORE_PASSWORD_FILE is set, and STORE_URL has a password too");
        assert_eq!(empty, "STORE_PASSWORD_FILE is empty");
    }

    #[test]
    fn a_certificate_authority_requires_verify_full() {
        let configure =
            |url, more: &[&str]| configured(&[&["--store-url", url, "--store-ca-file", FILE], more].concat());
        let options: PgConnectOptions = configure("postgres://crane@host/crane", &[]).unwrap().url.parse().unwrap();
        assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull));
        let weaker = configure("postgres://crane@host/crane?sslmode=require", &[]).unwrap_err();
        assert_eq!(weaker, "STORE_CA_FILE is set, and STORE_URL says another sslmode than verify-full");
        let twice = configure("postgres://crane@host/crane?sslrootcert=/a", &[]).unwrap_err();
        assert_eq!(twice, "STORE_CA_FILE is set, and STORE_URL says sslrootcert too");
        let half = configure("postgres://crane@host/crane", &["--store-cert-file", FILE]).unwrap_err();
        assert_eq!(half, "STORE_CERT_FILE and STORE_KEY_FILE go together");
        let file = configure("sqlite:store.db", &[]).unwrap_err();
        assert_eq!(file, "STORE_CA_FILE is for PostgreSQL, and STORE_URL names a file");
        let gone = configured(&["--store-url", "postgres://host/crane", "--store-ca-file", "/nowhere"]).unwrap_err();
        assert!(gone.starts_with("STORE_CA_FILE, /nowhere: No such file"), "{gone}");
    }
}
