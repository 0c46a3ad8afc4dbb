"""Plays releases and rollbacks through: deploy/release and deploy/rollback, with the
AWS command line, against moto on loopback.

    python tests/template/releases.py        (in a venv with requirements.txt)

CloudFormation is the one thing that moto does not play well enough. So `sam`, as the
scripts find it, is this file: it transforms template.yaml as CloudFormation would,
publishes a version of three of its functions where the transform gives it a new name,
and moves the alias; or fails half-way, as asked. `cargo` is a stand-in too.
"""

import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", AWS_DEFAULT_REGION="eu-central-1")
# A test never reaches a real account.
os.environ.setdefault("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

import check
import boto3
import cloudformation as cfn

ROOT = check.TEMPLATE.parent
# One that the scripts look at, two that have nothing special.
FUNCTIONS = ["AuthorizerFunction", "JobsListFunction", "AllocationStatsFunction"]
STACK = "dtle-api"


def client(service):
    return boto3.client(service)


# ---- What stands in for CloudFormation ---------------------------------------


def physical(logical):
    return f"{STACK}-{logical}-0123456789AB"


def named_versions(values):
    """The functions, each with the name that the transform gives its version, and its environment."""
    assert not list(cfn.faults_of_values(check.parsed(), values)) and not list(cfn.broken_rules(check.parsed(), values))
    template = cfn.concrete(check.transform(values), values)
    found = {}
    for name, version in check.of_type(template, "AWS::Lambda::Version").items():
        function = version["FunctionName"]["Ref"]
        variables = check.functions(template)[function]["Environment"]["Variables"]
        text = lambda value: str(values[value["Ref"]]) if isinstance(value, dict) and value.get("Ref") in values else "x"
        found[function] = name, {key: text(value) for key, value in variables.items()}
    return found


def deploy(versions, state, fails_after=None):
    """What CloudFormation does with a stack: all of it, or a part and back."""
    aws = client("lambda")
    if not state:
        role = client("iam").create_role(RoleName="functions", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        resources = {
            name: {
                "Type": "AWS::Lambda::Function",
                "Properties": {"FunctionName": physical(name), "Runtime": "provided.al2023", "Handler": "bootstrap", "Role": role, "Code": {"ZipFile": "x"}},
            }
            for name in FUNCTIONS
        }
        client("cloudformation").create_stack(StackName=STACK, TemplateBody=json.dumps({"Resources": resources}))
    environment = lambda variables: {"Variables": variables}
    moved = {}
    for number, function in enumerate(FUNCTIONS):
        if number == fails_after:
            # The aliases stay, and so do the versions: SAM retains them.
            for name in FUNCTIONS[:number]:
                aws.update_function_configuration(FunctionName=physical(name), Environment=environment(state[name]["variables"]))
            return False
        name, variables = versions[function]
        if state.get(function, {}).get("version") == name:
            continue
        aws.update_function_configuration(FunctionName=physical(function), Environment=environment(variables))
        moved[function] = {"version": name, "variables": variables, "number": aws.publish_version(FunctionName=physical(function))["Version"]}
    for function, version in moved.items():
        if function in state:
            aws.update_alias(FunctionName=physical(function), Name="live", FunctionVersion=version["number"])
        else:
            aws.create_alias(FunctionName=physical(function), Name="live", FunctionVersion=version["number"])
        state[function] = version
    return True


def sam(arguments):
    """`sam`, called by deploy/release in a process of its own."""
    from samcli.cli.types import CfnParameterOverridesType

    if arguments[0] == "build":
        return 0
    assert arguments[0] == "deploy" and arguments[arguments.index("--stack-name") + 1] == STACK
    given = arguments[arguments.index("--parameter-overrides") + 1 :]
    values = check.values_of({}) | CfnParameterOverridesType().convert(given, None, None)
    file = Path(os.environ["STATE"])
    state = json.loads(file.read_text())
    fails_after = os.environ.get("FAILS_AFTER")
    done = deploy(named_versions(values), state, int(fails_after) if fails_after else None)
    file.write_text(json.dumps(state))
    return 0 if done else 1


# ---- The play ------------------------------------------------------------------


class Play:
    def __init__(self, folder):
        self.folder, self.clock = folder, datetime(2026, 11, 25, 14, 30, tzinfo=timezone.utc)
        (folder / "state").write_text("{}")
        self.parameters = folder / "parameters.yaml"
        self.parameters.write_text("\n".join(f"{name}: {value}" for name, value in check.NEEDED.items()))
        # The executables that tests/artifacts/check.py wants to see.
        head = b"\x7fELF".ljust(18, b"\0") + (62).to_bytes(2, "little")
        for name, program in {
            "sam": f'exec "{sys.executable}" "{__file__}" "$@"',
            "cargo": f'"{sys.executable}" - <<"end"\nimport re, pathlib\n'
            f'for name in re.findall(r"Binary: ([a-z-]+)", pathlib.Path("template.yaml").read_text()):\n'
            f'    file = pathlib.Path("{folder}/lambda", name, "bootstrap")\n'
            f"    file.parent.mkdir(parents=True, exist_ok=True)\n    file.write_bytes({head!r})\nend",
            "date": 'echo "$NOW"',
        }.items():
            file = folder / "bin" / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"#!/usr/bin/env bash\n{program}\n")
            file.chmod(0o755)

    def minute(self):
        """The next minute, as the script's `date` says it."""
        self.clock += timedelta(minutes=1)
        return self.clock.strftime("%y%m%d%H%M")

    def run(self, *command, fails=False, **settings):
        environment = {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "CARGO_TARGET_DIR": str(self.folder),
            "STATE": str(self.folder / "state"),
            **settings,
        }
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
        assert (done.returncode != 0) == fails, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def release(self, **more):
        now = self.minute()
        said = self.run("deploy/release", STACK, str(self.parameters), NOW=now, **more)
        return now, said

    def quickly(self, last, count):
        """Releases without the script and the transform, which take seconds for each."""
        file = self.folder / "state"
        state = json.loads(file.read_text())
        for _ in range(count):
            before, last = last, self.minute()
            versions = {}
            for function, version in state.items():
                variables = version["variables"] | {"DTLE_RELEASE": last, "DTLE_RELEASE_BEFORE": before}
                versions[function] = version["version"].replace(before, last), variables
            assert deploy(versions, state)
        file.write_text(json.dumps(state))
        return last

    def live(self):
        """The release that each function's alias leads to, one for all."""
        aws = client("lambda")
        serving = {
            aws.get_function_configuration(FunctionName=physical(name), Qualifier="live")["Environment"]["Variables"]["DTLE_RELEASE"]
            for name in FUNCTIONS
        }
        assert len(serving) == 1, serving
        return serving.pop()


def play(folder):
    it = Play(folder)
    # Before there is anything.
    assert "does not exist" in it.run("deploy/rollback", STACK, fails=True)
    first, said = it.release()
    assert it.live() == first and f"release {first} serves" in said and "rollback" not in said
    assert "nothing served before" in it.run("deploy/rollback", STACK, fails=True)
    # The same minute again makes no new version, and is refused.
    assert "wait a minute" in it.run("deploy/release", STACK, str(it.parameters), NOW=first, fails=True)

    # More versions than a page of the list has.
    last = it.quickly(first, 60)
    assert len(client("lambda").list_versions_by_function(FunctionName=physical(FUNCTIONS[0]))["Versions"]) == 50
    assert it.live() == last

    # One that fails when two functions of three have their version.
    failed = it.minute()
    said = it.run("deploy/release", STACK, str(it.parameters), NOW=failed, FAILS_AFTER="2", fails=True)
    assert f"release {failed} failed; {last} serves as before" in said and it.live() == last

    # The one after it knows what served, and a rollback passes the failed one over.
    good, said = it.release()
    assert it.live() == good and f"back to {last}" in said
    said = it.run("deploy/rollback", STACK)
    assert it.live() == last, f"{it.live()}, not {last}: {said}"
    # Once more is one further back.
    it.run("deploy/rollback", STACK)
    before_last = (it.clock - timedelta(minutes=3)).strftime("%y%m%d%H%M")
    assert it.live() == before_last
    # By name: forward, to the very first, and to none.
    for wanted in (good, first):
        it.run("deploy/rollback", STACK, wanted)
        assert it.live() == wanted
    assert "there is no release v1" in it.run("deploy/rollback", STACK, "v1", fails=True)
    assert it.live() == first

    # A rollback that breaks off is finished by running it again.
    it.run("deploy/rollback", STACK, good)
    client("lambda").update_alias(FunctionName=physical(FUNCTIONS[1]), Name="live", FunctionVersion="1")
    it.run("deploy/rollback", STACK)
    assert it.live() == last

    # After a rollback the next release is one from what serves, not from what was left.
    newest, said = it.release()
    assert it.live() == newest and f"back to {last}" in said
    it.run("deploy/rollback", STACK)
    assert it.live() == last


def in_pages(respond):
    """Versions come 50 at a time, as from Lambda."""

    def answer(response):
        all_of_them = json.loads(respond(response))["Versions"]
        start = int(response.querystring.get("Marker", ["0"])[0])
        page = {"Versions": all_of_them[start : start + 50]}
        if start + 50 < len(all_of_them):
            page["NextMarker"] = str(start + 50)
        return json.dumps(page)

    return answer


def main():
    from moto.awslambda.responses import LambdaResponse
    from moto.server import ThreadedMotoServer

    LambdaResponse.list_versions_by_function = in_pages(LambdaResponse.list_versions_by_function)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
    with tempfile.TemporaryDirectory() as folder:
        play(Path(folder))
    server.stop()
    print("ok  releases and rollbacks lead where they should, over 60 versions and a failed deployment")


if __name__ == "__main__":
    sys.exit(sam(sys.argv[1:]) if len(sys.argv) > 1 else main())
