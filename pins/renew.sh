#!/bin/sh
# Writes every file of pins anew, each package with the hashes of all its files, whatever the platform.  make pins
#     make pins                      the versions that are pinned stay; what pyproject.toml has new comes in
#     make pins RENEW=--upgrade      every version the newest that pyproject.toml and the *.in files allow
#     make pins RENEW='--upgrade-package torch'
# pins/torch-cpu.txt alone is kept by hand.
set -eu
cd "$(dirname "$0")/.."
server=curation/review/embedded/requirements
studio=curation/review/embedded/studio_requirements

pinned() {
    .qirat/pins/bin/uv pip compile --quiet --generate-hashes --no-annotate --python-version 3.11 \
        --custom-compile-command "make pins" "$@"
}

pinned --universal --all-extras "$@" --output-file constraints.txt pyproject.toml
pinned --universal "$@" --output-file pins/pip.txt pins/pip.in
pinned --universal "$@" --output-file pins/tools.txt pins/tools.in
pinned --no-deps "$@" --output-file pins/model.txt pins/model.in
pinned --universal --no-deps "$@" --output-file pins/older.txt pins/older.in
for which in oldest newest; do
    python3 pins/bounds.py $which | pinned --universal --no-deps --upgrade --output-file pins/$which.txt -
done
pinned "$@" --output-file $server.txt $server.in
pinned "$@" --output-file $studio.txt $studio.in
