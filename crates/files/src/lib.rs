//! The files of a process.
//!
//! Stores, logs and keys are readable by their owner only: [`private_umask`] applies to all files created later,
//! [`create_folder`], [`create`] and [`write()`] to single files, [`make_private`] and [`make_all_private`] to files of
//! earlier versions.
//!
//! [`LogFile`] is a log file of bounded size, rotated by the process that writes it.

mod log_file;
mod permissions;

pub use log_file::{LogFile, Rotation};
pub use permissions::{create, create_folder, make_all_private, make_private, private_umask, write};
