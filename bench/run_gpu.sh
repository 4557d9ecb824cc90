#!/usr/bin/env bash
# Everything that needs a GPU, unattended and in less than ten minutes: build, tests, compute-sanitizer, figures.
#
#   bench/run_gpu.sh [--quick] [--site FOLDER] [--out FOLDER]
#
# --quick: the same here, on the CPU: the cpu backend stands in for those of GPUs, with small problems, and no result
#     goes into bench/results.
# --site: use the package that was installed there instead of building one.
# --out: logs, and with --quick the figures; a new folder by default.
# PYTHON names the interpreter (python3), ARCHITECTURES the GPU's (90-real). A stage that fails or takes too long does
# not stop the later ones; the exit status is the number of stages that failed.
set -uo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
quick=''
site=''
out=''
while (($#)); do
  case $1 in
    --quick) quick=yes ;;
    --site) site=$(realpath "${2:?--site needs a folder}") && shift ;;
    --out) out=${2:?--out needs a folder} && shift ;;
    *) printf 'unknown option %s\n' "$1" >&2 && exit 64 ;;
  esac
  shift
done
out=$(realpath -m "${out:-$(mktemp -d)}")
case $out/ in "$checkout"/*) printf -- '--out: expected a folder outside of the checkout\n' >&2 && exit 64 ;; esac
mkdir -p "$out"
cd "$checkout" || exit 1
failed=0
limit=570 # seconds in all

export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 MPLBACKEND=Agg
export XLA_PYTHON_CLIENT_PREALLOCATE=false # several processes share the GPU
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}

stage() { # stage NAME SECONDS COMMAND...: run with a limit and a log, say how it ended
  local name=$1 most=$2 start=$SECONDS status
  shift 2
  timeout --kill-after=5 "$most" "$@" >"$out/$name.log" 2>&1
  status=$?
  printf '%s: status %d, %d s\n' "$name" "$status" $((SECONDS - start)) | tee -a "$out/stages.txt"
  ((status == 0)) || tail -n 25 "$out/$name.log"
  return "$status"
}

build() {
  local cuda=(-C "cmake.define.TRANSJET_CUDA=ON" -C "cmake.define.CMAKE_CUDA_ARCHITECTURES=${ARCHITECTURES:-90-real}")
  [[ -z $quick ]] || cuda=(-C "cmake.define.TRANSJET_CUDA=OFF")
  site=$out/site
  stage build 270 "$python" -m pip install --no-build-isolation --no-deps --upgrade --target "$site" \
    -C "build-dir=$out/build" "${cuda[@]}" "$checkout"
}

sanitize() { # all four tools at once: most of their time goes into starting
  local tool pids=() pid
  for tool in memcheck racecheck initcheck synccheck; do
    stage "sanitizer-$tool" 75 compute-sanitizer --tool "$tool" --error-exitcode 9 \
      "$python" -m pytest -p no:cacheprovider -q -m gpu tests/gpu/test_small.py &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
}

[[ -n $site ]] || build || failed=$((failed + 1))
export PYTHONPATH=$site

stage devices 40 "$python" -m transjet info || failed=$((failed + 1))

if [[ -n $quick ]]; then
  tests=(-m 'not gpu' -k 'small or robust or step or noticed')
  figures=(--quick --json "$out/gpu-quick.json")
else
  tests=(-m gpu)
  # Most of a test's time is compilation, on the processor.
  ! "$python" -c 'import xdist' 2>/dev/null || tests+=(-n 6)
  figures=()
fi
stage tests 150 "$python" -m pytest -p no:cacheprovider -v "${tests[@]}" tests/gpu || failed=$((failed + 1))

if [[ -n $quick ]]; then
  echo 'sanitizer: left out, there is no GPU' | tee -a "$out/stages.txt"
elif command -v compute-sanitizer >/dev/null; then
  sanitize
else
  echo 'sanitizer: left out, compute-sanitizer is not on PATH' | tee -a "$out/stages.txt"
fi

left=$((limit - SECONDS))
((left > 40)) || left=40
stage figures "$left" "$python" bench/gpu.py --budget $((left - 20)) "${figures[@]}" || failed=$((failed + 1))

printf '%d stages failed, %d s, logs in %s\n' "$failed" "$SECONDS" "$out" | tee -a "$out/stages.txt"
exit "$failed"
