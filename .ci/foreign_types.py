"""Holds docs/foreign-types.md to the truth: which other crates' types are in the library's public API.

    python3 .ci/foreign_types.py target/doc/ledgerkey.json

reads what rustdoc wrote with `--output-format json`, and fails where the crates found there and the crates named in the first
column of the document's table differ. Items that the documentation hides are not part of the API.
"""

import json
import pathlib
import re
import sys

STANDARD = {"std", "core", "alloc"}


def ids_named_by(value):
    """Every type or trait that a piece of rustdoc's output refers to."""
    if isinstance(value, dict):
        if "id" in value and "path" in value:
            yield value["id"]
        for inner in value.values():
            yield from ids_named_by(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from ids_named_by(inner)


def foreign_types(doc):
    found = {}
    for item in doc["index"].values():
        if item["crate_id"] != 0:
            continue
        inner = item["inner"]
        implementation = inner.get("impl")
        # What every type gets from a blanket impl of another crate is not this crate's doing.
        if implementation and (implementation["blanket_impl"] or implementation["is_synthetic"]):
            continue
        for named in ids_named_by(inner):
            summary = doc["paths"].get(str(named))
            if summary is None or summary["crate_id"] == 0:
                continue
            crate = doc["external_crates"][str(summary["crate_id"])]["name"]
            if crate not in STANDARD:
                path = "::".join(summary["path"])
                found.setdefault(crate, {}).setdefault(path, set()).add(item["name"] or "an impl")
    return found


def main():
    found = foreign_types(json.loads(pathlib.Path(sys.argv[1]).read_text()))
    page = pathlib.Path("docs/foreign-types.md")
    written = set(re.findall(r"^\| `(\w+)`", page.read_text(), re.MULTILINE)) if page.exists() else set()
    faults = []
    for crate in sorted(found.keys() - written):
        where = "; ".join(f"{path} in {', '.join(sorted(names)[:3])}" for path, names in sorted(found[crate].items()))
        faults.append(f"{crate} is in the public API and not in {page}: {where}")
    for crate in sorted(written - found.keys()):
        faults.append(f"{crate} is in {page} and no longer in the public API")
    if "--verbose" in sys.argv:
        for crate, paths in sorted(found.items()):
            for path, names in sorted(paths.items()):
                print(f"{crate}: {path}: {len(names)}: {', '.join(sorted(names)[:8])}")
    if faults:
        sys.exit("\n".join(faults))
    print(f"foreign types: {', '.join(sorted(found))}: as {page} says")


main()
