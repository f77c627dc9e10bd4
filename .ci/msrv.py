"""Checks that the declared MSRV is one at which the locked dependencies can be built.

    python3 .ci/msrv.py

fails where a package of Cargo.lock asks for a newer Rust than the workspace says it needs. What a package says of itself is taken
at its word; nothing is compiled.
"""

import json
import os
import subprocess
import sys


def version(text):
    parts = [int(part) for part in text.split("-")[0].split(".")]
    return tuple(parts + [0] * (3 - len(parts)))


def main():
    command = [os.environ.get("CARGO", "cargo"), "metadata", "--locked", "--format-version", "1"]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    members = set(metadata["workspace_members"])
    ours = {package["name"]: package["rust_version"] for package in metadata["packages"] if package["id"] in members}
    if None in ours.values() or len(set(ours.values())) != 1:
        sys.exit(f"the members of the workspace do not declare one rust-version: {ours}")
    declared = next(iter(ours.values()))
    others = [package for package in metadata["packages"] if package["id"] not in members]
    newer = [
        f"{package['name']} {package['version']} needs Rust {package['rust_version']}"
        for package in others
        if package["rust_version"] and version(package["rust_version"]) > version(declared)
    ]
    if newer:
        sys.exit(f"rust-version is {declared}, but:\n" + "\n".join(sorted(newer)))
    silent = sum(1 for package in others if not package["rust_version"])
    print(f"rust-version {declared}: none of {len(others)} packages asks for more ({silent} do not say)")


main()
