//! `flotilla fleets`: lists the fleets and their contexts.

use crate::describe::fleets::{self, Fleet};
use crate::output::columns::columns;
use crate::output::screen::Screen;
use crate::plan::args::{ArgsError, absolute, default_folder};
use crate::plan::binaries::Origin;
use crate::plan::ports;

/// Prints the fleets that `--fleet` can name, each with the ports of its last start in its default folder.
pub fn list(screen: &Screen) -> Result<(), ArgsError> {
    let origin = Origin::of_this_command(None)?;
    let rows = fleets::all(origin.workspace())?.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    screen.line(columns(["FLEET", "GATEWAY", "FOLDER", "CONTEXTS"], &rows));
    Ok(())
}

fn row(fleet: &Fleet) -> Result<[String; 4], ArgsError> {
    let manifest = &fleet.manifest;
    let folder = default_folder(manifest);
    let port = manifest.gateway.port.saturating_add(ports::kept_offset(&absolute(&folder)?));
    let contexts = manifest.contexts.iter().map(|context| context.name.as_str()).collect::<Vec<_>>().join(", ");
    let gateway = format!("http://127.0.0.1:{port}");
    Ok([manifest.name.clone(), gateway, folder.display().to_string(), contexts])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_of_a_fleet_has_its_address_its_folder_and_its_contexts() {
        for fleet in fleets::all(None).unwrap() {
            let [name, gateway, folder, contexts] = row(&fleet).unwrap();
            let own = if fleet.manifest.default { ".flotilla".to_owned() } else { format!(".flotilla-{name}") };
            assert_eq!((&name, &folder), (&fleet.manifest.name, &own));
            assert!(gateway.starts_with("http://127.0.0.1:"), "{gateway}");
            assert_eq!(contexts.split(", ").count(), fleet.manifest.contexts.len());
        }
    }
}
