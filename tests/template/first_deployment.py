"""Follows "Build and deploy" of docs/deploy.md to the letter, as far as it goes without
an account: the commands as they stand there, the example's ten values, `sam deploy`
itself, against moto on loopback.

    python tests/template/first_deployment.py        (in a venv with requirements.txt)

Moto does not know SAM's transform. So this does with a change set what CloudFormation
would: it checks the values and the Rules, transforms the template, and resolves its
conditions; the stack that moto then makes holds one thing. `cargo lambda build` and
`sam build` are stand-ins, since they take long.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlparse

os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", AWS_DEFAULT_REGION="eu-central-1")

import check
import cloudformation as cfn
from samtranslator.yaml_helper import yaml_parse

ROOT = check.TEMPLATE.parent
STAND_INS = {
    # The executables that tests/artifacts/check.py wants to see.
    "cargo": """
import pathlib, re
for name in re.findall(r"Binary: ([a-z-]+)", pathlib.Path("template.yaml").read_text()):
    file = pathlib.Path("target/lambda", name, "bootstrap")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\\x7fELF".ljust(18, b"\\0") + (62).to_bytes(2, "little"))
""",
    # Puts them where `sam deploy` looks; all else is the real program's.
    "sam": """
import os, pathlib, re, shutil, sys
if sys.argv[1] != "build":
    # Moto forgets the tags by which SAM knows a bucket that it has made itself.
    to = lambda word: ["--s3-bucket", "artifacts"] if word == "--resolve-s3" else [word]
    os.execv(REAL, [REAL, *(word for given in sys.argv[1:] for word in to(given))])
built = pathlib.Path(".aws-sam/build")
shutil.copytree("target/lambda", built, dirs_exist_ok=True)
text = pathlib.Path("template.yaml").read_text().replace("    CodeUri: functions/\\n", "")
text = re.sub(r"(BuildProperties: {Binary: ([a-z-]+)}}\\n    Properties:\\n)", r"\\1      CodeUri: \\2\\n", text)
(built / "template.yaml").write_text(text)
""",
}


def commands():
    """The first block of commands under the heading."""
    text = (ROOT / "docs/deploy.md").read_text()
    section = re.search(r"^## Build and deploy\n(.*?)(?=^## )", text, re.S | re.M)[1]
    return re.search(r"```sh\n(.*?)```", section, re.S)[1]


def transformed(template, parameters):
    """What CloudFormation makes of a SAM template, or why it refuses it."""
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    values = cfn.defaults(template) | parameters
    for name, parameter in template["Parameters"].items():
        if parameter["Type"] == "Number":
            values[name] = int(values[name])
    refused = [*cfn.faults_of_values(template, values), *cfn.broken_rules(template, values)]
    assert not refused, refused
    session = check.boto3.Session(region_name=cfn.REGION)
    return cfn.concrete(Translator({}, Parser(), boto_session=session).translate(template, values), values), values


def main():
    from moto.cloudformation.models import CloudFormationBackend
    from moto.cloudformation.responses import CloudFormationResponse
    from moto.s3.models import s3_backends
    from moto.server import ThreadedMotoServer

    seen, faults = [], []
    create = CloudFormationBackend.create_change_set

    def create_change_set(self, stack_name, change_set_name, template, parameters, *rest, **more):
        if "AWS::Serverless::Function" in template:
            try:
                seen.append((stack_name, *transformed(yaml_parse(template), dict(parameters))))
            except Exception as fault:
                # Moto would answer with a page of HTML.
                faults.append(fault)
                raise
            template = json.dumps({"Resources": {"Stand": {"Type": "AWS::SNS::Topic"}}})
        return create(self, stack_name, change_set_name, template, parameters, *rest, **more)

    def uploaded_template(self, url):
        """Moto looks for the bucket in the name of the host, where an endpoint has none."""
        bucket, key = urlparse(url).path.lstrip("/").split("/", 1)
        return s3_backends[self.current_account][self.partition].get_object(bucket, key).value.decode()

    CloudFormationBackend.create_change_set = create_change_set
    CloudFormationResponse._get_stack_from_s3_url = uploaded_template
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    s3 = check.boto3.client("s3", endpoint_url=f"http://{host}:{port}")
    s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": cfn.REGION})
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name in ("template.yaml", "deploy", "tests/artifacts"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, folder / name)
        (folder / "bin").mkdir()
        for name, program in STAND_INS.items():
            file = folder / "bin" / name
            file.write_text(f"#!{sys.executable}\nREAL = {str(check.BIN / name)!r}\n{program}")
            file.chmod(0o755)
        environment = {
            **os.environ,
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        environment.pop("CARGO_TARGET_DIR", None)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands()], cwd=folder, env=environment, capture_output=True, text=True)
        said = done.stdout + done.stderr
        assert done.returncode == 0 and not faults, f"{faults}\n{said}"
    server.stop()
    [(stack, template, values)] = seen
    example = yaml_parse((ROOT / "deploy/parameters.example.yaml").read_text())
    assert {name: str(values[name]) for name in example} == {name: str(value) for name, value in example.items()}
    assert stack == "dtle-api" and re.fullmatch(r"\d{10}", values["Release"]) and values["ReleaseBefore"] == ""
    assert f"release {values['Release']} serves" in said, said
    uploaded = [function["Code"]["S3Key"] for function in check.functions(template).values()]
    assert len(uploaded) > 30 and all(uploaded), uploaded
    print(f"ok  the documented commands deploy: {len(template['Resources'])} resources with ten values")


if __name__ == "__main__":
    main()
