/// A process, its context and its store.
#[derive(Debug, Clone, Copy)]
pub struct Placement<'a> {
    /// The name of the process.
    pub process: &'a str,
    /// Its context.
    pub context: &'a str,
    /// The URL of its store.
    pub store_url: &'a str,
}
