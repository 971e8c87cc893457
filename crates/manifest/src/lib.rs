//! The declaration of a fleet: `fleet.toml`, and a `context.toml` in the folder of each context.
//!
//! The command `flotilla` starts what is declared; `cargo xtask render` writes the files of the repository that list contexts.

mod checks;
mod context;
mod error;
mod fleet;
mod folder;
mod parse;
pub mod template;

pub use context::{Context, ContextText, Kubernetes, LocalStore, Program, Rank, Route, UNAVAILABLE};
pub use error::{ManifestError, ReadError};
pub use fleet::{Check, Claims, ExampleRequest, Gateway, Manifest};
pub use folder::{CONTEXT_FILE, context_texts, read};

/// The name of the gateway among the processes of a fleet.
pub const GATEWAY: &str = "gateway";
/// The name of the embedded broker among the processes of a fleet.
pub const BROKER: &str = "broker";
/// The folder of the keys, in the folder of the fleet.
pub const KEY_FOLDER: &str = "identity";
