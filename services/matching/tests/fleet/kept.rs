//! What a fleet keeps in its folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use flotilla::manifest::{BROKER, GATEWAY};
use matching_tests::{People, SOON};
use testkit::{Fleet, Parts, eventually};

pub async fn what_a_running_fleet_keeps_can_be_read_by_its_own_user_alone(fleet: &mut Fleet) -> Result<()> {
    fleet.require_identity()?;
    fleet.start_all().await?;
    let student = People { api: fleet.gateway_as("student", "kim")? };
    student.request(5000).await?.must_be(201)?;
    eventually(SOON, "there is a page", async || student.api.get("/myPages/5000").await?.must_be(200)).await?;
    let mut processes = fleet.contexts();
    processes.extend([GATEWAY.to_owned(), "identity".to_owned()]);
    processes.extend((*fleet.parts() == Parts::Embedded).then(|| BROKER.to_owned()));
    let mut files = Vec::new();
    for process in &processes {
        look(&fleet.path(process), &mut files)?;
    }
    let open: Vec<_> = files.iter().filter(|(_, mode)| mode & 0o077 != 0).collect();
    ensure!(open.is_empty(), "others can do something with {open:?}");
    if *fleet.parts() == Parts::Embedded {
        for name in ["store.db", "store.db-wal", "store.db-shm", "broker.db", "log.txt", "token.pem"] {
            ensure!(files.iter().any(|(path, _)| path.ends_with(name)), "there is no {name}: {files:?}");
        }
    }
    Ok(())
}

/// A folder and all that is in it, with permissions.
fn look(path: &Path, found: &mut Vec<(PathBuf, u32)>) -> Result<()> {
    let there = fs::symlink_metadata(path)?;
    found.push((path.to_owned(), there.permissions().mode() & 0o777));
    if there.is_dir() {
        for entry in fs::read_dir(path)? {
            look(&entry?.path(), found)?;
        }
    }
    Ok(())
}
