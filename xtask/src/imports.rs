//! The imports between the files of a crate, from its `use` items and paths.
//!
//! A name counts as imported from the file that defines it: re-exports are resolved. A re-export itself (`pub use`) is no
//! import of its file, and neither is `use module`; the use of a name from that module is one. Test code is left out.

use crate::source::{self, Source};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use syn::{Item, UseTree, spanned::Spanned, visit::Visit};

/// By file, the files it imports from, each with the line of the first import.
pub type Imports<'a> = BTreeMap<&'a str, BTreeMap<&'a str, usize>>;

/// Re-exports that are followed at most for one name.
const MOST_REEXPORTS: usize = 8;

/// The imports within the crate whose root is this file (`src/lib.rs`, `src/main.rs`).
pub fn of<'a>(root: &'a Source, sources: &'a [Source]) -> Imports<'a> {
    let mut tree = Tree { sources, modules: Vec::new() };
    let folder = root.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    tree.add(root, &root.tree.items, None, folder);
    tree.imports()
}

/// A path as it is written, by its segments.
type Segments = Vec<String>;

struct Tree<'a> {
    sources: &'a [Source],
    /// The crate's root is the first.
    modules: Vec<Module<'a>>,
}

struct Module<'a> {
    file: &'a Source,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// Names of the items defined here.
    defined: BTreeSet<String>,
    scope: Scope,
}

/// Names and paths in the text of a module.
#[derive(Default)]
struct Scope {
    /// The names that `use` items bring into scope, each with its path.
    named: Vec<(String, Segments)>,
    /// The modules of `use module::*`.
    globs: Vec<Segments>,
    /// The paths that are imports, with their lines.
    paths: Vec<(Segments, usize)>,
}

/// The target of a path.
#[derive(Clone, Copy)]
enum Found {
    Module(usize),
    /// An item that this module defines.
    Within(usize),
}

impl<'a> Tree<'a> {
    /// Adds a module and all below it. The files of its modules are in `folder`.
    fn add(&mut self, file: &'a Source, items: &'a [Item], parent: Option<usize>, folder: &str) -> usize {
        let defined = items.iter().filter_map(name).collect();
        let mut scope = Scope::default();
        for item in items.iter().filter(|item| !matches!(item, Item::Mod(_))) {
            if !file.is_test(item.span().start().line) {
                scope.visit_item(item);
            }
        }
        let index = self.modules.len();
        self.modules.push(Module { file, parent, children: BTreeMap::new(), defined, scope });
        for item in items {
            if let Item::Mod(module) = item
                && !source::is_for_tests(&module.attrs)
                && let Some(child) = self.add_child(file, module, index, folder)
            {
                self.modules[index].children.insert(module.ident.to_string(), child);
            }
        }
        index
    }

    fn add_child(&mut self, file: &'a Source, module: &'a syn::ItemMod, parent: usize, folder: &str) -> Option<usize> {
        let folder = format!("{folder}/{}", module.ident);
        if let Some((_, items)) = &module.content {
            return Some(self.add(file, items, Some(parent), &folder));
        }
        let files = [format!("{folder}.rs"), format!("{folder}/mod.rs")];
        let file = self.sources.iter().find(|source| files.contains(&source.path))?;
        Some(self.add(file, &file.tree.items, Some(parent), &folder))
    }

