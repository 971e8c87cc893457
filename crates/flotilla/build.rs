//! Embeds the files that describe the fleets, so that an installed `flotilla` knows them too.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let workspace = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("../..");
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?).join("embedded.rs");
    // A new fleet is a new member of the workspace. Not the folder itself: it changes with every edit of a service.
    println!("cargo::rerun-if-changed={}", workspace.join("Cargo.toml").display());
    let mut code = String::from("&[");
    for fleet in sorted(&workspace.join("services"))? {
        if fleet.join("fleet.toml").is_file() {
            embed(&fleet, &mut code)?;
        }
    }
    code.push(']');
    fs::write(out, code)
}

/// Adds one fleet: every TOML and JSON file in its folder, by name.
fn embed(fleet: &Path, code: &mut String) -> io::Result<()> {
    code.push_str("&[");
    for file in sorted(fleet)?.iter().filter(|file| file.extension().is_some_and(|end| end == "toml" || end == "json"))
    {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let path = file.canonicalize()?.display().to_string();
        write!(code, "({name:?}, include_str!({path:?})),").map_err(io::Error::other)?;
    }
    code.push_str("],");
    Ok(())
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
