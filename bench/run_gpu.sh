#!/usr/bin/env bash
# Everything that needs a GPU, unattended and in less than ten minutes: build, tests, figures, compute-sanitizer.
#
#   bench/run_gpu.sh [--quick] [--site FOLDER] [--wheels FOLDER] [--out FOLDER]
#
# --quick: the same here, on the CPU: the cpu backend stands in for those of GPUs, with small problems, and no result
#     goes into bench/results.
# --site: use the package that was installed there instead of building one.
# --wheels: packages that are missing here, as files; nothing is fetched from anywhere.
# --out: logs and figures (gpu.json); a new folder by default.
# PYTHON names the interpreter (python3), ARCHITECTURES the GPU's (that of the first one here, else 90-real). It takes
# what is installed: without nvcc there are Triton's kernels alone, without folx no rival, without compute-sanitizer no
# such check, and it says so. A stage that fails or takes too long does not stop the later ones; the exit status is the
# number of stages that failed. What was measured before something failed is in gpu.json, with the goals that are missed.
set -uo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
quick=''
site=''
wheels=''
out=''
while (($#)); do
  case $1 in
    --quick) quick=yes ;;
    --site) site=$(realpath "${2:?--site needs a folder}") && shift ;;
    --wheels) wheels=$(realpath "${2:?--wheels needs a folder}") && shift ;;
    --out) out=${2:?--out needs a folder} && shift ;;
    *) printf 'unknown option %s\n' "$1" >&2 && exit 64 ;;
  esac
  shift
