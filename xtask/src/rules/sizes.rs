//! Limits for the sizes of functions and files, and for the number of traits. Tests are not counted.

use crate::{finding::Finding, source::Source, table::Row};
use syn::{spanned::Spanned, visit::Visit};

/// Limits in lines that are not blank.
struct Budget {
    name: &'static str,
    median: usize,
    most: usize,
    all: usize,
}

const FUNCTION: Budget = Budget { name: "function", median: 10, most: 45, all: 80 };
const FILE: Budget = Budget { name: "file", median: 100, most: 350, all: 400 };
/// Lines of code per trait: 0.8 traits per 1,000 lines.
const LINES_PER_TRAIT: usize = 1250;
/// Traits that are always allowed: a small workspace needs its clock and its ports too.
const MIN_TRAITS_ALLOWED: usize = 5;

/// All measurements.
#[derive(Default)]
pub struct Figures {
    functions: Vec<Size>,
    files: Vec<Size>,
    /// The place of each trait.
    traits: Vec<String>,
    /// The total of lines of code.
    lines: usize,
}

#[derive(Clone)]
struct Size {
    place: String,
    lines: usize,
}

impl Figures {
    /// Measures all code but tests.
    pub fn measure(sources: &[Source]) -> Self {
        let mut figures = Self::default();
        for source in sources.iter().filter(|source| source.code_lines() > 0) {
            let lines = source.code_lines();
            figures.lines += lines;
            figures.files.push(Size { place: format!("{}:1", source.path), lines });
            Measuring { source, figures: &mut figures }.visit_file(&source.tree);
        }
        figures.functions.sort_by_key(|size| size.lines);
        figures.files.sort_by_key(|size| size.lines);
        figures
    }

    /// The table.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = FUNCTION.rows(&self.functions);
        rows.extend(FILE.rows(&self.files));
        rows.push(Row {
            name: format!("traits in {} lines of code", self.lines),
            value: self.traits.len().to_string(),
            limit: format!("at most {}", self.traits_allowed()),
            kept: self.traits.len() <= self.traits_allowed(),
        });
        rows
    }

    /// The figures over their limits.
    pub fn findings(&self) -> Vec<Finding> {
        let mut all = FUNCTION.findings(&self.functions);
        all.extend(FILE.findings(&self.files));
        if self.traits.len() > self.traits_allowed() {
            all.extend(self.traits.iter().map(|place| Finding::at(place, "one trait of too many")));
        }
        all
    }

    fn traits_allowed(&self) -> usize {
        (self.lines / LINES_PER_TRAIT).max(MIN_TRAITS_ALLOWED)
    }
}

impl Budget {
    fn rows(&self, sorted: &[Size]) -> Vec<Row> {
        let row = |statistic: &str, value: usize, limit: String, kept: bool| Row {
            name: format!("{} lines, {statistic} of {}", self.name, sorted.len()),
            value: value.to_string(),
            limit,
            kept,
        };
        let (median, most, all) = (percentile(sorted, 50), percentile(sorted, 95), percentile(sorted, 100));
        vec![
            row("median", median, format!("at most {}", self.median), median <= self.median),
            row("95 %", most, format!("under {}", self.most), most < self.most),
            row("longest", all, format!("at most {}", self.all), all <= self.all),
        ]
    }

    fn findings(&self, sorted: &[Size]) -> Vec<Finding> {
        // If 95 % exceed their limit, all over that limit are findings; otherwise only those over the absolute limit.
        let limit = if percentile(sorted, 95) < self.most { self.all } else { self.most - 1 };
        let long = sorted.iter().filter(|size| size.lines > limit);
        let mut all: Vec<Finding> = long
            .map(|Size { place, lines }| Finding::at(place, format!("{} of {lines} lines, over {limit}", self.name)))
            .collect();
        if percentile(sorted, 50) > self.median {
            all.push(Finding::at("all sources", format!("a {} is too long in the median", self.name)));
        }
        all
    }
}

/// The size at this percentile.
fn percentile(sorted: &[Size], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100);
    rank.checked_sub(1).and_then(|index| sorted.get(index)).map_or(0, |size| size.lines)
}

