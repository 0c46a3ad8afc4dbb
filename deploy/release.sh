#!/usr/bin/env bash
# Builds what a release publishes, for x86_64, into one new folder. It deploys nothing:
# deploy/release, without the ending, is what deploys to AWS.
#
#   deploy/release.sh FOLDER
#
# Needs a commit without changes on top, Rust, Python 3, GNU tar, and
#
#   pip install cargo-lambda==1.9.2 cargo-zigbuild==0.24.1      # they bring zig, the linker
#   cargo install --locked cargo-cyclonedx@0.5.9                # the lists of what is inside
#
# The same commit and the same tools should make the same bytes, in whatever folder.
# docs/release.md says what the files are and how a release is cut.
set -euo pipefail
[[ $# == 1 ]] || { sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir "$1" && out=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
root=$PWD
if [[ -n $(git status --porcelain) ]]; then
  echo "there are changes that are not committed: nobody could build this again" >&2
  exit 1
fi

# The date of the commit is the date of everything; no path of this machine gets in.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
DTLE_COMMIT=$(git rev-parse --short=12 HEAD)
target=${CARGO_TARGET_DIR:-$root/target}
export SOURCE_DATE_EPOCH DTLE_COMMIT CARGO_INCREMENTAL=0 TZ=UTC LC_ALL=C
export RUSTFLAGS="--remap-path-prefix=$root=/dtle --remap-path-prefix=$target=/target --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"

# glibc 2.17 is CentOS 7's, which is as old as a Nomad 1.1 is likely to run on.
cargo zigbuild --profile gateway --locked -p local --bin dtle-gateway --target x86_64-unknown-linux-gnu.2.17
cargo lambda build --release --locked -p functions
python3 tests/artifacts/check.py

# One archive of these files, in this order, with the commit's date and nobody's name.
pack() { # ARCHIVE FOLDER
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    --mode=u=rwX,go=rX --format=gnu -C "$2" -cf - . | gzip -9n >"$1"
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Symbols carry the version of the C library that they are from.
gateway=$target/x86_64-unknown-linux-gnu/gateway/dtle-gateway
newest=$(grep -aoE 'GLIBC_[0-9.]+' "$gateway" | sort -Vu | tail -n 1)
if ! printf '%s\n' "$newest" GLIBC_2.17 | sort -VC; then
  echo "dtle-gateway needs $newest" >&2
  exit 1
fi

# The gateway, with what belongs to it on a machine and in a Nomad cluster.
mkdir -p "$work"/gateway/{completions,man} "$work/container" "$out/functions"
cp "$gateway" LICENSE deploy/dtle-gateway.service deploy/nomad/*.hcl "$work/gateway/"
for shell in bash zsh fish; do
  env -i "$gateway" completions "$shell" >"$work/gateway/completions/dtle-gateway.$shell"
done
env -i "$gateway" manual "$work/gateway/man"
pack "$out/dtle-gateway-x86_64-linux.tar.gz" "$work/gateway"

# What an image is made of: the last stage of deploy/Containerfile, and the program.
cp "$gateway" "$work/container/"
sed -n '/^FROM gcr/,${s|^COPY --from=build [^ ]*|COPY dtle-gateway|;p}' deploy/Containerfile >"$work/container/Containerfile"
pack "$out/dtle-gateway-container.tar.gz" "$work/container"

# The functions, and a template that takes them from beside it instead of from a build.
python3 - "$target/lambda" "$out" <<'PYTHON'
import os, pathlib, re, sys, time, zipfile

built, out = map(pathlib.Path, sys.argv[1:])
# A zip knows no date before 1980 and no odd second.
date = time.gmtime(max(int(os.environ["SOURCE_DATE_EPOCH"]), 315532800))[:6]
template = pathlib.Path("template.yaml").read_text()
metadata = re.compile(r"^    Metadata: \{BuildMethod: rust-cargolambda, BuildProperties: \{Binary: ([a-z-]+)\}\}\n    Properties:\n", re.M)
for name in sorted(set(metadata.findall(template))):
    entry = zipfile.ZipInfo("bootstrap", date)
    entry.create_system, entry.external_attr = 3, 0o100755 << 16
    with zipfile.ZipFile(out / f"functions/{name}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.writestr(entry, (built / name / "bootstrap").read_bytes())
template = metadata.sub(r"    Properties:\n      CodeUri: functions/\1.zip\n", template)
template, globals_ = re.subn(r"^    CodeUri: functions/\n", "", template, flags=re.M)
assert globals_ == 1 and "BuildMethod" not in template, "template.yaml is written otherwise than this expects"
(out / "template.yaml").write_text(template)
PYTHON
cp deploy/parameters.example.yaml deploy/network.yaml "$out/"

# What is inside, for those who look for known faults: one list for the gateway, one for
# all functions together.
for package in local functions; do
  cargo cyclonedx --quiet --manifest-path "$package/Cargo.toml" --format json --spec-version 1.5 \
    --target x86_64-unknown-linux-gnu --override-filename dtle-sbom
done
# They name the crates of this repository by their folders.
sed "s|$root|/dtle|g" local/dtle-sbom.json >"$out/dtle-gateway.cdx.json"
sed "s|$root|/dtle|g" functions/dtle-sbom.json >"$out/functions.cdx.json"
find . -name dtle-sbom.json -not -path './target/*' -delete

(cd "$out" && find . -type f ! -name SHA256SUMS -printf '%P\0' | sort -z | xargs -0 sha256sum >SHA256SUMS)
echo "commit $DTLE_COMMIT is in $out: $(wc -l <"$out/SHA256SUMS") files"
