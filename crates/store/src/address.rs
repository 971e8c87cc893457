use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use crate::{Config, Dialect, OpenError};

/// Where a store is. It may hold a password: nobody gets to see it.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) dialect: Dialect,
    /// As the driver wants it.
    pub(crate) url: String,
    /// If it is one.
    pub(crate) file: Option<PathBuf>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("dialect", &self.dialect).field("file", &self.file).finish_non_exhaustive()
    }
}

impl Address {
    /// What a URL alone says.
    pub(crate) fn of(url: &str) -> Result<Self, OpenError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self { dialect: Dialect::Postgres, url: url.to_owned(), file: None });
        }
        let path = url.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest));
        // Without a colon it may be anything, a password too.
        let scheme = || url.split_once(':').map(|(scheme, _)| scheme.to_owned()).unwrap_or_default();
        let path = path.filter(|path| !path.is_empty()).ok_or_else(|| OpenError::Url(scheme()))?;
        let (url, file) = (format!("sqlite://{path}?mode=rwc"), Some(PathBuf::from(path)));
        Ok(Self { dialect: Dialect::Sqlite, url, file })
    }

    /// What the settings say: the URL, and what it leaves to files.
    pub(crate) fn configured(config: &Config) -> Result<Self, OpenError> {
        let mut address = Self::of(&config.store_url)?;
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
                take(&mut url, setting, file)?;
            }
            check(&parsed_options(url.as_str())?, config)?;
            address.url = url.into();
        }
        Ok(address)
    }
}

/// Has the URL say what a setting says. What both say must not be guessed.
fn take(url: &mut Url, setting: &str, file: &Path) -> Result<(), OpenError> {
    let text = fs::read_to_string(file)
        .map_err(|error| OpenError::Setting(format!("{setting}, {}: {error}", file.display())))?;
    let parameter = match setting {
        "STORE_PASSWORD_FILE" => {
            let password = text.trim_end_matches(['\r', '\n']);
            if password.is_empty() || url.password().is_some() {
                let wrong = if password.is_empty() { "is empty" } else { "is set, and STORE_URL has a password too" };
                return Err(OpenError::Setting(format!("{setting} {wrong}")));
            }
            let taken = url.set_password(Some(password));
            return taken.map_err(|()| OpenError::Setting(format!("{setting} is set, and STORE_URL names no host")));
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

/// No connection that somebody believes to be protected, and is not.
fn check(options: &PgConnectOptions, config: &Config) -> Result<(), OpenError> {
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

    /// A file that is there.
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

    #[test]
    fn a_password_comes_from_a_file_whatever_is_in_it_and_is_never_shown() {
        let file = std::env::temp_dir().join(format!("flotilla-store-password-{}", std::process::id()));
        let named = file.display().to_string();
        let told = |url| configured(&["--store-url", url, "--store-password-file", &named]);
        fs::write(&file, "s3:cr/e@t ?#%\n").unwrap();
        let address = told("postgres://crane@host/crane").unwrap();
        let both = told("postgres://crane:other@host/crane").unwrap_err();
        fs::write(&file, "\n").unwrap();
        let empty = told("postgres://crane@host/crane").unwrap_err();
        fs::remove_file(&file).unwrap();
        let options: PgConnectOptions = address.url.parse().unwrap();
        assert!(format!("{options:?}").contains("s3:cr/e@t ?#%"), "{options:?}");
        assert!(!format!("{address:?}").contains("s3"), "{address:?}");
        assert_eq!(both, "STORE_PASSWORD_FILE is set, and STORE_URL has a password too");
        assert_eq!(empty, "STORE_PASSWORD_FILE is empty");
    }

    #[test]
    fn an_authority_means_that_the_server_must_be_who_the_url_says() {
        let told = |url, more: &[&str]| configured(&[&["--store-url", url, "--store-ca-file", FILE], more].concat());
        let options: PgConnectOptions = told("postgres://crane@host/crane", &[]).unwrap().url.parse().unwrap();
        assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull));
        let weaker = told("postgres://crane@host/crane?sslmode=require", &[]).unwrap_err();
        assert_eq!(weaker, "STORE_CA_FILE is set, and STORE_URL says another sslmode than verify-full");
        let twice = told("postgres://crane@host/crane?sslrootcert=/a", &[]).unwrap_err();
        assert_eq!(twice, "STORE_CA_FILE is set, and STORE_URL says sslrootcert too");
        let half = told("postgres://crane@host/crane", &["--store-cert-file", FILE]).unwrap_err();
        assert_eq!(half, "STORE_CERT_FILE and STORE_KEY_FILE go together");
        let file = told("sqlite:store.db", &[]).unwrap_err();
        assert_eq!(file, "STORE_CA_FILE is for PostgreSQL, and STORE_URL names a file");
        let gone = configured(&["--store-url", "postgres://host/crane", "--store-ca-file", "/nowhere"]).unwrap_err();
        assert!(gone.starts_with("STORE_CA_FILE, /nowhere: No such file"), "{gone}");
    }
}