    fn imports(&self) -> Imports<'a> {
        let mut imports = Imports::new();
        for (index, module) in self.modules.iter().enumerate() {
            for (path, line) in &module.scope.paths {
                let Some(Found::Within(target)) = self.resolve(index, path, MOST_REEXPORTS) else { continue };
                let (from, to) = (module.file.path.as_str(), self.modules[target].file.path.as_str());
                if from != to {
                    imports.entry(from).or_default().entry(to).or_insert(*line);
                }
            }
        }
        imports
    }

    fn resolve(&self, from: usize, path: &[String], depth: usize) -> Option<Found> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.walk(0, rest, depth),
            "self" => self.walk(from, rest, depth),
            "super" => self.walk(self.modules[from].parent?, rest, depth),
            _ => self.look_up(from, path, depth),
        }
    }

    fn walk(&self, module: usize, path: &[String], depth: usize) -> Option<Found> {
        match path.first().map(String::as_str) {
            None | Some("self") => Some(Found::Module(module)),
            Some("super") => self.walk(self.modules[module].parent?, &path[1..], depth),
            Some(_) => self.look_up(module, path, depth),
        }
    }

    /// Resolves a path that begins with a name in the scope of `module`. Where the name stands for an item and for a module,
    /// the item is taken.
    fn look_up(&self, module: usize, path: &[String], depth: usize) -> Option<Found> {
        let depth = depth.checked_sub(1)?;
        let (first, rest) = path.split_first()?;
        let Module { children, defined, scope, .. } = &self.modules[module];
        let mut found = Vec::from_iter(defined.contains(first).then_some(Found::Within(module)));
        found.extend(children.get(first).and_then(|child| self.walk(*child, rest, depth)));
        for (_, target) in scope.named.iter().filter(|(name, _)| name == first) {
            found.extend(self.resolve(module, &[target, rest].concat(), depth));
        }
        for glob in &scope.globs {
            if let Some(Found::Module(target)) = self.resolve(module, glob, depth) {
                found.extend(self.look_up(target, path, depth));
            }
        }
        let within = found.iter().find(|found| matches!(found, Found::Within(_)));
        within.or(found.first()).copied()
    }
}

/// The name that an item defines. Modules are in [`Module::children`] instead.
fn name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

impl Scope {
    fn add_use(&mut self, item: &syn::ItemUse, tree: &UseTree, above: &[String]) {
        let with = |name: &syn::Ident| [above, &[name.to_string()]].concat();
        let line = tree.span().start().line;
        match tree {
            UseTree::Path(path) => self.add_use(item, &path.tree, &with(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(item, tree, above)),
            UseTree::Glob(_) => self.globs.push(above.to_vec()),
            UseTree::Name(name) if name.ident == "self" => {
                self.named.extend(above.last().map(|name| (name.clone(), above.to_vec())));
            }
            UseTree::Name(name) => self.add_name(item, name.ident.to_string(), with(&name.ident), line),
            UseTree::Rename(rename) if rename.ident == "self" => {
                self.named.push((rename.rename.to_string(), above.to_vec()));
            }
            UseTree::Rename(rename) => self.add_name(item, rename.rename.to_string(), with(&rename.ident), line),
        }
    }

    fn add_name(&mut self, item: &syn::ItemUse, name: String, path: Segments, line: usize) {
        if matches!(item.vis, syn::Visibility::Inherited) {
            self.paths.push((path.clone(), line));
        }
        self.named.push((name, path));
    }

    /// Adds the paths in the tokens of a macro or an attribute: names with `::` between them.
    fn add_tokens(&mut self, tokens: &TokenStream) {
        let mut path: Option<(Segments, usize)> = None;
        let mut colons = 0;
        for token in tokens.clone() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(name) => {
                    match &mut path {
                        Some((segments, _)) if colons == 2 => segments.push(name.to_string()),
                        _ => self.paths.extend(path.replace((vec![name.to_string()], name.span().start().line))),
                    }
                    colons = 0;
                }
                TokenTree::Group(group) => self.add_tokens(&group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.paths.extend(path.take());
                    colons = 0;
                }
            }
        }
        self.paths.extend(path);
    }
}

impl Visit<'_> for Scope {
    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        if item.leading_colon.is_none() {
            self.add_use(item, &item.tree, &[]);
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        if path.leading_colon.is_none() {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string());
            self.paths.push((segments.collect(), path.span().start().line));
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &syn::Macro) {
        self.add_tokens(&item.tokens);
        syn::visit::visit_macro(self, item);
    }

    fn visit_meta_list(&mut self, list: &syn::MetaList) {
        self.add_tokens(&list.tokens);
        syn::visit::visit_meta_list(self, list);
    }
}
