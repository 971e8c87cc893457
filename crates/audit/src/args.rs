use std::collections::BTreeMap;
use std::env;
use std::time::Duration;

use messaging::{Security, admin};

/// The arguments of every auditor.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The fleet: the first part of the names of its topics
    #[arg(long, env = "FLEET", default_value = "flotilla")]
    pub fleet: String,
    /// The broker: host:port,…
    #[arg(long, env = "KAFKA_BROKERS", default_value = "127.0.0.1:9092")]
    pub kafka_brokers: String,
    /// How connections to the broker are protected
    #[command(flatten)]
    pub security: Security,
    /// The store of a context; may be repeated. Otherwise it is taken from the environment, which keeps passwords out of
    /// process lists: `STORE_URL_CONTEXT`, in capital letters
    #[arg(long = "store", value_name = "CONTEXT=URL", value_parser = store)]
    pub stores: Vec<(String, String)>,
    /// Check again until all laws hold or this time is over: the fleet may not be at rest yet
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    pub wait: Duration,
    /// Print one JSON object instead of lines
    #[arg(long)]
    pub json: bool,
    /// Print every violation with its history, not only the first of each law
    #[arg(long)]
    pub all: bool,
}

/// Why the stores or the broker are not known.
#[derive(Debug, thiserror::Error)]
pub enum ArgsError {
    /// No URL is given for the store of a context.
    #[error("no URL is given for the store of {context}: --store {context}=URL, or {variable} in the environment")]
    Store {
        /// The context.
        context: String,
        /// The variable that can hold it.
        variable: String,
    },
    /// A URL is given for a context that the fleet does not have.
    #[error("the fleet has no {name}; there are: {known}")]
    Unknown {
        /// The unknown name.
        name: String,
        /// The names of the contexts.
        known: String,
    },
    /// The broker's address or the fleet's name is invalid.
    #[error("{0}")]
    Broker(#[from] clap::Error),
}

impl Args {
    /// The settings of the broker and the topics.
    pub fn broker(&self) -> Result<messaging::Config, ArgsError> {
        Ok(admin::config(&self.kafka_brokers, &self.security, &self.fleet)?)
    }

    /// The URLs of the stores of these contexts.
    pub fn stores(&self, contexts: &[&str]) -> Result<BTreeMap<String, String>, ArgsError> {
        if let Some((name, _)) = self.stores.iter().find(|(name, _)| !contexts.contains(&name.as_str())) {
            return Err(ArgsError::Unknown { name: name.clone(), known: contexts.join(", ") });
        }
        let store = |context: &&str| {
            let named = self.stores.iter().find(|(name, _)| name == context).map(|(_, url)| url.clone());
            let variable = variable(context);
            let url = named.or_else(|| env::var(&variable).ok());
            let url = url.ok_or_else(|| ArgsError::Store { context: (*context).to_owned(), variable })?;
            Ok(((*context).to_owned(), url))
        };
        contexts.iter().map(store).collect()
    }
}

/// The variable that names the store of a context.
fn variable(context: &str) -> String {
    format!("STORE_URL_{}", context.to_ascii_uppercase().replace('-', "_"))
}

fn store(text: &str) -> Result<(String, String), String> {
    let (context, url) = text.split_once('=').ok_or("a context, '=' and a URL are needed")?;
    Ok((context.to_owned(), url.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn stores(typed: &[&str]) -> Result<BTreeMap<String, String>, String> {
        let cli = Cli::try_parse_from([&["auditor"], typed].concat()).map_err(|error| error.to_string())?;
        cli.args.stores(&["crane", "tug-boat"]).map_err(|error| error.to_string())
    }

    #[test]
    fn each_context_has_its_store() {
        let named = stores(&["--store", "crane=sqlite:/a?b=c", "--store", "tug-boat=sqlite:/d"]).unwrap();
        assert_eq!(named["crane"], "sqlite:/a?b=c");
        assert_eq!(named["tug-boat"], "sqlite:/d");
    }

    #[test]
    fn a_missing_store_and_an_unknown_context_are_errors() {
        let missing = stores(&["--store", "crane=sqlite:/a"]).unwrap_err();
        assert!(missing.ends_with("--store tug-boat=URL, or STORE_URL_TUG_BOAT in the environment"), "{missing}");
        let unknown = stores(&["--store", "ship=sqlite:/a"]).unwrap_err();
        assert_eq!(unknown, "the fleet has no ship; there are: crane, tug-boat");
        assert!(stores(&["--store", "crane"]).is_err());
    }
}
