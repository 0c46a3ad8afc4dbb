#!/usr/bin/env python3
"""Requests that flow through a rolling update of the job in deploy/nomad, counted.

    python3 tests/deploy/rolling.py --consul http://127.0.0.1:8500 --service dtle-gateway \\
        --token TOKEN --seconds 120

Run it, and update the job meanwhile (`nomad job run -var release=2 …`). Callers find the
instances as a DNS client would: they ask Consul every second which are healthy, and take
any; with --nomad, Nomad's own list of services, for `service_provider=nomad`. Some make a connection for each request as curl does, some keep theirs, some wait in
blocking queries of 26 s, and one creates and deletes a job, which never starts. A request
that is refused, cut off, or answered with 5xx has failed. The token needs scope write.
"""
import argparse, http.client, json, os, random, ssl, sys, threading, time, urllib.parse, urllib.request

options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("--consul", default="http://127.0.0.1:8500")
options.add_argument("--nomad", help="ask this Nomad for the service, with the token in NOMAD_TOKEN, in place of Consul")
options.add_argument("--address", help="HOST:PORT of a proxy in front of the instances, in place of any list")
options.add_argument("--service", default="dtle-gateway")
options.add_argument("--token", required=True)
options.add_argument("--seconds", type=float, default=120)
options.add_argument("--job", default="rolling-test", help="the ID of the job that is written")
options.add_argument("--ca", help="the instances serve HTTPS; this CA signed for them")
given = options.parse_args()

healthy, lock = [], threading.Lock()
done, failed, served = {}, [], {}
end = time.monotonic() + given.seconds
authorization = {"Authorization": f"Bearer {given.token}"}


def resolve():
    if given.address:
        host, port = given.address.rsplit(":", 1)
        healthy[:] = [(host, int(port))]
        return
    name = urllib.parse.quote(given.service)
    if given.nomad:
        token = {"X-Nomad-Token": os.environ["NOMAD_TOKEN"]} if "NOMAD_TOKEN" in os.environ else {}
        url = urllib.request.Request(f"{given.nomad}/v1/service/{name}", headers=token)
    else:
        url = f"{given.consul}/v1/health/service/{name}?passing"
    with urllib.request.urlopen(url, timeout=5) as answer:
        found = json.load(answer)
    if given.nomad:
        healthy[:] = [(e["Address"], e["Port"]) for e in found]
    else:
        healthy[:] = [(e["Service"]["Address"] or e["Node"]["Address"], e["Service"]["Port"]) for e in found]


def resolver():
    while time.monotonic() < end:
        try:
            resolve()
        except OSError as error:
            print(f"the list of instances: {error}", file=sys.stderr)
        time.sleep(1)


def connect(instance):
    if given.ca:
        context = ssl.create_default_context(cafile=given.ca)
        return http.client.HTTPSConnection(*instance, timeout=40, context=context)
    return http.client.HTTPConnection(*instance, timeout=40)


def ask(kind, connection, instance, method, path, body=None):
    began = time.time()
    try:
        connection.request(method, path, body, authorization)
        answer = connection.getresponse()
        text = answer.read()
        fault = f"{answer.status} {text[:200]!r}" if answer.status >= 500 or answer.status in (401, 403) else None
        # What the server says it will close, it may close.
        if (answer.getheader("Connection") or "").lower() == "close":
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        fault, answer = repr(error), None
        connection.close()
    with lock:
        done[kind] = done.get(kind, 0) + 1
        served[instance] = served.get(instance, 0) + 1
        if fault:
            failed.append(f"{time.strftime('%H:%M:%S')} {kind} {instance} {method} {path} after {time.time() - began:.1f} s: {fault}")
    return answer


def pick():
    while not healthy and time.monotonic() < end:
        time.sleep(0.05)
    return random.choice(healthy) if healthy else None


def curl():
    while time.monotonic() < end and (instance := pick()):
        connection = connect(instance)
        ask("new connection", connection, instance, "GET", "/v1/jobs")
        connection.close()
        time.sleep(0.02)


def keeps():
    instance = connection = None
    while time.monotonic() < end:
        if instance not in healthy:
            if connection:
                connection.close()
            if not (instance := pick()):
                return
            connection = connect(instance)
        ask("kept connection", connection, instance, "GET", "/v1/leader")
        time.sleep(0.02)


def waits():
    time.sleep(random.uniform(0, 26))
    while time.monotonic() < end - 28 and (instance := pick()):
        connection = connect(instance)
        # An index that is never reached: each lasts its whole time.
        ask("blocking query", connection, instance, "GET", f"/v1/nodes?index={10**15}&wait=26s")
        connection.close()


def writes():
    side = {"Host": "127.0.0.1", "Port": 1, "User": "nobody", "Password": "none"}
    job = {"ID": given.job, "Name": given.job, "Tasks": [
        {"Type": kind, "Config": {"ConnectionConfig": side, "ReplicateDoDb": [{"TableSchema": "nothing"}]}}
        for kind in ("Src", "Dest")]}
    while time.monotonic() < end:
        for method, path, body in (("POST", "/v1/jobs?paused=true", json.dumps(job)), ("DELETE", f"/v1/job/{given.job}", None)):
            if not (instance := pick()):
                return
            connection = connect(instance)
            answer = ask("write", connection, instance, method, path, body)
            if answer is not None and answer.status >= 400:
                print(f"{method} {path}: {answer.status}", file=sys.stderr)
            connection.close()
            time.sleep(0.3)


resolve()
threads = [threading.Thread(target=work) for work in [resolver, *[curl] * 3, *[keeps] * 2, *[waits] * 8, writes]]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for kind, count in sorted(done.items()):
    print(f"{count:6} {kind}")
print(f"{len(served)} instances answered")
print("\n".join(failed[:10] + failed[10:][-10:]))
print(f"{len(failed)} failed of {sum(done.values())}")
sys.exit(1 if failed or not done else 0)
