//! `services/images.txt`: the binaries that have an image, for the Dockerfile and the scripts. `services/programs.txt`: the images
//! of programs that cargo does not build.

use super::{rendered::Rendered, template::each};
use anyhow::ensure;
use manifest::Manifest;
use std::collections::BTreeSet;

/// The command, which belongs to no fleet.
const COMMAND: &str = "flotilla";

/// Adds the list. Fails if two contexts would have one image.
pub fn render(fleets: &[Manifest], rendered: &mut Rendered) -> anyhow::Result<()> {
    let mut names = BTreeSet::new();
    let (mut images, mut programs) = (Vec::new(), Vec::new());
    for fleet in fleets {
        for context in &fleet.contexts {
            let (name, binary) = (&context.name, context.binary());
            ensure!(
                names.insert(binary),
                "services/{}/{name}: another context has the binary {binary}: set `binary`",
                fleet.name
            );
            if context.program.is_some() {
                programs.push(format!("{binary} services/{}/{name}\n", fleet.name));
                continue;
            }
            images.push(binary);
            images.extend(context.simulator.as_deref());
        }
        images.extend(fleet.audit.as_ref().map(|audit| audit.binary.as_str()));
    }
    let gateways: BTreeSet<&str> = fleets.iter().map(|fleet| fleet.gateway.binary.as_str()).collect();
    images.extend(gateways.into_iter().chain([COMMAND]));
    rendered.add("services/images.txt".to_owned(), "services", &each(images, |image| format!("{image}\n")));
    // The images that the folder of a context makes by itself: name and folder.
    rendered.add("services/programs.txt".to_owned(), "services", &programs.concat());
    Ok(())
}
