//! `observability/prometheus/<fleet>`: what Prometheus scrapes, and the alerts about processes that are missing.

use super::{
    rendered::Rendered,
    template::{each, fill},
};
use manifest::{GATEWAY, Manifest};

/// Adds the files.
pub fn render(fleet: &Manifest, rendered: &mut Rendered) {
    let source = format!("services/{}", fleet.name);
    let mut add = |file: &str, text: &str| {
        rendered.add(format!("observability/prometheus/{}/{file}", fleet.name), &source, text);
    };
    add("prometheus.yml", &targets(fleet));
    add("rules.yml", &rules(fleet));
    add("tests.yml", &tests(fleet));
}

fn targets(fleet: &Manifest) -> String {
    let contexts = each(&fleet.contexts, |context| {
        fill(include_str!("templates/prometheus-target.yml"), &[("fleet", &fleet.name), ("name", &context.name)])
    });
    fill(include_str!("templates/prometheus.yml"), &[("fleet", &fleet.name), ("contexts", &contexts)])
}

fn rules(fleet: &Manifest) -> String {
    let jobs = jobs(fleet);
    let absences = each(&jobs, |job| format!("            or absent(up{{fleet=\"{}\",job=\"{job}\"}})\n", fleet.name));
    let values = [("fleet", fleet.name.as_str()), ("jobs", &jobs.join("|")), ("absences", &absences)];
    fill(include_str!("templates/prometheus-rules.yml"), &values)
}

/// For each job, with all others up and the same one of another fleet: it stops, it is no target, one of its replicas stops.
fn tests(fleet: &Manifest) -> String {
    let jobs = jobs(fleet);
    let up = |fleet: &str, job: &str| {
        format!("      - {{ series: 'up{{fleet=\"{fleet}\",job=\"{job}\",instance=\"{job}\"}}', values: 1x60 }}\n")
    };
    let tests = each(&jobs, |job| {
        let others = each(jobs.iter().filter(|other| *other != job), |other| up(&fleet.name, other));
        let others = format!("{others}{}", up("another", job));
        let values = [("fleet", fleet.name.as_str()), ("job", job), ("others", &others)];
        fill(include_str!("templates/prometheus-test.yml"), &values)
    });
    let values = [("fleet", fleet.name.as_str()), ("tests", tests.trim_start_matches('\n'))];
    fill(include_str!("templates/prometheus-tests.yml"), &values)
}

/// The jobs of the fleet, as the label `job` has them.
fn jobs(fleet: &Manifest) -> Vec<&str> {
    [GATEWAY].into_iter().chain(fleet.contexts.iter().map(|context| context.name.as_str())).collect()
}
