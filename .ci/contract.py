"""What .ci/contract has other people's tools do: see docs/contract.md.

usage: contract.py DIRECTORY PROGRAM [STEP...]

DIRECTORY holds node_modules, venv and a JSON bundle of each spec; PROGRAM is ledgerkey-contract. Steps: lint, prism, schemathesis.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

APIS = ["bezala", "bill", "bill-v2", "bill-spend", "bill-partner", "bill-events"]
# How many requests for each operation schemathesis makes up.
EXAMPLES = 5
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# Calls that end or lock what all the others are made with.
LAST = ["login", "logout", "loginAsUser", "createToken", "createGoogleToken", "createMicrosoftToken", "createOktaToken"]

directory, program = Path(sys.argv[1]), sys.argv[2]
here = Path(__file__).resolve().parent


def tool(name):
    return str(directory / "node_modules" / ".bin" / name)


# A tool's copy of a spec: what OpenAPI 3.0.3 cannot say, said in a way that the tool understands.


def copy_of(api, fields=None, made_up=False):
    """`fields`: the credentials that go into a form, by name; without them any text is one. `made_up`: answers are to be made up from it."""
    spec = json.loads((directory / f"{api}.bundle.json").read_text())
    base = spec["servers"][0]["url"].split("/", 3)[3:]
    base = f"/{base[0]}" if base and base[0] else ""
    spec["paths"] = {base + path: item for path, item in spec["paths"].items()}
    spec["servers"] = [{"url": "http://127.0.0.1"}]
    if made_up:
        make_successes(spec)
    else:
        allow_refusals(spec)
    spell_out_nullable(spec)
    spell_out_formats(spec)
    put_credentials_into_forms(spec, fields or {})
    drop_extensions(spec)
    return spec


# What is no part of a description, but a value that somebody wrote.
DATA = ("example", "examples", "default", "enum")
# The maps whose keys are the author's own.
NAMED = ("properties", "headers", "schemas", "parameters")


def objects(node, named=False):
    """Every object of a description, those within one first; not those within its data."""
    if isinstance(node, list):
        for item in node:
            yield from objects(item)
    if isinstance(node, dict):
        for key, value in node.items():
            if named or key not in DATA:
                yield from objects(value, named=not named and key in NAMED)
        if not named:
            yield node


def spell_out_nullable(spec):
    for node in objects(spec):
        if node.get("nullable") is True and "type" not in node and "allOf" in node:
            del node["nullable"]
            # The specs have one `$ref` there; the generator takes no other.
            node["anyOf"] = [*node.pop("allOf"), {"type": "string", "nullable": True, "enum": [None]}]


# The formats of this project that no tool knows, as patterns.
YEAR, TIME = "20[0-9]{2}", "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"


def day(form):
    """A pattern of the days that there are, but for the 29th of February. `form` has a %d and a %m."""
    months = [("(0[1-9]|1[0-9]|2[0-8])", "(0[1-9]|1[0-2])"), ("(29|30)", "(0[13-9]|1[0-2])"), ("31", "(0[13578]|1[02])")]
    return "(" + "|".join(form.replace("%d", day).replace("%m", month) for day, month in months) + ")"


FORMATS = {
    "decimal": r"^-?[0-9]{1,9}(\.[0-9]{1,4})?$",
    "date-time-offset": f"^{YEAR}-{day('%m-%d')}T{TIME}\\.[0-9]{{3}}\\+0000$",
    "date-compact": f"^{YEAR}{day('%m%d')}$",
    "date-dmy": f"^{day('%d-%m')}-{YEAR}$",
    "date-range": f"^{day('%d/%m')}/{YEAR} - {day('%d/%m')}/{YEAR}$",
}


def spell_out_formats(spec):
    for node in objects(spec):
        if node.get("type") == "string" and node.get("format") in FORMATS:
            node.setdefault("pattern", FORMATS[node.pop("format")])
        if node.get("format") == "unix-time":
            node.update(minimum=0, maximum=4_000_000_000)


def allow_refusals(spec):
    """Where a refusal comes with the status of a success, that status has either."""
    success = spec.get("x-answers", {}).get("success")
    for operation in operations(spec) if success else []:
        refusal = resolved(spec, operation["responses"]["4XX"])["content"]["application/json"]["schema"]
        name = success["at"].removeprefix("/")
        told = {"type": "object", "required": [name], "properties": {name: {"not": {"enum": [success["is"]]}}}}
        answer = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        media = resolved(spec, answer).get("content", {}).get("application/json")
        if media is not None:
            media["schema"] = {"anyOf": [media["schema"], {"allOf": [refusal, told]}]}


def make_successes(spec):
    """Answers out of nothing are to be successes, and their sessions such as a header can carry."""
    by_id = {operation["operationId"]: operation for operation in operations(spec)}
    for way in spec.get("x-sign-in", {}).values():
        if "operation" in way:
            place(spec, by_id[way["operation"]], way["session"]).update(type="string", pattern="^[a-z0-9]{8,20}$")
    success = spec.get("x-answers", {}).get("success")
    for operation in by_id.values() if success else []:
        field = place(spec, operation, success["at"])
        if field is not None:
            field["enum"] = [success["is"]]


def place(spec, operation, pointer):
    """The schema of what stands at a pointer in the operation's success."""
    answer = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
    schema = resolved(spec, resolved(spec, answer).get("content", {}).get("application/json", {}).get("schema"))
    owner = None
    for name in pointer.split("/")[1:]:
        if schema is None or name not in schema.get("properties", {}):
            return None
        owner, schema = schema, resolved(spec, schema["properties"][name])
    if owner is not None:
        owner["required"] = sorted({*owner.get("required", []), name})
    return schema


