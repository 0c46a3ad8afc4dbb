"""Runs every function of template.yaml under the Lambda emulator of cargo-lambda,
in the environment that the template gives it, and compares what it answers with
the gateway on one machine. Everything is on loopback.

    cargo build -p local && cargo lambda build --release --locked -p functions
    python tests/artifacts/run.py        (in a venv with tests/template's
                                          requirements.txt and cargo-lambda 1.9)

         API Gateway's events                                    HTTP
    this ──────────────────────► emulator ◄── functions   this ───────► dtle-gateway
                                                  │ TLS both ways          │
                                                  ▼ with the token         ▼
                          Secrets Manager (moto), doorman ──► in-memory Nomad

What runs are the executables that would be deployed. Tokens, certificates and key
come out of Secrets Manager; Nomad is behind a doorman that wants all of them. At
the end no log may hold any of what was secret.
"""

import base64
import http.client
import json
import os
import re
import secrets
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
sys.path.insert(0, str(ROOT / "tests/template"))

import check  # also puts the venv's programs into PATH
import cloudformation as cfn

# Nomad asks nobody for a token here, and the functions behind are given none.
OPEN_TO_ALL = ("/v1/status/leader", "/v1/regions")
RUNNING_JOB = "8ce4b408-8c64-41b9-04d7-baf451348e89"
SECRET = {name: f"{name}-{secrets.token_urlsafe(24)}" for name in ("nomad", "consul", "reader", "writer", "password")}


def bearer(who):
    return f"Bearer {SECRET[who]}"


# ---- What the functions talk to --------------------------------------------


