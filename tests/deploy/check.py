#!/usr/bin/env python3
"""Checks what stands in deploy/ beside the SAM template: the Nomad jobs, the Terraform
module, the systemd unit, the container file, and that the table of settings of new jobs
in docs/nomad.md is what gateway and template take; and what deploy/release.sh makes of
template and container file.

Run in a venv with tests/template/requirements.txt; prints each fault, and exits with 1.
Parsing is done by others' parsers: python-hcl2, PyYAML, systemd-analyze where there is one.
"""
import fnmatch, json, os, pathlib, re, shutil, subprocess, sys, tempfile, tomllib, zipfile

import hcl2
import yaml

root = pathlib.Path(__file__).resolve().parents[2]
deploy = root / "deploy"
faults = []


def hold(condition, fault):
    if not condition:
        faults.append(fault)


def bare(value):
    """python-hcl2 keeps the quotes of strings, and adds keys of its own."""
    if isinstance(value, dict):
        return {bare(key): bare(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [bare(item) for item in value]
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value


def parsed(path):
    try:
        return bare(hcl2.loads(path.read_text()))
    except Exception as error:  # the parser's own kinds
        faults.append(f"{path.relative_to(root)}: {type(error).__name__}: {str(error)[:300]}")
        return {}


def variables(document):
    return {name: body for block in document.get("variable", []) for name, body in block.items()}


def used(text):
    code = "\n".join(line.split("#")[0] for line in text.splitlines())
    return set(re.findall(r"\bvar\.(\w+)", code))


template = yaml.load(
    re.sub(r"!(\w+)", "", (root / "template.yaml").read_text()), Loader=yaml.BaseLoader
)["Parameters"]
ten = yaml.safe_load((deploy / "parameters.example.yaml").read_text())


def snake(name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


# Terraform: the ten, each handed to the parameter of its name, optional where that is.
module = variables(parsed(deploy / "terraform/variables.tf"))
main = parsed(deploy / "terraform/main.tf")
text = (deploy / "terraform/main.tf").read_text()
hold(used(text) == set(module), f"terraform: declared and used differ: {sorted(used(text) ^ set(module))}")
for parameter in ten:
    name = snake(parameter)
    hold(name in module, f"terraform: no variable {name} for {parameter}")
    hold(re.search(rf"^ +{parameter} += .*\bvar\.{name}\b", text, re.M), f"terraform: {parameter} is not given var.{name}")
    if name in module and name != "caller_tokens_secret_arn":
        hold(
            ("Default" in template[parameter]) == ("default" in module[name]),
            f"terraform: {name} is optional here or in template.yaml, not in both",
        )
given = re.search(r"parameters = merge\(\{(.*?)\}", text, re.S)
for parameter in re.findall(r"^ +(\w+) +=", given.group(1) if given else "", re.M):
    hold(parameter in template, f"terraform: template.yaml has no parameter {parameter}")
hold("aws_cloudformation_stack" in json.dumps(main.get("resource", [])), "terraform: no aws_cloudformation_stack")

# Nomad: the same job twice, but for what only one side can do.
jobs = {}
for name in ("dtle-gateway.nomad.hcl", "dtle-gateway-1.1.nomad.hcl"):
    path = deploy / "nomad" / name
    document, text = parsed(path), path.read_text()
    declared = variables(document)
    hold(used(text) == set(declared), f"{name}: declared and used differ: {sorted(used(text) ^ set(declared))}")
    for variable, body in declared.items():
        hold(body.get("description"), f"{name}: {variable} has no description")
    try:
        group = document["job"][0]["dtle-gateway"]["group"][0]["gateway"]
        task = group["task"][0]["gateway"]
        # The delay takes effect where the service is.
        beside = task if "service" in task else group
        jobs[name] = [group["count"], beside["shutdown_delay"], task["kill_signal"], task["kill_timeout"]]
        hold(("identity" in task) == ("1.1" not in name), f"{name}: the identity belongs to Nomad from 1.7 on")
    except (KeyError, IndexError) as error:
        faults.append(f"{name}: lacks {error}")
hold(len({json.dumps(job) for job in jobs.values()}) == 1, f"the two Nomad jobs differ: {jobs}")

# The policy is the one that docs/deploy.md explains rule by rule.
documented = re.search(r"```hcl\n(# dtle-gateway.policy.hcl.*?)```", (root / "docs/deploy.md").read_text(), re.S)
hold(
    documented and bare(hcl2.loads(documented.group(1))) == parsed(deploy / "nomad/dtle-gateway.policy.hcl"),
    "dtle-gateway.policy.hcl is not the policy of docs/deploy.md",
)

# systemd: the unit is understood, and exposes less than 2 of 10.
if analyze := shutil.which("systemd-analyze"):
    with tempfile.TemporaryDirectory() as folder:
        unit = pathlib.Path(folder) / "dtle-gateway.service"
        # The program is not installed here.
        unit.write_text((deploy / "dtle-gateway.service").read_text().replace("/usr/local/bin/dtle-gateway", "/bin/true"))
        for arguments in (["verify"], ["security", "--offline=true", "--threshold=19", "--no-pager"]):
            run = subprocess.run([analyze, *arguments, unit], capture_output=True, text=True)
            # `verify` says what it does not understand, and is content with it. The last line
            # of `security` has the score.
            hold(run.returncode == 0 and unit.name not in run.stderr, f"systemd-analyze {arguments[0]}: {(run.stdout + run.stderr).strip()[-300:]}")
else:
    print("no systemd-analyze here: the unit is not checked")

# Settings of new jobs: each row of the table names an option of the gateway, the variable
# that it sets, and the parameter that the template puts there.
variables_of = yaml.load(
    re.sub(r"!(\w+)", "", (root / "template.yaml").read_text()), Loader=yaml.BaseLoader
)["Globals"]["Function"]["Environment"]["Variables"]
options = (root / "local/src/new_jobs.rs").read_text() + (root / "local/src/main.rs").read_text()
settings = (root / "docs/nomad.md").read_text().split("## Settings of new jobs")[1]
rows = re.findall(r"^\|[^|]*\|[^|]*\| `--([a-z-]+)`, `(DTLE_[A-Z_]+)` \| `(\w+)` \|", settings, re.M)
in_policy = set(re.findall(r'"(DTLE_\w+)" => &self', options))
hold(in_policy | {"DTLE_LAYOUT"} == {variable for _, variable, _ in rows}, f"nomad.md: the rows {rows} are not the options of new jobs, {sorted(in_policy)}")
for option, variable, parameter in rows:
    field = option.replace("-", "_")
    hold(re.search(rf'env = "{variable}"[^\n]*\n    {field}: ', options), f"nomad.md: --{option} does not set {variable}")
    hold(parameter in str(variables_of.get(variable)), f"nomad.md: {parameter} does not set {variable}")
    hold(f"`{variable}`" in (root / "README.md").read_text(), f"README.md does not name {variable}")

# The container file: what .dockerignore leaves out is not what the build reads.
ignored = [
    line for line in (root / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
]
members = tomllib.loads((root / "Cargo.toml").read_text())["workspace"]["members"]
for needed in ["Cargo.toml", "Cargo.lock", "template.yaml", "console", *(member.removesuffix("/*") for member in members)]:
    hold((root / needed).exists(), f"{needed} is gone; the container file copies it")
    hold(not any(fnmatch.fnmatch(needed, pattern) for pattern in ignored), f".dockerignore leaves out {needed}")

# What is published: the scripts are bash, docs/release.md has every file and the versions of
# the tools, and what deploy/release.sh does besides building holds for this template and this
# container file. The build itself takes too long for here.
for script in ("release", "rollback", "release.sh"):
    run = subprocess.run(["bash", "-n", deploy / script], capture_output=True, text=True)
    hold(run.returncode == 0, f"deploy/{script}: {run.stderr.strip()}")
release, documented = (deploy / "release.sh").read_text(), (root / "docs/release.md").read_text()
published = re.findall(r"\$out/([\w.-]+\.\w+|SHA256SUMS)", release) + re.findall(r"^cp (.*) \"\$out/\"$", release, re.M)[0].split()
hold(len(published) >= 7, f"deploy/release.sh: only {published} found")
for name in {"template.yaml", "functions/NAME.zip", *(pathlib.Path(path).name for path in published)}:
    hold(f"`{name}`" in documented, f"docs/release.md does not name {name}")
for tool in re.findall(r"cargo-\w+(?:==|@)[\d.]+", release):
    hold(tool in documented, f"docs/release.md does not name {tool}")
for path in re.findall(r"`((?:deploy|tests)/[\w./-]+)", documented):
    hold((root / path).exists(), f"docs/release.md: there is no {path}")

with tempfile.TemporaryDirectory() as folder:
    built, out = pathlib.Path(folder) / "lambda", pathlib.Path(folder) / "out"
    names = re.findall(r"Binary: ([a-z-]+)", (root / "template.yaml").read_text())
    for name in set(names):
        (built / name).mkdir(parents=True)
        (built / name / "bootstrap").write_text(f"program of {name}")
    (out / "functions").mkdir(parents=True)
    program = re.search(r"<<'PYTHON'\n(.*?)\nPYTHON\n", release, re.S).group(1)
    run = subprocess.run(
        [sys.executable, "-c", program, built, out], capture_output=True, text=True, cwd=root,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1790000001"},
    )
    hold(run.returncode == 0, f"deploy/release.sh: {run.stderr.strip()[-300:]}")
    if run.returncode == 0:
        text = (out / "template.yaml").read_text()
        resources = yaml.load(re.sub(r"!(\w+)", "", text), Loader=yaml.BaseLoader)["Resources"]
        places = [body["Properties"].get("CodeUri") for body in resources.values() if body["Type"] == "AWS::Serverless::Function"]
        hold(sorted(map(str, places)) == sorted(f"functions/{name}.zip" for name in names), f"deploy/release.sh: the functions are looked for in {places}")
        hold("BuildMethod" not in text, "deploy/release.sh: a function would be built")
        for name in names:
            with zipfile.ZipFile(out / f"functions/{name}.zip") as file:
                [entry] = file.infolist()
                hold(file.read(entry) == f"program of {name}".encode(), f"{name}.zip holds something else")
                hold((entry.filename, entry.external_attr >> 16, entry.date_time[0]) == ("bootstrap", 0o100755, 2026), f"{name}.zip: {entry}")
last_stage = re.search(r"^sed -n '(.*)' deploy/Containerfile", release, re.M).group(1)
image = subprocess.run(["sed", "-n", last_stage, deploy / "Containerfile"], capture_output=True, text=True).stdout
hold(re.findall(r"^(FROM|COPY|ENTRYPOINT)", image, re.M) == ["FROM", "COPY", "ENTRYPOINT"] and "COPY dtle-gateway /usr/local/bin/dtle-gateway" in image, f"deploy/release.sh: an image would be made of {image}")

print("\n".join(faults) or "deploy/: as it should be")
sys.exit(bool(faults))
