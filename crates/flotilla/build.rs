//! Embeds the description files of the fleets in the binary, for a `flotilla` outside of the workspace.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let workspace = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("../..");
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?).join("embedded.rs");
    // A new fleet or context is a new member of the workspace. The folder `services` itself would change with every edit of
    // a service.
    println!("cargo::rerun-if-changed={}", workspace.join("Cargo.lock").display());
    let mut code = String::from("&[");
    for fleet in sorted(&workspace.join("services"))? {
        if fleet.join("fleet.toml").is_file() {
            embed(&fleet, &mut code)?;
        }
    }
    code.push(']');
    fs::write(out, code)
}

/// Adds one fleet: the name of its folder, and the path in its folder and the text of every TOML and JSON file there, and of
/// the declarations of its contexts.
fn embed(fleet: &Path, code: &mut String) -> io::Result<()> {
    let folder = fleet.file_name().unwrap_or_default().to_string_lossy();
    write!(code, "({folder:?}, &[").map_err(io::Error::other)?;
    let entries = sorted(fleet)?;
    let own = entries.iter().filter(|file| file.extension().is_some_and(|end| end == "toml" || end == "json")).cloned();
    // A fleet gets its document after its declaration.
    println!("cargo::rerun-if-changed={}", fleet.join("openapi.json").display());
    let contexts = entries.iter().map(|folder| folder.join("context.toml")).filter(|file| file.is_file());
    for file in own.chain(contexts) {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.strip_prefix(fleet).map_err(io::Error::other)?.display().to_string();
        let path = file.canonicalize()?.display().to_string();
        write!(code, "({name:?}, include_str!({path:?})),").map_err(io::Error::other)?;
    }
    code.push_str("]),");
    Ok(())
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
