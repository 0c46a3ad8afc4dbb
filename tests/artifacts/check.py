"""Checks what `cargo lambda build` left in target/lambda, before it is deployed:
there is an executable for every function of template.yaml, for the processor
asked for, that starts on Amazon Linux 2023 and stays small.

    cargo lambda build --release --locked -p functions
    python3 tests/artifacts/check.py [x86_64|arm64] [--traces]

Needs nothing but Python. CI does not run it: the build takes minutes, and what it
checks changes with the tools that build, which are the operator's.
"""

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

# The C library of Amazon Linux 2023. A function that asks for a newer one ends
# before its first line, with nothing but `GLIBC_… not found` in its log.
GLIBC = (2, 34)
# A start loads it all; whatever makes one grow beyond this came in unasked. Traces are
# asked for.
LARGEST, FOR_TRACES = 7_000_000, 1_500_000
# e_machine in the header of an ELF file.
MACHINES = {"x86_64": 62, "arm64": 183}


def faults(name, machine, traces):
    """What is wrong with a function's executable, and its C library and size."""
    file = TARGET / "lambda" / name / "bootstrap"
    if not file.is_file():
        return ["is missing"], (0, 0), 0
    content = file.read_bytes()
    # Symbols carry the version that they are from: GLIBC_2.17.
    needed = max(((int(a), int(b)) for a, b in re.findall(rb"\0GLIBC_(\d+)\.(\d+)", content)), default=(0, 0))
    found = []
    if content[:4] != b"\x7fELF" or int.from_bytes(content[18:20], "little") != machine:
        found.append("is for another processor")
    if needed > GLIBC:
        found.append(f"needs glibc {needed[0]}.{needed[1]}")
    if len(content) > LARGEST + traces * FOR_TRACES:
        found.append(f"has {len(content):,} bytes")
    return found, needed, len(content)


def main():
    architecture = "arm64" if "arm64" in sys.argv else "x86_64"
    functions = re.findall(r"Binary: ([a-z-]+)", (ROOT / "template.yaml").read_text())
    results = {name: faults(name, MACHINES[architecture], "--traces" in sys.argv) for name in functions}
    for name, (found, _, _) in results.items():
        for fault in found:
            print(f"{name}: {fault}")
    (libraries, sizes) = ([result[part] for result in results.values()] for part in (1, 2))
    print(
        f"{len(functions)} functions for {architecture}, {min(sizes):,} to {max(sizes):,} bytes, "
        f"{sum(sizes):,} together; glibc {max(libraries)[0]}.{max(libraries)[1]} at most"
    )
    return any(found for found, _, _ in results.values())


if __name__ == "__main__":
    sys.exit(main())
