//! Keeps the output of a spec as new as the spec and the generator are, and otherwise leaves it alone.
//!
//! Beside each output lies a stamp, which says what the output was made of and what it is. It is written after the output, and each of
//! the two takes its place in one step: wherever a build is broken off, the next one finds either a whole pair or a reason to generate.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::Path;

use crate::fault::Faults;
use crate::generate::generate;
use crate::source::Source;
use crate::{codes, payloads};

/// What became of the output of a spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was written.
    Refreshed,
    /// It is what it was, and as old: cargo compiles again what `include!`s a file of a newer time.
    Unchanged,
}

/// Which generator it is.
pub(crate) struct Generator(u64);

impl Generator {
    /// The one that runs, known by the build script that it is linked into.
    pub(crate) fn this() -> io::Result<Self> {
        let script = fs::metadata(env::current_exe()?)?;
        Ok(Self(hash(&(script.len(), script.modified()?))))
    }
}

/// What is made of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind<'a> {
    /// A client, of an OpenAPI spec.
    Client,
    /// Types, of a JSON Schema.
    Payloads,
    /// An enum, of a list of codes of this form.
    Codes(&'a str),
}

impl Kind<'_> {
    /// What stands behind the file's own name in that of its output: the codes and the payloads of an API may be called as its spec is.
    fn ending(self) -> &'static str {
        match self {
            Self::Client => "",
            Self::Payloads => "-payloads",
            Self::Codes(_) => "-codes",
        }
    }

    fn generate(self, source: &Source) -> Result<String, Faults> {
        match self {
            Self::Client => generate(source),
            Self::Payloads => payloads::generate(source),
            Self::Codes(form) => codes::generate(source, form),
        }
    }
}

/// Generates the output of `spec` into `out_dir`, unless it lies there already. If it cannot be generated, the old one stays, without
/// its stamp.
pub(crate) fn refresh(kind: Kind<'_>, spec: &Path, out_dir: &Path, generator: &Generator) -> Result<Outcome, String> {
    let stem = spec.file_stem().ok_or_else(|| format!("{}: not a file", spec.display()))?.to_string_lossy();
    let stem = format!("{stem}{}", kind.ending());
    let target = out_dir.join(format!("{stem}.rs"));
    let stamp_file = out_dir.join(format!("{stem}.stamp"));
    // A spec that cannot be read has no input to stamp; the reader says why.
    let input = fs::read(spec).map(|text| hash(&(generator.0, text))).unwrap_or_default();
    let old = fs::read(&target).ok();
    let stamp = |output: &[u8]| format!("{input:016x} {:016x}", hash(&output));
    if let Some(old) = &old
        && fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp(old))
    {
        return Ok(Outcome::Unchanged);
    }
    let code = Source::read(spec).and_then(|source| kind.generate(&source)).map_err(|faults| {
        // It may not be there.
        let _ = fs::remove_file(&stamp_file);
        faults.to_string()
    })?;
    let outcome = if old.as_deref() == Some(code.as_bytes()) { Outcome::Unchanged } else { Outcome::Refreshed };
    let written = match outcome {
        Outcome::Refreshed => replace(&target, &code),
        Outcome::Unchanged => Ok(()),
    };
    written
        .and_then(|()| replace(&stamp_file, &stamp(code.as_bytes())))
        .map_err(|error| format!("{}: {error}", target.display()))?;
    Ok(outcome)
}

