//! What a `build.rs` calls: generates where something changed, and says what is wrong where it cannot.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::exit;

use crate::generate::generate;
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
    println!("cargo:rerun-if-changed=build.rs");
    let mut failed = false;
    for spec in specs {
        let spec = spec.as_ref();
        println!("cargo:rerun-if-changed={}", spec.display());
        if let Err(words) = build_one(spec) {
            failed = true;
            eprintln!("{words}");
        }
    }
    if failed {
        exit(1);
    }
}

fn build_one(spec: &Path) -> Result<(), String> {
    let out_dir = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: this belongs in a build.rs")?;
    let stem = spec.file_stem().ok_or_else(|| format!("{}: not a file", spec.display()))?;
    let target = PathBuf::from(out_dir).join(stem).with_extension("rs");
    let stamp_file = target.with_extension("stamp");
    let text = fs::read_to_string(spec).map_err(|error| format!("{}: {error}", spec.display()))?;
    let stamp = stamp(&text).map_err(|error| error.to_string())?;
    // Written only when it differs: cargo compiles again what `include!`s a file of a newer time.
    if target.exists() && fs::read_to_string(&stamp_file).is_ok_and(|old| old == stamp) {
        return Ok(());
    }
    let source = Source::parse(&spec.display().to_string(), &text).map_err(|faults| faults.to_string())?;
    let code = generate(&source).map_err(|faults| faults.to_string())?;
    fs::write(&target, code)
        .and_then(|()| fs::write(&stamp_file, stamp))
        .map_err(|error| format!("{}: {error}", target.display()))
}

/// What the output depends on: the spec's text, and the generator, known by the build script that it is linked into.
fn stamp(text: &str) -> io::Result<String> {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let generator = fs::metadata(env::current_exe()?)?;
    generator.len().hash(&mut hasher);
    generator.modified()?.hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

/// The generated code of one spec, for whoever wants to look at it or keep it.
///
/// # Errors
/// The faults of the spec, or why it cannot be read, in words for people.
pub fn generate_file(spec: &Path) -> Result<String, String> {
    let source = Source::read(spec).map_err(|faults| faults.to_string())?;
    generate(&source).map_err(|faults| faults.to_string())
}
