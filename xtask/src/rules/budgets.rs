//! The sizes of contexts, and of the proofs of fleets. Counted are the lines of Rust written by hand, blank ones included, without tests.

use std::collections::BTreeMap;

use crate::{
    finding::Finding,
    source::Source,
    table::Row,
    workspace::{Context, Package, Place},
};

/// A context that only consumes events.
const VIEW: usize = 200;
/// A context with commands.
const COMMANDS: usize = 450;
/// A context that calls others.
const CALLER: usize = 600;
/// The payment of a fleet.
const PAYMENT: usize = 150;

/// The proof of a fleet: its laws, its actors, and the declarations of its auditor and its chaos run.
const PROOF: usize = 600;

/// Further interfaces of a context, beside REST: they are features of their own.
const FURTHER_INTERFACES: &[&str] = &["grpc.rs", "watch.rs", "watching.rs"];

/// Contexts and proofs over their budget: the size that they may have, and the reason.
const EXCEPTIONS: &[(&str, usize, &str)] = &[
    ("matching/visit", 515, "the four forms of a date, and their schema"),
    ("storagerent/storage", 1_480, "three aggregates: rooms, holds for another context, reviews; and six events"),
    ("storagerent/reservation", 830, "two participants with their refusals, and four statuses with an event each"),
    ("matching/proof", 830, "four contexts with 15 laws, and two kinds of requests: with an id, and with a key"),
    ("storagerent/proof", 820, "five contexts, three aggregates and 17 laws"),
    ("pizza/order", 890, "nine events of four contexts, four statuses beside its own, and a menu"),
    ("pizza/delivery", 650, "two directions: a delivery and its return, of which another context calls two commands"),
    ("pizza/refund", 730, "forward recovery has two more phases, and a cancelled refund is kept beside the next one"),
    ("pizza/statusview", 290, "fifteen events of five contexts"),
    ("pizza/proof", 900, "six contexts with 21 laws"),
    (
        "foodcourt/order",
        1_400,
        "menus, orders that are placed without a saga, and cancellations: a saga on orders that exist",
    ),
    ("foodcourt/cook", 500, "a participant of a saga, beside the commands of kitchens"),
    ("cleanmall/cleancall", 690, "a saga, four statuses that others decide, and a telephone number that is masked"),
    (
        "cleanmall/cleanmanage",
        740,
        "acceptances and withdrawals for another context, places, and a fold of three topics",
    ),
    (
        "cleanmall/cleanassign",
        1_040,
        "two aggregates, cleaners and assignments, under one lock; three commands, three events, and the status of calls",
    ),
    ("cleanmall/proof", 670, "four contexts, two declarations (with and without the context in Python) and 16 laws"),
    ("storagerent/message", 280, "no view: a command and a table of its own, but no events"),
];

/// The size of a context or a proof.
struct Size {
    context: Context,
    lines: usize,
    budget: usize,
}

impl Size {
    fn name(&self) -> String {
        format!("{}/{}", self.context.fleet, self.context.name)
    }

    fn limit(&self) -> usize {
        let exception = EXCEPTIONS.iter().find(|(name, ..)| *name == self.name());
        exception.map_or(self.budget, |(_, limit, _)| *limit)
    }
}

/// The table.
pub fn rows(packages: &[Package], sources: &[Source]) -> Vec<Row> {
    let row = |size: Size| Row {
        name: format!("lines of {}", size.name()),
        value: size.lines.to_string(),
        limit: match size.limit() {
            limit if limit == size.budget => format!("at most {limit}"),
            limit => format!("at most {limit} (budget {})", size.budget),
        },
        kept: size.lines <= size.limit(),
    };
    sizes(packages, sources).into_iter().map(row).collect()
}

/// One finding per context or proof over its limit, and per exception that is not needed any more.
pub fn check(packages: &[Package], sources: &[Source]) -> Vec<Finding> {
    let finding = |size: Size| {
        let text = if size.lines > size.limit() {
            format!("it has {} lines, over {}", size.lines, size.limit())
        } else if size.lines <= size.budget && size.limit() > size.budget {
            format!("it has {} lines: it needs no exception from {}", size.lines, size.budget)
        } else {
            return None;
        };
        Some(Finding::at(format!("services/{}", size.name()), text))
    };
    sizes(packages, sources).into_iter().filter_map(finding).collect()
}