/// Not kept longer than a toolchain: a build script that another one compiled is another generator.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The file holds the old text or the new, at any time.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let mut fresh = file.as_os_str().to_owned();
    fresh.push(".new");
    fs::write(&fresh, text)?;
    fs::rename(fresh, file)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::SystemTime;

    use tempfile::TempDir;

    use super::*;

    const ACME: &str = include_str!("../tests/specs/acme.yaml");

    struct House {
        dir: TempDir,
        specs: [PathBuf; 2],
    }

    impl House {
        /// Two specs, generated.
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let specs = ["one.yaml", "two.v2.yaml"].map(|name| dir.path().join(name));
            for spec in &specs {
                fs::write(spec, ACME).unwrap();
            }
            let house = Self { dir, specs };
            assert_eq!(house.refresh(1), [Outcome::Refreshed; 2]);
            house
        }

        fn refresh(&self, generator: u64) -> [Outcome; 2] {
            [0, 1].map(|index| self.try_refresh(index, generator).unwrap())
        }

        fn try_refresh(&self, index: usize, generator: u64) -> Result<Outcome, String> {
            refresh(Kind::Client, &self.specs[index], self.dir.path(), &Generator(generator))
        }

        fn file(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        /// What lies there, and since when.
        fn state(&self, name: &str) -> (String, SystemTime) {
            let file = self.file(name);
            (fs::read_to_string(&file).unwrap(), fs::metadata(&file).unwrap().modified().unwrap())
        }

        fn edit(&self, index: usize, old: &str, new: &str) {
            let text = fs::read_to_string(&self.specs[index]).unwrap();
            assert!(text.contains(old));
            fs::write(&self.specs[index], text.replacen(old, new, 1)).unwrap();
        }
    }

    #[test]
    fn touching_none_generates_nothing() {
        let house = House::new();
        let before = [house.state("one.rs"), house.state("two.v2.rs"), house.state("one.stamp")];
        for spec in &house.specs {
            // A newer time alone is no change.
            fs::write(spec, ACME).unwrap();
        }
        assert_eq!(house.refresh(1), [Outcome::Unchanged; 2]);
        assert_eq!([house.state("one.rs"), house.state("two.v2.rs"), house.state("one.stamp")], before);
    }

    #[test]
    fn a_change_of_one_spec_generates_that_one() {
        let house = House::new();
        let (one, two) = (house.state("one.rs"), house.state("two.v2.rs"));
        house.edit(0, "PT35M", "PT10M");
        assert_eq!(house.refresh(1), [Outcome::Refreshed, Outcome::Unchanged]);
        assert_eq!(house.state("two.v2.rs"), two);
        assert_eq!(house.state("one.rs").0, one.0.replace("from_secs(2100u64)", "from_secs(600u64)"));
        assert_eq!(house.refresh(1), [Outcome::Unchanged; 2]);
    }

    #[test]
    fn a_change_that_comes_to_the_same_leaves_the_output_and_its_time() {
        let house = House::new();
        let one = house.state("one.rs");
        house.edit(0, "openapi:", "# A word to the reader.\nopenapi:");
        assert_eq!(house.refresh(2), [Outcome::Unchanged; 2]);
        assert_eq!(house.state("one.rs"), one);
        fs::remove_file(house.file("one.rs")).unwrap();
        assert_eq!(house.refresh(2), [Outcome::Refreshed, Outcome::Unchanged]);
        assert_eq!(house.state("one.rs").0, one.0);
    }

    #[test]
    fn a_failure_leaves_the_old_output_and_no_stamp() {
        let house = House::new();
        let one = house.state("one.rs");
        house.edit(0, "PT35M", "PT35");
        let words = house.try_refresh(0, 1).unwrap_err();
        assert!(words.contains("one.yaml:18:11: /x-sign-in/password/idle: \"PT35\" is not a duration"), "{words}");
        assert_eq!(house.state("one.rs"), one);
        assert!(!house.file("one.stamp").exists());
        house.edit(0, "PT35", "PT35M");
        assert_eq!(house.try_refresh(0, 1), Ok(Outcome::Unchanged));
        assert!(house.file("one.stamp").exists());
        fs::remove_file(&house.specs[0]).unwrap();
        assert!(house.try_refresh(0, 1).unwrap_err().contains("the file cannot be read"));
        assert_eq!(house.state("one.rs"), one);
    }

    #[test]
    fn a_build_that_was_broken_off_is_made_good() {
        // Between the output and its stamp, and the spec then set back: the old stamp fits the spec, but not the output.
        let house = House::new();
        let (sound, stamp) = (house.state("one.rs").0, house.state("one.stamp").0);
        house.edit(0, "PT35M", "PT10M");
        house.try_refresh(0, 1).unwrap();
        fs::write(house.file("one.stamp"), &stamp).unwrap();
        house.edit(0, "PT10M", "PT35M");
        assert_eq!(house.try_refresh(0, 1), Ok(Outcome::Refreshed));
        assert_eq!(house.state("one.rs").0, sound);
        // Before the stamp was there at all, and in the middle of either file.
        fs::remove_file(house.file("one.stamp")).unwrap();
        assert_eq!(house.try_refresh(0, 1), Ok(Outcome::Unchanged));
        assert_eq!(house.state("one.stamp").0, stamp);
        fs::write(house.file("one.stamp"), &stamp[..5]).unwrap();
        assert_eq!(house.try_refresh(0, 1), Ok(Outcome::Unchanged));
        fs::write(house.file("one.rs"), &sound[..sound.len() / 2]).unwrap();
        assert_eq!(house.try_refresh(0, 1), Ok(Outcome::Refreshed));
        assert_eq!((house.state("one.rs").0, house.state("one.stamp").0), (sound, stamp));
        // What such a build leaves behind is written over.
        assert!(!house.file("one.rs.new").exists() && !house.file("one.stamp.new").exists());
    }
}
