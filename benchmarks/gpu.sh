#!/usr/bin/env bash
# Training speed, memory and their predictions on the GPU at hand, beside TRL as it comes. One command, about 20 minutes
# on an H200; needs the project's environment with a CUDA build of torch, and no network.
#
#     bash benchmarks/gpu.sh [FOLDER FOR THE RESULTS]
set -euo pipefail
cd "$(dirname "$0")/.."
results=${1:-benchmarks/results}
python -m benchmarks.training.gpu --shapes 0.6B 1.7B 8B --out "$results/gpu.json"
python -m pytest -q tests/training/test_packing.py tests/training/test_checkpoints.py
