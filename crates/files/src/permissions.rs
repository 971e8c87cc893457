use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::{geteuid, umask};

/// Read, write and search for the owner.
const FOLDER_MODE: u32 = 0o700;
/// Read and write for the owner.
const FILE_MODE: u32 = 0o600;
/// The permission bits of the group and of others.
const OTHERS_MASK: u32 = 0o077;

/// Files created later by this process and its children are not accessible to other users.
pub fn private_umask() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Creates a folder and its missing parents, for the owner only. Existing folders keep their permissions.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)
}

/// Open options that create a missing file for the owner only.
pub fn create() -> OpenOptions {
    let mut options = File::options();
    options.create(true).mode(FILE_MODE);
    options
}

/// Replaces the content of a file, and restricts it to the owner.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    create().write(true).truncate(true).open(path)?.write_all(text.as_bytes())?;
    make_private(path)
}

/// Removes the permissions of the group and of others from a file or folder. No effect if it does not exist, belongs to
/// another user, or is something else, such as `/dev/null`.
pub fn make_private(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if found.mode() & OTHERS_MASK == 0 || found.uid() != geteuid().as_raw() => Ok(()),
        Ok(found) if !found.is_file() && !found.is_dir() => Ok(()),
        Ok(found) => fs::set_permissions(path, Permissions::from_mode(found.mode() & !OTHERS_MASK)),
    }
}

/// Applies [`make_private`] to a folder and its content. Symbolic links are not followed.
pub fn make_all_private(folder: &Path) -> io::Result<()> {
    make_private(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            make_all_private(&entry.path())?;
        } else if kind.is_file() {
            make_private(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn new_files_are_for_the_owner_only_and_existing_folders_keep_their_permissions() {
        let place = tempfile::tempdir().unwrap();
        set_mode(place.path(), 0o755);
        let folder = place.path().join("a/b");
        create_folder(&folder).unwrap();
        write(&folder.join("file"), "text").unwrap();
        create().append(true).open(folder.join("log")).unwrap();
        let modes = ["", "a", "a/b", "a/b/file", "a/b/log"].map(|path| mode(&place.path().join(path)));
        assert_eq!(modes, [0o755, 0o700, 0o700, 0o600, 0o600]);
    }

    #[test]
    fn what_others_could_read_is_closed_to_them_without_following_links() {
        let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (folder, other) = (place.path().join("folder"), elsewhere.path().join("other"));
        fs::create_dir_all(folder.join("below")).unwrap();
        for (file, bits) in [("file", 0o664), ("program", 0o755), ("below/file", 0o644)] {
            fs::write(folder.join(file), "").unwrap();
            set_mode(&folder.join(file), bits);
        }
        fs::write(&other, "").unwrap();
        set_mode(&other, 0o644);
        std::os::unix::fs::symlink(&other, folder.join("link")).unwrap();
        make_all_private(&folder).unwrap();
        let modes = ["", "file", "program", "below", "below/file"].map(|path| mode(&folder.join(path)));
        assert_eq!(modes, [0o700, 0o600, 0o700, 0o700, 0o600]);
        assert_eq!(mode(&other), 0o644);
        make_private(&place.path().join("gone")).unwrap();
    }

    #[test]
    fn a_file_that_is_written_again_is_closed_to_others_too() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        fs::write(&file, "before, and longer").unwrap();
        set_mode(&file, 0o644);
        write(&file, "after").unwrap();
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), mode(&file)), ("after", 0o600));
    }
}
