//! Parsers of small texts, and of the file that describes a fleet.

use std::collections::BTreeSet;

use context::{Position, StepLog};
use flotilla::manifest::{GATEWAY, Manifest};
use flotilla::template;

/// `Last-Event-ID`: an accepted text reads back as the same position in the stream. Each step follows it at most once, and
/// no step follows the last message.
pub fn last_event_ids(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(position) = text.parse::<Position>() else { return };
    assert_eq!(position.to_string().parse(), Ok(position), "{text}");
    let log = StepLog::new(7, "214365", &[true; 6]);
    let following = log.after(position);
    let steps: BTreeSet<usize> = following.iter().map(|(_, step)| *step).collect();
    assert_eq!(steps.len(), following.len(), "{text}: a step is sent twice");
    let last = following.last().map_or(position, |(position, _)| *position);
    assert!(log.after(last).is_empty(), "{text}: steps follow the last one");
}

/// `fleet.toml`: names and ports of processes are unique, and each placeholder names a process of the fleet.
pub fn fleet_files(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(manifest) = Manifest::parse(text) else { return };
    let mut names = BTreeSet::from([GATEWAY]);
    let mut ports = BTreeSet::from([0, manifest.gateway.port]);
    assert_eq!(ports.len(), 2, "a port of 0");
    for context in &manifest.contexts {
        assert!(names.insert(&context.name) && ports.insert(context.port), "{} twice", context.name);
    }
    let texts = manifest.contexts.iter().flat_map(|context| context.env.values());
    for text in texts.chain(manifest.gateway.env.values()).chain(manifest.tries.iter().map(|entry| &entry.curl)) {
        let filled = template::fill(text, |name| names.contains(name).then(String::new));
        assert!(template::names(text).iter().all(|name| names.contains(name)), "{text}");
        assert!(filled.len() <= text.len(), "{text} became {filled}");
    }
    assert_eq!(Manifest::parse(&format!("{text}\n")), Ok(manifest));
}
