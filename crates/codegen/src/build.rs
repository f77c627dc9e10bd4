//! What a `build.rs` calls: generates where something changed, and says what is wrong where it cannot.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a build script speaks to cargo and to people by printing"
)]

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::exit;

use crate::generate::generate;
use crate::refresh::{Generator, Kind, refresh};
use crate::source::Source;

/// Generates the client of one spec into `OUT_DIR`, as the file's name with `.rs`.
///
/// For a `build.rs`, and for nothing else: it prints cargo's instructions, and where the spec has faults it prints them all and
/// ends the process.
pub fn build(spec: impl AsRef<Path>) {
    build_each([spec]);
}

/// [`build`] for several specs: the faults of all are printed before the process ends. A spec that did not change is not
/// generated again.
pub fn build_each(specs: impl IntoIterator<Item = impl AsRef<Path>>) {
    build_all(Kind::Client, specs);
}

/// Generates the types of JSON Schemas, such as those of what a vendor sends by itself, into `OUT_DIR`: each as the file's name with
/// `-payloads.rs`. As [`build_each`] otherwise.
///
/// A schema is in draft 7, and of a few words, so that it takes whatever a vendor may add: no closed list of values, no bounds, no
/// refusal of a field that it does not know. Formats are those of a spec.
pub fn build_payloads(schemas: impl IntoIterator<Item = impl AsRef<Path>>) {
    build_all(Kind::Payloads, schemas);
}

/// Generates the enum `Code` of a vendor's codes into `OUT_DIR`, as the file's name with `-codes.rs`. As [`build`] otherwise.
///
/// The file is a map from each code to its `meaning`, and to `advice` and `source` where there are some. `form` is what a code looks like,
/// with `#` for each digit: `BDC_####`.
pub fn build_codes(codes: impl AsRef<Path>, form: &str) {
    build_all(Kind::Codes(form), [codes]);
}

fn build_all(kind: Kind<'_>, specs: impl IntoIterator<Item = impl AsRef<Path>>) {
    // With no spec there has to be a line of this kind all the same, or every file of the package would count.
    println!("cargo:rerun-if-changed=build.rs");
    let specs: Vec<PathBuf> = specs.into_iter().map(|spec| spec.as_ref().to_owned()).collect();
    for spec in &specs {
        println!("cargo:rerun-if-changed={}", spec.display());
    }
    let faults = match place() {
        Ok((out_dir, generator)) => refresh_each(kind, &specs, &out_dir, &generator),
        Err(words) => vec![words],
    };
    if !faults.is_empty() {
        eprintln!("{}", faults.join("\n"));
        exit(1);
    }
}

fn place() -> Result<(PathBuf, Generator), String> {
    let out_dir = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: this belongs in a build.rs")?;
    let generator = Generator::this().map_err(|error| format!("the build script cannot be found: {error}"))?;
    Ok((out_dir.into(), generator))
}

/// The faults of each spec that has some.
fn refresh_each(kind: Kind<'_>, specs: &[PathBuf], out_dir: &Path, generator: &Generator) -> Vec<String> {
    let mut names: HashMap<OsString, &Path> = HashMap::new();
    let mut faults = Vec::new();
    for spec in specs {
        let other = spec.file_stem().and_then(|stem| names.insert(stem.to_owned(), spec));
        let outcome = match other {
            Some(other) => Err(format!(
                "{}: its output would take the place of that of {}; rename one of the two",
                spec.display(),
                other.display()
            )),
            None => refresh(kind, spec, out_dir, generator).map(drop),
        };
        faults.extend(outcome.err());
    }
    faults
}

/// The generated code of one spec, for whoever wants to look at it or keep it.
///
/// # Errors
/// The faults of the spec, or why it cannot be read, in words for people.
pub fn generate_file(spec: &Path) -> Result<String, String> {
    let source = Source::read(spec).map_err(|faults| faults.to_string())?;
    generate(&source).map_err(|faults| faults.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faults_of_all_specs_are_told_and_the_sound_one_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let spec = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        let acme = include_str!("../tests/specs/acme.yaml");
        let specs = [
            spec("first.yaml", "a: ["),
            spec("acme.yaml", acme),
            spec("v2/acme.yaml", acme),
            spec("last.yaml", &acme.replace("PT35M", "35 minutes")),
            dir.path().join("none.yaml"),
        ];
        let out = dir.path().join("out");
        std::fs::create_dir(&out).unwrap();
        let faults = refresh_each(Kind::Client, &specs, &out, &Generator::this().unwrap());
        let [first, same, last, none] = faults.as_slice() else { panic!("{faults:#?}") };
        assert!(first.contains("first.yaml:2:1: ") && first.contains("this is not YAML"), "{first}");
        assert!(same.contains("v2") && same.contains("rename one of the two"), "{same}");
        assert!(last.contains("last.yaml:18:11: ") && last.contains("is not a duration"), "{last}");
        assert!(none.contains("none.yaml") && none.contains("cannot be read"), "{none}");
        assert!(out.join("acme.rs").exists() && !out.join("last.rs").exists());
    }
}