class Programs:
    """Processes of this run; their output goes to files, they end with it."""

    def __init__(self, folder):
        self.folder, self.running = folder, {}

    def start(self, name, command, **settings):
        log = open(self.folder / f"{name}.log", "wb")
        self.running[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, **settings)

    def says(self, name, pattern):
        """What the first group of `pattern` matches in the output, once it does."""
        for _ in range(600):
            found = re.search(pattern, self.output(name))
            if found:
                return found[1]
            if self.running[name].poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"{name} does not say {pattern}:\n{self.output(name)}")

    def output(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def peak(self, name):
        """The most memory that a process had, in MB."""
        status = Path(f"/proc/{self.running[name].pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.wait()


def certificates(folder):
    """An authority, and certificates for the doorman and for the functions."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=run CA")
    for name in ("server", "client"):
        openssl("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / "names").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem", "-days", "2", "-extfile", "names")
    read = lambda name: (folder / name).read_text()
    return {"ca": read("ca.pem"), "cert": read("client.pem"), "key": read("client.key")}


def doorman(folder, nomad):
    """Lets in to Nomad who has the client certificate and the token."""

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path.split("?")[0] not in OPEN_TO_ALL and self.headers.get("X-Nomad-Token") != SECRET["nomad"]:
                return self.reply(403, [], b"Permission denied")
            inner = http.client.HTTPConnection(nomad.removeprefix("http://"))
            inner.request(self.command, self.path, body, dict(self.headers))
            answer = inner.getresponse()
            self.reply(answer.status, answer.getheaders(), answer.read())

        def reply(self, status, headers, body):
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "date"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = pass_on

        def log_message(self, *_):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"https://127.0.0.1:{server.server_port}"


def secret_in(moto, name, text):
    """Makes a secret; its ARN."""
    client = check.boto3.client("secretsmanager", endpoint_url=moto, region_name=cfn.REGION, aws_access_key_id="none", aws_secret_access_key="none")
    return client.create_secret(Name=f"dtle/{name}", SecretString=text)["ARN"]


def entry(name, scope):
    salt = secrets.token_hex(16)
    return {"name": name, "scope": scope, "salt": salt, "hash": sha256((salt + SECRET[name]).encode()).hexdigest()}


# ---- The functions ----------------------------------------------------------


def environments(values):
    """What the template sets for each function, by the name of its binary."""
    template = cfn.concrete(check.transform(values), values)
    binaries = {name: item["Metadata"]["BuildProperties"]["Binary"] for name, item in check.source()["Resources"].items() if item["Type"] == "AWS::Serverless::Function"}

    def text(value):
        if isinstance(value, dict) and "Fn::Sub" in value:
            return re.sub(r"\$\{([^}]+)\}", lambda found: cfn.PSEUDO[found[1]], value["Fn::Sub"])
        return str({**values, **cfn.PSEUDO}[value["Ref"]] if isinstance(value, dict) else value)

    return {
        binaries[name]: {key: text(value) for key, value in function["Environment"]["Variables"].items()}
        for name, function in check.functions(template).items()
    }


def event_of(route_key, path, values, query="", headers=(), body=None):
    """A request as an HTTP API hands it on."""
    method = route_key.split(" ")[0] if " " in route_key else "GET"
    context = {
        "accountId": cfn.ACCOUNT, "apiId": "x", "domainName": "x", "domainPrefix": "x", "requestId": "r", "routeKey": route_key,
        "stage": "$default", "time": "06/May/2020:22:36:55 +0000", "timeEpoch": 1588804615616,
        "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "10.9.8.7", "userAgent": "run"},
    }  # fmt: skip
    event = {"version": "2.0", "routeKey": route_key, "rawPath": path, "rawQueryString": query, "headers": dict(headers), "requestContext": context, "isBase64Encoded": False}
    if values:
        event["pathParameters"] = values
    if body is not None:
        # As curl -d sends it: API Gateway takes that type for binary.
        event["headers"]["content-type"] = "application/x-www-form-urlencoded"
        event |= {"body": base64.b64encode(body.encode()).decode(), "isBase64Encoded": True}
    return event


def send(url, data=None, method=None, headers=()):
    request = urllib.request.Request(url, data and data.encode(), dict(headers), method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, dict(answer.headers.items()), answer.read().decode()


class Lambda:
    """The emulator, with the functions polling it."""

    def __init__(self, programs, port, settings):
        self.url, self.settings, self.programs = f"http://127.0.0.1:{port}", settings, programs
        self.asked = {name: 0 for name in settings}
        programs.start("emulator", ["cargo", "lambda", "watch", "--only-lambda-apis", "--invoke-address", "127.0.0.1", "--invoke-port", str(port)])
        programs.says("emulator", f"(127.0.0.1:{port})")

    def start(self, name, further):
        """A function as Lambda starts it: with its environment, and nothing else."""
        own = {
            "AWS_LAMBDA_RUNTIME_API": f"{self.url}/.rt/{name}", "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_REGION": cfn.REGION,
            "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_SESSION_TOKEN": "none",
        }  # fmt: skip
        self.programs.start(name, [str(TARGET / "lambda" / name / "bootstrap")], env={**self.settings[name], **own, **further})

    def invoke(self, name, event):
        self.asked[name] += 1
        status, _, text = send(f"{self.url}/2015-03-31/functions/{name}/invocations", json.dumps(event))
        return status, json.loads(text)


# ---- What is asked ----------------------------------------------------------


def job(name):
    side = lambda kind: {"Type": kind, "Config": {"ConnectionConfig": {"Host": "10.9.8.7", "Port": 3306, "User": "u", "Password": SECRET["password"]}}}
    return json.dumps({"ID": name, "Name": "run", "Tasks": [side("Src"), side("Dest")]})


def values_for(path, known):
    """What stands for {id} in a path."""
    for prefix in ("allocation", "evaluation", "node", "job"):
        if f"/{prefix}/{{id}}" in path:
            return {"id": known[prefix]}
    return {"id": "x"} if "{id}" in path else {}


# What routes want beyond their path.
QUERIES = {
    "/v1/jobs": "pretty", "/v1/job/{id}/allocations": "all=true", "/v1/join": "address=127.0.0.1:1", "/v1/managers": "address=127.0.0.1:1",
    "/v1/agent/force-leave": "node=nobody", "/v1/operator/raft/peer": "address=10.255.255.1:4647",
    # Asks Consul.
    "/v1/validate/job": "fresh=true",
}  # fmt: skip
BODIES = {"/v1/jobs": job, "/v1/job/{id}": job, "/v1/validate/job": job}
# A job is made before it is changed, and removed at last.
ORDER = ["/v1/jobs", "/v1/validate/job", "/v1/job/{id}", "/v1/job/{id}/pause", "/v1/job/{id}/resume"]


def requests_of(keys, known):
    """One request for each route, reads first, with an ID in place of JOB in writes."""
    keys = [tuple(key.split(" ")) for key in keys if key != "$default"]
    reads = [key for key in keys if key[0] == "GET"]
    writes = sorted((key for key in keys if key[0] != "GET"), key=lambda key: (key[0] == "DELETE", ORDER.index(key[1]) if key[1] in ORDER else 9))
    for method, path in reads + writes:
        values = values_for(path, known) if method == "GET" or "/job/{id}" not in path else {"id": "JOB"}
        filled = path.replace("{id}", values.get("id", ""))
        body = BODIES[path]("JOB") if method in ("POST", "PUT") and path in BODIES else None
        yield f"{method} {path}", filled, values, QUERIES.get(path, ""), body
    yield "$default", "/v1/nothing", {}, "", None


def comparable(status, headers, body, own):
    """An answer without what differs from one request to the next."""
    headers = {name.lower(): value for name, value in headers.items()}
    shown = {name: headers.get(name) for name in ("content-type", "vary", "x-udup-knownleader", "x-udup-lastcontact")}
    shown["x-udup-index"] = "x-udup-index" in headers
    body = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID", body.replace(own, "JOB"))
    return status, shown, re.sub(r"\d+", "0", body)


def functions_answer_as_the_gateway_does(emulated, gateway, functions):
    known = {"job": RUNNING_JOB}
    for kind, path in (("allocation", f"/v1/job/{RUNNING_JOB}/allocations"), ("evaluation", f"/v1/job/{RUNNING_JOB}/evaluations"), ("node", "/v1/nodes")):
        known[kind] = json.loads(send(gateway + path)[2])[0]["ID"]
    statuses = {}
    for key, path, values, query, body in requests_of(functions, known):
        name, method = functions[key], key.split(" ")[0] if " " in key else "GET"

        def both():
            there, here = "on-lambda", "on-one-machine"
            fill = lambda text, own: text.replace("JOB", own) if text else text
            event = event_of(key, fill(path, there), {"id": fill(value, there) for value in values.values()}, query, body=fill(body, there))
            _, answer = emulated.invoke(name, event)
            assert "statusCode" in answer, f"{key}: {answer}"
            found = comparable(answer["statusCode"], answer["headers"], answer.get("body") or "", there)
            return found, comparable(*send(f"{gateway}{fill(path, here)}?{query}", fill(body, here), method), here)

        found, expected = both()
        # The cluster can have moved on between the two.
        for _ in range(5 if method == "GET" else 0):
            if found == expected:
                break
            time.sleep(1)
            found, expected = both()
        assert found == expected, f"{key}\n  function: {found}\n  gateway:  {expected}\n{emulated.programs.output(name)}"
        statuses[found[0]] = statuses.get(found[0], 0) + 1
    assert all(asked for name, asked in emulated.asked.items() if name != "authorizer"), emulated.asked
    print(f"ok  {sum(statuses.values())} routes of {len(emulated.asked) - 1} functions answer as the gateway does: {statuses}")


def a_function_url_gives_the_same(emulated, gateway):
    emulated.asked["job-get"] += 1
    status, _, text = send(f"{emulated.url}/lambda-url/job-get/v1/job/{RUNNING_JOB}")
    assert (status, json.loads(text)["ID"]) == (200, RUNNING_JOB), f"{status} {text}"
    print("ok  so does a function URL")


SHOW_PASSWORDS = {"GET /v1/job/{id}", "GET /v1/allocation/{id}", "GET /v1/node/{id}/allocations"}


def the_authorizer_decides_by_token_and_route(emulated, routes):
    def allowed(key, *headers):
        event = event_of(key, "/v1/jobs", {}, headers=headers) | {"type": "REQUEST", "identitySource": ["x", key]}
        status, answer = emulated.invoke("authorizer", event)
        assert status == 200 and set(answer) <= {"isAuthorized", "context"}, f"{key} {headers}: {status} {answer}"
        return answer["isAuthorized"]

    for key in routes:
        reads = key == "$default" or (key.startswith("GET ") and key not in SHOW_PASSWORDS)
        assert allowed(key, ("authorization", bearer("writer"))), key
        assert allowed(key, ("authorization", bearer("reader"))) == reads, key
        assert not allowed(key, ("authorization", "Bearer x")), key
    basic = lambda text: "Basic " + base64.b64encode(text.encode()).decode()
    token = SECRET["reader"]
    for good in (f"bearer {token}", f"BEARER  {token} ", basic(f"any:{token}"), basic(f":{token}")):
        assert allowed("GET /v1/jobs", ("Authorization", good)), good.replace(token, "…")
    for bad in (
        "", " ", "Bearer", "Bearer ", token, f"Bearer\t{token}", f"Bearer {token} {token}", f"{bearer('writer')}, Bearer {token}", f"Bearer {token}é",
        f"Bearer {token}\n", f"Bearer {'x' * 9000}", basic(f"{token}:"), basic(token), f"Basic {token}", f"Digest {token}", f"Bearer {token[:-1]}",
        f"Bearer {token}=", f"Bearer {token.upper()}",
    ):  # fmt: skip
        # A line break at the end is what trimming takes off; a server never hands one on.
        assert allowed("GET /v1/jobs", ("authorization", bad)) == bad.endswith("\n"), bad.replace(token, "…")
    assert not allowed("GET /v1/jobs", ("authorization", bearer("writer")), ("Authorization", bearer("reader")))
    assert not allowed("GET /v1/jobs")
    print(f"ok  the authorizer decided {emulated.asked['authorizer']} times by token and route")


def logs_hold_a_line_a_request_and_no_secret(emulated, folder, hidden):
    lines = 0
    for file in sorted(folder.glob("*.log")):
        text = emulated.programs.output(file.stem)
        for what, secret in hidden.items():
            assert secret not in text, f"{file.name} holds the {what}"
        name = file.stem
        if name in emulated.asked and name != "authorizer":
            found = [json.loads(line) for line in text.splitlines()]
            requests = [line for line in found if "_aws" in line]
            assert len(requests) == len(found) == emulated.asked[name], f"{name}: {text}"
            assert all(line["Route"] == name and line["Service"] == "dtle" for line in requests), name
            lines += len(requests)
    authorizer = [json.loads(line) for line in emulated.programs.output("authorizer").splitlines()]
    assert len(authorizer) == emulated.asked["authorizer"], len(authorizer)
    print(f"ok  {lines} lines of functions and {len(authorizer)} of the authorizer, one a request; {len(hidden)} secrets in none of the logs")


def without_its_secret_the_authorizer_lets_nobody_in(emulated, moto):
    programs, settings = emulated.programs, emulated.settings["authorizer"]
    programs.running["authorizer"].terminate()
    programs.running["authorizer"].wait()
    settings["DTLE_TOKENS_SECRET"] = settings["DTLE_TOKENS_SECRET"][:-6] + "abcdef"
    emulated.start("authorizer", {"AWS_ENDPOINT_URL": moto})
    event = event_of("GET /v1/jobs", "/v1/jobs", {}, headers=[("authorization", bearer("writer"))])
    _, answer = emulated.invoke("authorizer", event)
    # No decision, of which API Gateway makes a 500.
    assert "errorMessage" in answer and "isAuthorized" not in answer, answer
    programs.says("authorizer", "(cannot decide: cannot read the secret arn)")
    print("ok  without its secret the authorizer fails, and says why in its log")


def functions_of_routes():
    """The binary behind each route of the template."""
    return {
        event["Properties"]["Path"] if event["Properties"]["Path"] == "$default" else f"{event['Properties']['Method']} {event['Properties']['Path']}": item["Metadata"]["BuildProperties"]["Binary"]
        for item in check.source()["Resources"].values()
        if item["Type"] == "AWS::Serverless::Function"
        for event in item["Properties"].get("Events", {}).values()
    }


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def main():
    with tempfile.TemporaryDirectory() as folder, Programs(Path(folder)) as programs:
        folder = programs.folder
        programs.start("moto", ["moto_server", "--host", "127.0.0.1", "--port", "0"])
        programs.start("gateway", [str(TARGET / "debug/dtle-gateway"), "--plugin", "4", "--listen", "127.0.0.1:0"],
                       env={"RUST_LOG": "info,dtle_gateway=debug"})
        moto = programs.says("moto", r"(http://127\.0\.0\.1:\d+)")
        gateway = programs.says("gateway", r"API on (http://\S+)")
        nomad, consul = (programs.says("gateway", rf'{name}="(http://[^"]+)"') for name in ("NOMAD_ADDR", "CONSUL_HTTP_ADDR"))
        tls = certificates(folder)
        values = check.values_of({
            "NomadAddress": doorman(folder, nomad), "ConsulAddress": consul, "SecretsEndpoint": "create",
            "NomadTokenSecretArn": secret_in(moto, "nomad-token", json.dumps({"AccessorID": "a", "SecretID": SECRET["nomad"]})),
            "NomadTlsSecretArn": secret_in(moto, "nomad-tls", json.dumps(tls)),
            "ConsulTokenSecretArn": secret_in(moto, "consul-token", SECRET["consul"]),
            "CallerTokensSecretArn": secret_in(moto, "callers", json.dumps({"tokens": [entry("reader", "read"), entry("writer", "write")]})),
        })  # fmt: skip
        assert not [*cfn.faults_of_values(check.source(), values), *cfn.broken_rules(check.source(), values)]
        emulated = Lambda(programs, free_port(), environments(values))
        for name in emulated.settings:
            emulated.start(name, {"AWS_ENDPOINT_URL": moto})
        # Of the two example jobs, one fails some seconds after the start.
        wait_until(lambda: '"dead"' in send(f"{gateway}/v1/jobs")[2])

        functions_answer_as_the_gateway_does(emulated, gateway, functions_of_routes())
        a_function_url_gives_the_same(emulated, gateway)
        the_authorizer_decides_by_token_and_route(emulated, functions_of_routes())
        peaks = {name: programs.peak(name) for name in emulated.settings}
        key = tls["key"].splitlines()[1:-1]
        hidden = {**SECRET, "first line of the key": key[0], "last line of the key": key[-1]}
        logs_hold_a_line_a_request_and_no_secret(emulated, folder, hidden)
        without_its_secret_the_authorizer_lets_nobody_in(emulated, moto)
        largest = max(peaks, key=peaks.get)
        print(f"{len(peaks)} functions; most memory: {largest}, {peaks[largest]:.0f} MB")


def wait_until(holds):
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("the example jobs do not settle")


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(f"tests/artifacts/run.py: {error}")
