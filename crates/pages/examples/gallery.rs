//! Writes every page in every language into a folder, to look at:
//! `cargo run -p twinpath-pages --example gallery -- DIR`, then open `DIR/index.html`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

use twinpath_pages::{Frame, Language, Site, asset};

#[path = "../tests/pages/samples.rs"]
mod samples;

fn main() -> io::Result<()> {
    let folder: PathBuf =
        env::args_os().nth(1).ok_or_else(|| io::Error::other("name a folder"))?.into();
    fs::create_dir_all(&folder)?;
    let site = Site { name: "Example Platform".to_owned(), assets: String::new() };
    let foreign = samples::Foreign {
        name: "Weather",
        uri: "https://weather.example/",
        words: "read the forecast for the places you saved",
    };
    let mut index = "<!doctype html><title>All pages</title>".to_owned();
    for language in Language::all() {
        let _ = write!(index, "<h2>{}</h2>", language.tag());
        for page in samples::pages(foreign) {
            let file = format!("{}-{}.html", page.name, language.tag());
            let _ = write!(index, "<a href=\"{file}\">{}</a> ", page.name);
            let html = (page.render)(&Frame { site: &site, language });
            write_assets(&folder, &html)?;
            fs::write(folder.join(file), html)?;
        }
    }
    fs::write(folder.join("index.html"), index)
}

/// Writes the files that a page refers to beside it.
fn write_assets(folder: &std::path::Path, html: &str) -> io::Result<()> {
    for name in html.split('"') {
        if let Some(asset) = asset::asset(name) {
            fs::write(folder.join(name), asset.bytes)?;
        }
    }
    Ok(())
}