fn sizes(packages: &[Package], sources: &[Source]) -> Vec<Size> {
    let contexts = packages.iter().filter_map(|package| match Place::of(&package.folder)? {
        Place::Service(context) => Some((context, package)),
        Place::WholeFleet(fleet) if package.folder.ends_with("/proof") => {
            Some((Context { fleet, name: "proof".to_owned() }, package))
        }
        _ => None,
    });
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources.iter().filter(|source| !is_further_interface(&source.path)) {
        if let Some((folder, _)) = source.path.split_once("/src/") {
            *lines.entry(folder).or_default() += written_lines(source);
        }
    }
    let size = |(context, package): (Context, &Package)| {
        let parts = ["", "/domain", "/contract"].map(|part| format!("{}{part}", package.folder));
        let has_contract = packages.iter().any(|other| other.folder == parts[2]);
        let total = parts.iter().filter_map(|part| lines.get(part.as_str())).sum();
        Size { budget: budget(&context, package, has_contract), context, lines: total }
    };
    contexts.map(size).collect()
}

fn budget(context: &Context, package: &Package, has_contract: bool) -> usize {
    let calls = package.dependencies.iter().any(|dependency| dependency.name == "calls");
    match (context.name.as_str(), has_contract) {
        ("payment", _) => PAYMENT,
        ("proof", _) => PROOF,
        (_, false) => VIEW,
        _ if calls => CALLER,
        _ => COMMANDS,
    }
}

fn written_lines(source: &Source) -> usize {
    (1..=source.text.lines().count()).filter(|line| !source.is_test(*line)).count()
}

fn is_further_interface(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|file| FURTHER_INTERFACES.contains(&file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(folder: &str, dependencies: &[&str]) -> Package {
        let dependency = |name: &&str| Dependency { name: (*name).to_owned(), for_tests: false };
        let dependencies = dependencies.iter().map(dependency).collect();
        Package { name: folder.replace('/', "-"), folder: folder.to_owned(), dependencies }
    }

    fn findings(packages: &[Package], files: &[(&str, usize)]) -> Vec<String> {
        let sources: Vec<Source> = files
            .iter()
            .map(|(path, lines)| {
                Source::parse(path, &format!("{}\n#[cfg(test)]\nmod tests {{}}\n", "\n".repeat(lines - 1))).unwrap()
            })
            .collect();
        check(packages, &sources).into_iter().map(|finding| format!("{}: {}", finding.place, finding.text)).collect()
    }

    #[test]
    fn a_view_has_200_lines_at_most_and_tests_are_not_counted() {
        let view = [package("services/rental/page", &[])];
        assert_eq!(findings(&view, &[("services/rental/page/src/lib.rs", 200)]), Vec::<String>::new());
        let two = [("services/rental/page/src/lib.rs", 150), ("services/rental/page/src/row.rs", 51)];
        assert_eq!(findings(&view, &two), ["services/rental/page: it has 201 lines, over 200"]);
    }

    #[test]
    fn the_domain_and_the_contract_count_and_a_context_that_calls_others_may_be_longer() {
        let parts = |calls: &[&str]| {
            [
                package("services/rental/room", calls),
                package("services/rental/room/domain", &[]),
                package("services/rental/room/contract", &[]),
            ]
        };
        let files = [("services/rental/room/src/lib.rs", 300), ("services/rental/room/domain/src/lib.rs", 151)];
        assert_eq!(findings(&parts(&[]), &files), ["services/rental/room: it has 451 lines, over 450"]);
        assert_eq!(findings(&parts(&["calls"]), &files), Vec::<String>::new());
        let grpc = [("services/rental/room/src/grpc.rs", 1_000)];
        assert_eq!(findings(&parts(&[]), &grpc), Vec::<String>::new());
    }

    #[test]
    fn the_proof_of_a_fleet_has_600_lines_at_most_and_its_tests_no_limit() {
        let proof = [package("services/rental/proof", &[]), package("services/rental/tests", &[])];
        let files = [("services/rental/proof/src/laws.rs", 600), ("services/rental/tests/src/lib.rs", 900)];
        assert_eq!(findings(&proof, &files), Vec::<String>::new());
        let long = findings(&proof, &[("services/rental/proof/src/laws.rs", 601)]);
        assert_eq!(long, ["services/rental/proof: it has 601 lines, over 600"]);
    }

    #[test]
    fn an_exception_that_is_not_needed_is_a_finding() {
        let visit = [package("services/matching/visit", &[]), package("services/matching/visit/contract", &[])];
        let short = findings(&visit, &[("services/matching/visit/src/lib.rs", 450)]);
        assert_eq!(short, ["services/matching/visit: it has 450 lines: it needs no exception from 450"]);
        assert_eq!(findings(&visit, &[("services/matching/visit/src/lib.rs", 451)]), Vec::<String>::new());
        assert_eq!(findings(&visit, &[("services/matching/visit/src/lib.rs", 531)]).len(), 1);
    }
}
