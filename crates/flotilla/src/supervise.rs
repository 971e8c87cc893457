//! The processes of a fleet while it runs: started, watched, restarted, stopped.

pub mod folder;
pub mod managed_process;
pub mod orphans;
pub mod pid_file;
pub mod process;
pub mod ready;
pub mod restarts;
pub mod startup;
pub mod stop;
pub mod supervisor;
