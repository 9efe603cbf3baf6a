//! Lists the message files, so that adding a language is adding one file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=messages");
    let mut files: Vec<PathBuf> = fs::read_dir("messages")?
        .map(|entry| fs::canonicalize(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.sort();
    let mut code = "&[".to_owned();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "txt")) {
        let tag = file.file_stem().unwrap_or_default().to_string_lossy();
        let path = file.to_string_lossy();
        write!(code, "({tag:?}, include_str!({path:?})),").map_err(io::Error::other)?;
    }
    code.push(']');
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&out).join("files.rs"), code)
}
