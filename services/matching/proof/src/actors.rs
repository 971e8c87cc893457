//! Students request matches and work with them. Tutors accept visits. Readers read lists.

mod operations;
mod students;
mod tutors;

pub use operations::REQUEST_AGAIN;
pub use students::student;
pub use tutors::{reader, tutor};