done
out=$(realpath -m "${out:-$(mktemp -d)}")
case $out/ in "$checkout"/*) printf -- '--out: expected a folder outside of the checkout\n' >&2 && exit 64 ;; esac
mkdir -p "$out"
: >"$out/stages.txt"
cd "$checkout" || exit 1
failed=0
limit=570 # seconds in all
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 MPLBACKEND=Agg
export XLA_PYTHON_CLIENT_PREALLOCATE=false # several processes share the GPU
export TRANSJET_CACHE=$scratch/kernels     # what is compiled now, and not what lies about
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
for cuda in "${CUDA_HOME:-}" /usr/local/cuda; do
  [[ -z $cuda || ! -d $cuda ]] || PATH=$PATH:$cuda/bin:$cuda/compute-sanitizer
done

say() { printf '%s\n' "$*" | tee -a "$out/stages.txt"; }

left() { # left LEAST RESERVE: seconds until the end but for a reserve, at least LEAST
  local seconds=$((limit - SECONDS - $2))
  echo $((seconds > $1 ? seconds : $1))
}

stage() { # stage NAME SECONDS COMMAND...: run with a limit and a log, say how it ended
  local name=$1 most=$2 start=$SECONDS status
  shift 2
  timeout --kill-after=5 "$most" "$@" >"$out/$name.log" 2>&1
  status=$?
  say "$name: status $status$( ((status != 124 && status != 137)) || echo ", out of time"), $((SECONDS - start)) s"
  ((status == 0)) || tail -n 25 "$out/$name.log"
  return "$status"
}

here() { # what there is, for the record
  local name
  for name in jax jaxlib jax-cuda13-plugin jax-cuda12-plugin numpy optax triton folx pytest pytest-xdist \
    scikit-build-core pybind11; do
    "$python" -c "import sys, importlib.metadata as m; print(sys.argv[1], m.version(sys.argv[1]))" "$name" 2>/dev/null ||
      echo "$name is not installed"
  done
  for name in nvidia-smi nvcc cmake ninja compute-sanitizer; do
    command -v "$name" || echo "$name is not on PATH"
  done
  nvidia-smi || true
}

architectures() { # of the first GPU
  local found
  found=$(nvidia-smi --id=0 --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | tr -cd 0-9)
  echo "${ARCHITECTURES:-${found:-90}-real}"
}

install() { # install NAME OPTION...: the package into $site
  stage "$1" "$(left 60 300)" "$python" -m pip install --no-build-isolation --no-deps --no-index --upgrade \
    --target "$site" -C "build-dir=$out/$1-objects" "${@:2}" "$checkout"
}

build() {
  site=$out/site
  if [[ -z $quick ]] && command -v nvcc >/dev/null; then
    ! install build -C cmake.define.TRANSJET_CUDA=ON -C "cmake.define.CMAKE_CUDA_ARCHITECTURES=$(architectures)" ||
      return 0
    failed=$((failed + 1))
    say 'build: once more without the CUDA kernels'
  else
    say "build: without CUDA kernels, $([[ -n $quick ]] && echo 'there is no GPU' || echo 'there is no nvcc')"
  fi
  install build-without-cuda -C cmake.define.TRANSJET_CUDA=OFF
}

sanitize() { # all four tools at once: most of their time goes into starting
  local tool pids=() pid most
  most=$(left 60 5)
  for tool in memcheck racecheck initcheck synccheck; do
    stage "sanitizer-$tool" "$most" compute-sanitizer --tool "$tool" --error-exitcode 9 \
      "$python" -m pytest -p no:cacheprovider -q -m gpu tests/gpu/test_small.py &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
}

here >"$out/here.log" 2>&1
grep -E 'is not (installed|on PATH)' "$out/here.log" | tee -a "$out/stages.txt"
if [[ -n $wheels ]]; then
  stage wheels 60 "$python" -m pip install --no-deps --no-index --upgrade --target "$scratch/wheels" \
    "$wheels"/*.whl || failed=$((failed + 1))
  export PYTHONPATH=$scratch/wheels${PYTHONPATH:+:$PYTHONPATH}
fi
[[ -n $site ]] || build || failed=$((failed + 1))
export PYTHONPATH=$site${PYTHONPATH:+:$PYTHONPATH}

stage devices 60 "$python" -m transjet info || failed=$((failed + 1))

if [[ -n $quick ]]; then
  tests=(-m 'not gpu' -k 'small or robust or step or noticed')
  figures=(--quick)
else
  tests=(-m gpu)
  # Most of a test's time is compilation, on the processor; workers share what they compiled.
  cores=$(nproc)
  workers=$((cores > 14 ? 12 : cores > 3 ? cores - 2 : 1))
  ! "$python" -c 'import xdist' 2>/dev/null || tests+=(-n "$workers")
  figures=()
fi
compiled=(JAX_COMPILATION_CACHE_DIR="$scratch/programs" JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0)
stage tests 170 env "${compiled[@]}" "$python" -m pytest -p no:cacheprovider -v "${tests[@]}" tests/gpu ||
  failed=$((failed + 1))
ended() { grep -cE "(^\[gw[0-9]+\].* $1 )|( $1 +\[ *[0-9]+%\])" "$out/tests.log"; } # also of tests that were cut off
say "tests: $(ended PASSED) passed, $(ended '(FAILED|ERROR)') failed"

# The sanitizer's turn is the last, and it needs a minute.
most=$(left 60 90)
stage figures "$most" "$python" bench/gpu.py --json "$out/gpu.json" --budget $((most - 20)) "${figures[@]}" ||
  failed=$((failed + 1))

if [[ -n $quick ]]; then
  say 'sanitizer: left out, there is no GPU'
elif ! command -v compute-sanitizer >/dev/null; then
  say 'sanitizer: left out, compute-sanitizer is not on PATH'
elif ((limit - SECONDS < 40)); then
  say 'sanitizer: left out, no time left'
else
  sanitize
fi

say "$failed stages failed, $SECONDS s, logs in $out"
copy=()
[[ -n $quick ]] || copy=(--copy)
"$python" bench/gpu_goals.py "$out/gpu.json" --stages "$out/stages.txt" "${copy[@]}" | tee "$out/goals.txt"
exit "$failed"
