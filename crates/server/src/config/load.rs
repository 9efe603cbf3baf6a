//! Reading the file, laying the environment over it.

use std::path::Path;

use serde::Deserialize as _;
use toml::Value;

use crate::config::{Config, File};

/// What is wrong with the configuration, in words for whoever wrote it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

pub(super) fn refuse<T>(why: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError(why.into()))
}

const PREFIX: &str = "TWINPATH__";

/// Reads `path` and the given environment.
pub fn load(
    path: &Path,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let at = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError(format!("{at}: cannot be read: {error}")))?;
    let placed = |ConfigError(why): ConfigError| match line_of(&text, &why) {
        Some(line) => ConfigError(format!("{at}, line {line}: {why}")),
        None => ConfigError(format!("{at}: {why}")),
    };
    let file =
        read(&text, environment).map_err(|ConfigError(why)| ConfigError(format!("{at}: {why}")))?;
    file.check().map_err(placed)
}

/// The line, from 1, of the key that `why` begins with; of its section if the key is missing.
fn line_of(text: &str, why: &str) -> Option<usize> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._".contains(c);
    let key = why.split(|c| !plain(c)).next().filter(|key| key.contains('.'))?;
    let (section, leaf) = key.rsplit_once('.')?;
    let (section, wanted) = match section.rsplit_once('.') {
        Some((list, index)) if index.parse::<usize>().is_ok() => (list, index.parse().ok()?),
        _ => (section, 0),
    };
    let mut found = None;
    let mut inside = false;
    let mut seen = 0;
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if line.starts_with('[') {
            let here = line.trim_matches(['[', ']', ' ']) == section;
            inside = here && seen == wanted;
            seen += usize::from(here);
            if inside {
                found = Some(number + 1);
            }
        } else if inside
            && line.strip_prefix(leaf).is_some_and(|rest| rest.trim_start().starts_with('='))
        {
            return Some(number + 1);
        }
    }
    found
}

