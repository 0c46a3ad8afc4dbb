#!/usr/bin/env python3
"""Makes the corpora in fuzz/corpus/ from tests/recordings/."""
import hashlib
import json
import pathlib

here = pathlib.Path(__file__).resolve().parent
recordings = here.parent / "tests" / "recordings"


def put(target, content):
    data = content if isinstance(content, bytes) else content.encode()
    folder = here / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def text(part):
    if part is None:
        return ""
    if "json" in part:
        return json.dumps(part["json"])
    return part.get("text") or ""


for file in sorted(recordings.rglob("*.json")):
    recording = json.loads(file.read_text())
    request = recording.get("request", {})
    response = recording.get("response", {})
    path = request.get("path") or ""
    asked, answered = text(request), text(response)
    if path:
        put("path_and_query", path)
    if asked:
        put("body", asked)
    if "desc = " in answered:
        put("statistics", answered)
    elif answered and file.parent.name.startswith("nomad-"):
        put("nomad_answer", answered)
        # Single objects out of lists, so that the object's own type is reached.
        try:
            items = json.loads(answered)
        except ValueError:
            items = None
        if isinstance(items, list) and items:
            put("nomad_answer", json.dumps(items[0]))

for seed in ["${1}", "%{if x}", "$${x}", "%%{x}", "$1 100% \\", "$$$${", "%$%{${"]:
    put("template", seed)
for seed in ["0", "30s", "1m30s", "1.5h", "-2us", "9223372036854775807ns", ".5s", "1h2m3s4ms5us6ns"]:
    put("duration", seed)
