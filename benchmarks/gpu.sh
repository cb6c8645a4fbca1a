#!/usr/bin/env bash
# What only a card can show, part by part: speed, memory and their predictions beside TRL as it comes, whether two runs
# come to the same bytes and what that costs, packing and checkpoints. A part takes at most ten minutes and has written its
# result, or why it has none, before the next begins; one that has a result is not run again.
#
#     bash benchmarks/gpu.sh [FOLDER FOR THE RESULTS [PART ...]]
#
# Where the machine has torch and transformers and no network, take the rest along; it is used where it is lacking:
#
#     python -m benchmarks.training.luggage benchmarks/luggage.tar.xz     # here
set -uo pipefail
cd "$(dirname "$0")/.."
results=${1:-benchmarks/results/gpu}
shift || true
shapes=${SHAPES:-"0.6B 1.7B 8B"} # SHAPES=tiny rehearses everything on a CPU
steps=${STEPS:-20}
parts=("$@")
if [ ${#parts[@]} -eq 0 ]; then
    parts=(machine)
    for shape in $shapes; do parts+=("trl-$shape" "qirat-$shape" "eager-$shape" "same_bytes-$shape"); done
    parts+=(packing checkpoints)
fi
mkdir -p "$results"
if [ -f benchmarks/luggage.tar.xz ]; then
    python -m benchmarks.training.luggage benchmarks/luggage.tar.xz --unpack "$results/lacking" || exit 1
    export PYTHONPATH="$results/lacking${PYTHONPATH:+:$PYTHONPATH}"
fi

said() { tail -n 1 | python -c "import json, sys; print(json.dumps({'said': sys.stdin.read().strip()}))"; }

run() { # a part: the last line that its command writes is its result, as JSON
    case $1 in
    machine) python -m benchmarks.training.gpu --one machine tiny ;;
    trl-* | qirat-* | eager-* | compiled-* | liger-* | same_bytes-*) python -m benchmarks.training.gpu --steps "$steps" --one "${1%%-*}" "${1#*-}" ;;
    packing) python -m pytest -q -n 0 tests/training/test_packing.py | said ;;
    checkpoints) python -m pytest -q -n 0 tests/training/train/test_checkpoints.py | said ;;
    *) echo "no part $1" >&2 && return 2 ;;
    esac
}
export -f run said
export steps

failed=0
for part in "${parts[@]}"; do
    [ -s "$results/$part.json" ] && continue
    if timeout -k 10 "${LIMIT:-590}" bash -o pipefail -c 'run "$1"' _ "$part" >"$results/$part.out" 2>"$results/$part.err"; then
        tail -n 1 "$results/$part.out" >"$results/$part.json"
        rm -f "$results/$part.out" "$results/$part.err" "$results/$part.failed"
        echo "$part: $(cat "$results/$part.json")"
    else
        echo "exit $?" | cat - "$results/$part.err" "$results/$part.out" >"$results/$part.failed"
        rm -f "$results/$part.err" "$results/$part.out"
        echo "$part failed; $results/$part.failed tells why"
        failed=1
    fi
done
exit $failed
