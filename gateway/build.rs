//! Extracts the files of Swagger UI that the page needs, and compresses them.

#![expect(clippy::expect_used, reason = "an error fails the build")]

use std::fs::File;
use std::io::{self, Cursor};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

const FILES: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = std::env::var_os("OUT_DIR").expect("cargo says where");
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED)).expect("the crate is an archive");
    for name in FILES {
        let end = format!("/dist/{name}");
        let inside = archive.file_names().flatten().find(|inside| inside.ends_with(&end)).expect(name).into_owned();
        let file = File::create(Path::new(&folder).join(format!("{name}.gz"))).expect("cargo's folder takes files");
        let mut compressed = GzEncoder::new(file, Compression::best());
        io::copy(&mut archive.by_name(&inside).expect(name), &mut compressed).expect(name);
        compressed.finish().expect(name);
    }
}