/// Reads the text of a file and the environment.
pub(crate) fn read(
    text: &str,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<File, ConfigError> {
    // The text alone first: its errors name key and line.
    let mut file: File = toml::from_str(text).map_err(|error| misread(text, &error))?;
    let mut tree: Value =
        Value::Table(toml::from_str(text).map_err(|error| misread(text, &error))?);
    let mut variables: Vec<_> = environment.filter(|(name, _)| name.starts_with(PREFIX)).collect();
    variables.sort();
    for (name, value) in variables {
        file = lay_over(&mut tree, &name, &value)?;
    }
    Ok(file)
}

/// Names key and line, but does not repeat the line as the library does: it may hold a password.
fn misread(text: &str, error: &toml::de::Error) -> ConfigError {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    ConfigError(format!("line {line}: {}", quiet(error.message())))
}

/// A string in the place of a section is not repeated either: it may be a secret one level too high.
fn quiet(message: &str) -> String {
    match (message.split_once("string \""), message.rsplit_once("\", expected ")) {
        (Some((before, _)), Some((_, after))) => format!("{before}string, expected {after}"),
        _ => message.trim().to_owned(),
    }
}

/// Sets one variable. It is taken as a string where one fits, else as a TOML value.
fn lay_over(tree: &mut Value, name: &str, value: &str) -> Result<File, ConfigError> {
    let path: Vec<String> =
        name.trim_start_matches(PREFIX).split("__").map(str::to_lowercase).collect();
    let literal = toml::from_str::<toml::Table>(&format!("v = {value}"))
        .ok()
        .and_then(|mut table| table.remove("v"));
    let mut refused = None;
    for candidate in [Some(Value::String(value.to_owned())), literal].into_iter().flatten() {
        let mut changed = tree.clone();
        set(&mut changed, &path, candidate)
            .map_err(|why| ConfigError(format!("environment variable {name}: {why}")))?;
        match File::deserialize(changed.clone()) {
            Ok(file) => {
                *tree = changed;
                return Ok(file);
            }
            Err(error) => refused = Some(error),
        }
    }
    let why = refused.map_or_else(String::new, |error| quiet(&error.to_string()));
    Err(ConfigError(format!("environment variable {name}: {why}")))
}

fn set(node: &mut Value, path: &[String], value: Value) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else {
        *node = value;
        return Ok(());
    };
    if let Ok(index) = first.parse::<usize>() {
        if matches!(node, Value::Table(table) if table.is_empty()) {
            *node = Value::Array(Vec::new());
        }
        let Value::Array(items) = node else {
            return Err(format!("there is no list for the index {index}"));
        };
        if index > items.len() {
            return Err(format!("the list has only {} entries", items.len()));
        }
        if index == items.len() {
            items.push(Value::Table(toml::Table::new()));
        }
        return items.get_mut(index).map_or(Ok(()), |item| set(item, rest, value));
    }
    let Value::Table(table) = node else {
        return Err(format!("'{first}' is not in a section"));
    };
    let child = table.entry(first.clone()).or_insert_with(|| Value::Table(toml::Table::new()));
    set(child, rest, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, environment: &[(&str, &str)]) -> Result<File, String> {
        let environment = environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        read(text, environment).map_err(|error| error.0)
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = with("issuer = \"x\"\n[http]\nlisten_on = \"y\"\n", &[]).unwrap_err();
        assert!(error.contains("line 3") && error.contains("listen_on"), "{error}");
        let error = with("[[sms.smpp]]\nname = \"a\"\npasword = \"b\"", &[]).unwrap_err();
        assert!(error.contains("line 3") && error.contains("pasword"), "{error}");
        let error = with("[http]\ndevelopment = 3", &[]).unwrap_err();
        assert!(error.contains("line 2"), "{error}");
        let error = with("[http", &[]).unwrap_err();
        assert!(error.contains("line 1"), "{error}");
    }

    #[test]
    fn no_secret_is_repeated() {
        let url = "url = \"postgres://me:hunter2@db/t";
        for text in [
            format!("[store]\n{url}"),
            format!("[store]\n{url}\" connections = 3"),
            format!("[store]\n{url}\"\nconnections = \"3\""),
            "[keys]\nmaster_ = \"hunter2\"".to_owned(),
            "store = \"postgres://me:hunter2@db/t\"".to_owned(),
        ] {
            let error = with(&text, &[]).unwrap_err();
            assert!(error.contains("line ") && !error.contains("hunter2"), "{error}");
        }
        let file = with(&format!("[store]\n{url}\""), &[]).unwrap();
        assert!(!format!("{file:?}").contains("hunter2"), "{file:?}");
        let error = with("", &[("TWINPATH__STORE", "postgres://me:hunter2@db/t")]).unwrap_err();
        assert!(error.contains("TWINPATH__STORE") && !error.contains("hunter2"), "{error}");
        let variable = [("TWINPATH__STORE__URL", "postgres://me:hunter2@db/t")];
        let url = with("", &variable).unwrap().store.url.unwrap();
        assert_eq!(url.expose(), "postgres://me:hunter2@db/t");
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let file = with(
            "issuer = \"a\"\n[[sms.smpp]]\nname = \"n\"\n",
            &[
                ("TWINPATH__ISSUER", "b"),
                ("TWINPATH__HTTP__DEVELOPMENT", "true"),
                ("TWINPATH__TERMINAL__TTL_S", "60"),
                ("TWINPATH__SMS__SMPP__0__PASSWORD", "12345"),
                ("TWINPATH__SMS__SMPP__0__NUMBERS", "[\"+8610690001\"]"),
                ("TWINPATH__SMS__SMPP__1__NAME", "m"),
                ("HOME", "/"),
            ],
        )
        .unwrap();
        assert_eq!(file.issuer.as_deref(), Some("b"));
        assert!(file.http.development);
        assert_eq!(file.terminal.ttl_s, Some(60));
        assert_eq!(file.sms.smpp[0].password.as_deref(), Some("12345"));
        assert_eq!(file.sms.smpp[0].numbers, ["+8610690001"]);
        assert_eq!(file.sms.smpp[1].name.as_deref(), Some("m"));
    }

    #[test]
    fn what_the_check_finds_is_placed() {
        let text = "issuer = \"x\"\n[limits]\nblock_s = 0\n[[sms.smpp]]\nname = \"a\"\n\
                    [[sms.smpp]]\nname = \"b\"\nwindow = 0\n";
        assert_eq!(line_of(text, "limits.block_s = 0 must be"), Some(3));
        assert_eq!(line_of(text, "limits.waits = 0 must be"), Some(2));
        assert_eq!(line_of(text, "sms.smpp.0.system_id is missing"), Some(4));
        assert_eq!(line_of(text, "sms.smpp.1.window = 0 must"), Some(8));
        assert_eq!(line_of(text, "store.url is missing"), None);
        assert_eq!(line_of(text, "issuer is missing"), None);
    }

    #[test]
    fn a_wrong_variable_is_named() {
        for (name, value) in [
            ("TWINPATH__HTTP__LISTN", "x"),
            ("TWINPATH__HTTP__DEVELOPMENT", "maybe"),
            ("TWINPATH__SMS__SMPP__3__NAME", "x"),
            ("TWINPATH__ISSUER__0", "x"),
        ] {
            let error = with("issuer = \"a\"", &[(name, value)]).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }
}