struct Measuring<'a> {
    source: &'a Source,
    figures: &'a mut Figures,
}

impl Measuring<'_> {
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let (first, last) = (signature.span().start().line, body.span().end().line);
        let lines = self.source.code_lines_between(first, last);
        if lines > 0 {
            self.figures.functions.push(Size { place: format!("{}:{first}", self.source.path), lines });
        }
    }
}

impl Visit<'_> for Measuring<'_> {
    fn visit_item_fn(&mut self, item: &syn::ItemFn) {
        self.function(&item.sig, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig, body);
        }
        syn::visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_trait(&mut self, item: &syn::ItemTrait) {
        let line = item.ident.span().start().line;
        if !self.source.is_test(line) {
            self.figures.traits.push(format!("{}:{line}", self.source.path));
        }
        syn::visit::visit_item_trait(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let source = Source::parse("a.rs", text).unwrap();
        let findings = Figures::measure(&[source]).findings();
        findings.into_iter().map(|finding| format!("{}: {}", finding.place, finding.text)).collect()
    }

    fn about_functions(text: &str) -> Vec<String> {
        findings(text).into_iter().filter(|finding| finding.contains("function")).collect()
    }

    /// A function of so many lines.
    fn function(lines: usize) -> String {
        format!("fn a() {{\n{}}}\n", "b();\n".repeat(lines - 2))
    }

    #[test]
    fn eighty_lines_are_the_most_for_one_function() {
        let short = function(3).repeat(40);
        assert_eq!(about_functions(&format!("{}{short}", function(80))), Vec::<String>::new());
        assert_eq!(about_functions(&format!("{}{short}", function(81))), ["a.rs:1: function of 81 lines, over 80"]);
    }

    #[test]
    fn one_function_in_twenty_may_have_forty_five_lines() {
        let one = format!("{}{}", function(3).repeat(19), function(45));
        assert_eq!(about_functions(&one), Vec::<String>::new());
        let two = format!("{}{}", function(3).repeat(18), function(45).repeat(2));
        assert_eq!(
            about_functions(&two),
            ["a.rs:55: function of 45 lines, over 44", "a.rs:100: function of 45 lines, over 44"]
        );
    }

    #[test]
    fn half_the_functions_have_ten_lines_at_most() {
        assert_eq!(findings(&function(10)), Vec::<String>::new());
        assert_eq!(findings(&function(11)), ["all sources: a function is too long in the median"]);
    }

    #[test]
    fn blank_lines_and_tests_are_not_counted() {
        let blank = function(10).replace("b();", "\n");
        let test = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(90));
        assert_eq!(findings(&format!("{blank}{test}")), Vec::<String>::new());
    }

    #[test]
    fn a_file_keeps_its_limits() {
        let constants = |count: usize| "const A: u8 = 1;\n".repeat(count);
        assert_eq!(findings(&constants(100)), Vec::<String>::new());
        assert_eq!(findings(&constants(101)), ["all sources: a file is too long in the median"]);
        assert_eq!(
            findings(&constants(401)),
            ["a.rs:1: file of 401 lines, over 349", "all sources: a file is too long in the median"]
        );
    }

    #[test]
    fn traits_are_few() {
        assert_eq!(findings(&"trait A {}\n".repeat(5)), Vec::<String>::new());
        assert_eq!(findings(&"trait A {}\n".repeat(6)).len(), 6);
    }

    #[test]
    fn a_larger_workspace_may_have_more_traits() {
        let figures = |lines| Figures { lines, ..Figures::default() };
        assert_eq!([figures(7_499), figures(7_500)].map(|figures| figures.traits_allowed()), [5, 6]);
    }

    #[test]
    fn the_table_shows_figures_over_their_limits() {
        let figures = Figures::measure(&[Source::parse("a.rs", &function(11)).unwrap()]);
        let over: Vec<String> = figures.rows().into_iter().filter(|row| !row.kept).map(|row| row.name).collect();
        assert_eq!(over, ["function lines, median of 1"]);
    }
}