def resolved(spec, node):
    while node and "$ref" in node:
        target = spec
        for key in node["$ref"].split("/")[1:]:
            target = target[key.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def put_credentials_into_forms(spec, given):
    schemes = spec.get("components", {}).get("securitySchemes", {})
    in_form = {name: scheme["x-form-field"] for name, scheme in schemes.items() if "x-form-field" in scheme}
    for operation in operations(spec):
        names = [name for need in operation.get("security", [])[:1] for name in need if name in in_form]
        if not names:
            continue
        body = operation.setdefault("requestBody", {"required": True, "content": {}})
        body["required"] = True
        form = body["content"].setdefault("application/x-www-form-urlencoded", {"schema": {"type": "object"}})
        fields = [in_form[name] for name in names]
        own = {name: {"type": "string", **({"enum": [given[name]]} if name in given else {})} for name in fields}
        form["schema"] = {"allOf": [form["schema"], {"type": "object", "required": fields, "properties": own}]}
        if "example" in form:
            form["example"] = {**{name: given.get(name, "example") for name in fields}, **form["example"]}
        operation["security"] = []
    for name in in_form:
        del schemes[name]


def operations(spec):
    for item in spec["paths"].values():
        yield from (value for value in item.values() if isinstance(value, dict) and "operationId" in value)


def drop_extensions(spec):
    for node in objects(spec):
        for key in [key for key in node if key.startswith("x-")]:
            del node[key]


def write_copy(api, fields=None, made_up=False):
    path = directory / f"{api}.json"
    path.write_text(json.dumps(copy_of(api, fields, made_up)))
    return str(path)


# The steps. Each gives lines for the report, and what it found.


def lint(api):
    found = []
    for rules, path in [("redocly.yaml", here.parent / "specs" / f"{api}.yaml"), ("redocly-copies.yaml", write_copy(api))]:
        ran = subprocess.run(
            [tool("redocly"), "lint", "--config", str(here / rules), "--format", "json", "--max-problems", "500", str(path)],
            capture_output=True, text=True, cwd=directory,
        )
        start = ran.stdout.find("{")
        if start < 0:
            found.append(f"{rules}: {ran.stderr.strip()[-400:]}")
            continue
        problems = json.JSONDecoder().raw_decode(ran.stdout[start:])[0]["problems"]
        for problem in problems:
            place = problem["location"][0]
            found.append(f"{rules} {problem['ruleId']}: {place.get('pointer', '')}: {problem['message']}")
    return f"{len(found)} problems", found


def prism(api):
    lines, found = [], []
    for name, options in [("examples", []), ("made up", ["--dynamic", "--seed", "ledgerkey"])]:
        port = free_port()
        command = [tool("prism"), "mock", "-h", "127.0.0.1", "-p", str(port), "-v", "error", *options, write_copy(api, made_up=bool(options))]
        with served(command, port, directory / f"{api}.prism.log"):
            ran = subprocess.run(
                [program, "walk", api], capture_output=True, text=True, timeout=900, env={**os.environ, **addresses(port)}
            )
        if not ran.stdout:
            return "no report", [ran.stderr]
        report = json.loads(ran.stdout)
        (directory / f"{api}.{name.replace(' ', '-')}.prism.json").write_text(ran.stdout)
        lines.append(
            f"{name}: {report['called']} of {report['operations']} called, {report['decoded']} decoded, "
            f"{report['nothing_to_decode']} without anything to decode, "
            f"{len(report['not_called'])} not called"
        )
        found += [f"{name}: {fault['operation']}: {fault['fault']}" for fault in report["faults"]]
        found += [f"{name}: {left['operation']} not called: {left['why']}" for left in report["not_called"]]
    return "; ".join(lines), found


def addresses(port):
    url = f"http://127.0.0.1:{port}"
    return {"LEDGERKEY_BILL_URL": f"{url}/connect", "LEDGERKEY_BILL_V2_URL": f"{url}/api/v2", "LEDGERKEY_BEZALA_URL": url}


def schemathesis(api):
    lines, found = [], []
    with sandbox() as (url, credentials):
        headers, fields = sign_in(api, url, credentials)
        for last in (False, True):
            path = write_copy(api, fields)
            chosen = [id for id in LAST if id in {it["operationId"] for it in operations(json.loads(Path(path).read_text()))}]
            if last and not chosen:
                continue
            report = directory / f"{api}.{'last' if last else 'most'}.schemathesis.json"
            which = [part for id in chosen for part in ("--include-operation-id" if last else "--exclude-operation-id", id)]
            command = [
                str(directory / "venv" / "bin" / "schemathesis"), "run", path, "--url", url, "--checks", CHECKS,
                "--max-examples", str(EXAMPLES), "--workers", "1", "--seed", "1", "--no-color", "--no-shrink",
                "--phases", "examples,fuzzing", "--generation-database", "none", "--generation-with-security-parameters", "false",
                "--continue-on-failure", "--request-timeout", "10", "--warnings", "off", "--suppress-health-check", "all",
                "--report", "json", "--report-json-path", str(report), "--report-dir", str(directory / "schemathesis"),
                *which, *[part for header in headers for part in ("-H", header)],
            ]
            ran = subprocess.run(command, capture_output=True, text=True, cwd=directory, timeout=1800)
            (directory / f"{report.name}.txt").write_text(ran.stdout + ran.stderr)
            lines.append(ran.stdout.strip().splitlines()[-1] if ran.stdout.strip() else ran.stderr.strip()[-300:])
            if ran.returncode != 0:
                found.append(ran.stdout)
    return "; ".join(lines), found


def sign_in(api, url, credentials):
    """The headers that calls go with, and the fields of their forms."""
    get = credentials.__getitem__
    bill = {
        "username": get("BILL_USERNAME"), "password": get("BILL_PASSWORD"),
        "organizationId": get("BILL_ORGANIZATION_ID"), "devKey": get("BILL_DEV_KEY"),
    }
    if api == "bezala":
        body = {"email": get("BEZALA_EMAIL"), "password": get("BEZALA_PASSWORD")}
        return [f"Authorization: Bearer {post(url + '/api/auth/token', body)['token']}"], None
    if api == "bill-spend":
        return [f"apiToken: {get('BILL_SPEND_TOKEN')}"], None
    if api == "bill-partner":
        body = {"username": get("BILL_PARTNER_USERNAME"), "password": get("BILL_PARTNER_PASSWORD"), "appKey": get("BILL_APP_KEY")}
        session = post(url + "/connect/v3/partner/login", body)["sessionId"]
        return [f"sessionId: {session}", f"appKey: {get('BILL_APP_KEY')}"], None
    session = post(url + "/connect/v3/login", bill)["sessionId"]
    if api == "bill-v2":
        return [], {"sessionId": session, "devKey": get("BILL_DEV_KEY")}
    return [f"sessionId: {session}", f"devKey: {get('BILL_DEV_KEY')}"], None


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


# Servers, each stopped by the one that started it.


@contextmanager
def sandbox():
    process = subprocess.Popen([program, "sandbox"], stdout=subprocess.PIPE, text=True)
    try:
        first = json.loads(process.stdout.readline())
        yield first["url"], first["credentials"]
    finally:
        process.terminate()
        process.wait()


@contextmanager
def served(command, port, log):
    with open(log, "w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=directory)
        try:
            for _ in range(600):
                if process.poll() is not None:
                    raise SystemExit(f"{command[0]} ended: {Path(log).read_text()[-1000:]}")
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    steps = {"lint": lint, "prism": prism, "schemathesis": schemathesis}
    chosen = sys.argv[3:] or list(steps)
    failed = False
    for name in chosen:
        for api in os.environ.get("CONTRACT_APIS", " ".join(APIS)).split():
            began = time.monotonic()
            line, found = steps[name](api)
            print(f"{name:12} {api:12} {line} ({time.monotonic() - began:.0f} s)", flush=True)
            for fault in found:
                print(f"  {fault}", flush=True)
            failed = failed or bool(found)
    return 1 if failed else 0


sys.exit(main())
