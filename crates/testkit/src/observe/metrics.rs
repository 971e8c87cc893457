//! Metrics in the text format of Prometheus.

/// The sum of all samples of `name` that have all `labels`; 0 without samples.
pub(crate) fn sum(text: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let samples = text.lines().filter_map(|line| line.rsplit_once(' '));
    let ours = samples.filter(|(series, _)| {
        let (family, rest) = series.split_once('{').unwrap_or((series, ""));
        family == name && labels.iter().all(|(label, value)| rest.contains(&format!("{label}=\"{value}\"")))
    });
    ours.filter_map(|(_, value)| value.parse::<f64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_by_name_and_label() {
        let text = "# TYPE handled counter\nhandled{outcome=\"done\",a=\"1\"} 3\nhandled{outcome=\"done\",a=\"2\"} 4\n\
                    handled{outcome=\"dead\"} 5\nhandled_more 7\ndepth 2.5\n";
        assert!((sum(text, "handled", &[("outcome", "done")]) - 7.0).abs() < f64::EPSILON);
        assert!((sum(text, "handled", &[]) - 12.0).abs() < f64::EPSILON);
        assert!((sum(text, "depth", &[]) - 2.5).abs() < f64::EPSILON);
        assert!(sum(text, "absent", &[]).abs() < f64::EPSILON);
    }
}
