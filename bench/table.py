"""Every figure of the CPU kernels in one run: `python bench/table.py --json FILE`; `--markdown FILE` prints tables.

Each part runs in a process of its own, on one processor or on two; what is compared is timed in turns within one
process (A-B-A-B), medians with the smallest and largest, after two calls to warm up. Times on a machine with other
load are worth little: the peak is measured before and after each part, so that one can see it.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

import measure

QUICK = False
ROLES = ("forward", "cotangent", "gauss_newton")
MEMORY = [(who, role, 8192) for who in ("cpu", "xla", "folx") for role in ROLES] + [("cpu", r, 65536) for r in ROLES]


def _rounds(full):
    return 3 if QUICK else full


def _waiting(call):
    import jax

    return lambda: jax.block_until_ready(call())


def _share(jets, role, dtype, width, d):
    from flops import gflop
    from problems import FEATURES, continuity_terms, term, transjet_call

    hidden = (width,) * 3
    # Some 10 GFLOP of J^T W J v, in whole tiles.
    unit = sum(gflop(j, "gauss_newton", 1, d, FEATURES, hidden) for j in jets)
    goal = 2 if QUICK else 10 if dtype == "float32" else 6
    n = min(65536, max(256, int(goal / unit) // 64 * 64))
    work = sum(gflop(j, role, n, d, FEATURES, hidden) for j in jets)
    terms = [term(jets[0], n, d, width, dtype)] if len(jets) == 1 else continuity_terms(n, d, width, dtype)
    before = measure.fma_peak(dtype)
    took = measure.interleave({"cpu": _waiting(transjet_call(role, terms, "cpu"))}, _rounds(9))["cpu"]
    peak = max(before, measure.fma_peak(dtype))
    rate = 1e3 * work / took["median"]
    _say(f"{dtype} {role} {'+'.join(jets)} w={width} d={d} n={n}: {rate:.1f} GFLOP/s, {100 * rate / peak:.1f} %")
    return {
        "jets": jets, "role": role, "dtype": dtype, "width": width, "d": d, "n": n, "ms": took,
        "gflops": rate, "peak_gflops": peak, "points_per_second": 1e3 * n / took["median"],
    }  # fmt: skip


def shares(cores):
    """Share of the measured peak: roles x widths x dimensions x dtypes, laplacian_jet and the continuity residual."""
    import jax

    jax.config.update("jax_enable_x64", True)
    cases = [(["laplacian_jet"], role) for role in ROLES] + [(["divergence_jet", "gradient_jet"], "gauss_newton")]
    return [
        _share(jets, role, dtype, width, d)
        for dtype in ("float32", "float64")
        for width in (64, 128, 256)
        for d in (2, 10, 50)
        for jets, role in cases
    ]


def rivals(cores):
    """Against folx and the reference backend: d = 10, N = 8192, 3 x 64 and 4 x 64; and the continuity residual."""
    from problems import continuity_terms, difference, folx_call, term, transjet_call, without_dt

    rows = []
    n = 1024 if QUICK else 8192
    for depth, role in [(depth, role) for depth in (3, 4) for role in ROLES]:
        t = without_dt(term("laplacian_jet", n, 10, 64, depth=depth))
        calls = {b: transjet_call(role, [t], b) for b in ("cpu", "xla")}
        calls["folx"] = folx_call(role, t)
        results = {name: call() for name, call in calls.items()}
        jet = results["cpu"]
        if role == "forward":
            jet = [(jet[0].value, jet[0].grad, jet[0].laplacian)]
        _refuse_disagreement(role, difference(results["cpu"], results["xla"]), difference(jet, results["folx"]))
        took = measure.interleave({name: _waiting(call) for name, call in calls.items()}, _rounds(9))
        rows.append({"case": f"laplacian_jet, d = 10, {depth} x 64", "role": role, "n": n, "ms": took})
        _say(f"{depth} x 64, {role}: " + ", ".join(f"{name} {v['median']:.1f} ms" for name, v in took.items()))
    for d in (2, 10, 50):
        for role in ROLES:
            terms = continuity_terms(n // 2 if d == 50 else n, d, 64)
            calls = {b: transjet_call(role, terms, b) for b in ("cpu", "xla")}
            _refuse_disagreement(role, difference(calls["cpu"](), calls["xla"]()))
            took = measure.interleave({name: _waiting(call) for name, call in calls.items()}, _rounds(7))
            rows.append({"case": f"continuity, d = {d}", "role": role, "n": terms[0].x.shape[0], "ms": took})
            _say(f"continuity d={d} {role}: " + ", ".join(f"{k} {v['median']:.1f} ms" for k, v in took.items()))
    return rows


def _refuse_disagreement(role, *errors):
    if max(errors) > 1e-3:
        raise SystemExit(f"{role}: rivals compute something else: relative differences {errors}")


def dual(cores):
    """The dual Gauss-Newton step and its parts."""
    from bench_ode_transport import transport_call
    from dual import step_call

    points = 256 if QUICK else 1024
    calls = {b: _waiting(step_call(b, points)) for b in ("cpu", "xla")}
    rows = {"step": {"points": points, "ms": measure.interleave(calls, _rounds(15))}}
    _say(f"dual step: {rows['step']['ms']}")
    for d, n in ((2, 8192), (10, 4096), (50, 512)):
        n = n // 8 if QUICK else n
        kinds = {"fused": ("cpu", True), "scan": ("cpu", False), "xla": ("xla", True), "xla scan": ("xla", False)}
        calls = {name: transport_call(d, n, backend, fused, 20) for name, (backend, fused) in kinds.items()}
        rows[f"transport, d = {d}"] = {"n": n, "steps": 20, "ms": measure.interleave(calls, _rounds(7))}
        _say(f"transport d={d}: { {k: round(v['median'], 1) for k, v in rows[f'transport, d = {d}']['ms'].items()} }")
    return rows


def order(cores):
    """gradient_jet is O(1) in d, laplacian_jet O(d)."""
    from problems import term, transjet_call

    rows = []
    for d in (2, 10, 50):
        n = 2048 if QUICK else 8192
        calls = {
            jet: _waiting(transjet_call("forward", [term(jet, n, d, 64)], "cpu"))
            for jet in ("gradient_jet", "laplacian_jet")
        }
        took = measure.interleave(calls, _rounds(9))
        rows.append({"d": d, "n": n, "ms": took})
        _say(f"d={d}: " + ", ".join(f"{jet} {v['median']:.2f} ms" for jet, v in took.items()))
    return rows


def errors(cores):
    """Largest errors of float32 against the reference in float64, over the largest number."""
    import jax
    from problems import continuity_terms, difference, term, transjet_call

    from transjet import ops

    jax.config.update("jax_enable_x64", True)

    def wide(tree):
        return jax.tree.map(lambda a: a.astype("float64") if hasattr(a, "astype") else a, tree)

    def widened(t):
        return ops.Term(t.jet, *(wide(a) for a in t[1:6]))

    rows = []
    for name in ("gradient_jet", "laplacian_jet", "divergence_jet", "continuity"):
        for d in (2, 10):
            for role in (*ROLES, "gram"):
                worst = {"cpu": [], "xla": []}
                for seed in range(2 if QUICK else 4):
                    n = 200
                    terms = continuity_terms(n, d, 64) if name == "continuity" else [term(name, n, d, 64, seed=seed)]
                    if name == "continuity" and seed > 0:
                        continue
                    if role == "gram":
                        exact = ops.gram([widened(t)._replace(backend="xla") for t in terms])
                        got = {b: ops.gram([t._replace(backend=b) for t in terms]) for b in worst}
                    else:
                        exact = transjet_call(role, [widened(t) for t in terms], "xla")()
                        got = {b: transjet_call(role, terms, b)() for b in worst}
                    for b in worst:
                        worst[b].append(difference(got[b], exact))
                mean = {b: sum(v) / len(v) for b, v in worst.items()}
                rows.append({"case": name, "d": d, "role": role, "error": mean, "ratio": mean["cpu"] / mean["xla"]})
                _say(f"{name} d={d} {role}: {mean['cpu']:.2e}, reference {mean['xla']:.2e}")
    return rows


def null(cores):
    """Overhead of a call of the core: the null op against the identity in JAX, one call and sixteen in one program."""
    import jax
    import jax.numpy as jnp

    from transjet import ops

    x = jnp.ones(1)

    def chain(backend, count):
        def run(x):
            for _ in range(count):
                x = ops.null(x, backend=backend)
            return x

        call = jax.jit(run)

        def many():
            for _ in range(100):
                call(x).block_until_ready()

        return many

    calls = {f"{b}, {c}": chain(b, c) for b in ("cpu", "xla") for c in (1, 17)}
    took = measure.interleave(calls, _rounds(15))
    return {name: {k: 10 * v for k, v in t.items()} for name, t in took.items()}  # microseconds a call


def memory(cores, who, role, n):
    """MiB that one call needs beyond what the process holds, results included: laplacian_jet, d = 10, 3 x 64."""
    from problems import folx_call, term, transjet_call, without_dt

    t = without_dt(term("laplacian_jet", n, 10, 64))
    call = _waiting(folx_call(role, t) if who == "folx" else transjet_call(role, [t], who))
    small = t._replace(**{name: getattr(t, name)[:64] for name in ("x", "tau", "dtau")})
    small = small._replace(coefficients=type(t.coefficients)(*(c[:64] for c in t.coefficients)))
    # Threads, arenas and the library's own start-up are paid for by a small call of the same kind.
    _waiting(folx_call(role, small) if who == "folx" else transjet_call(role, [small], who))()
    compiled = call.__closure__[0].cell_contents
    compiled.func.lower(*compiled.args).compile()
    return {"who": who, "role": role, "n": n, "mib": measure.peak_memory(call)}


def _say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


PARTS = [
    ("shares", 1),
    ("rivals", 1),
    ("rivals", 2),
    ("dual", 1),
    ("dual", 2),
    ("order", 1),
    ("errors", 2),
    ("null", 1),
]


def _child(part, cores, arguments=(), environment=None):
    command = [sys.executable, __file__, "--part", part, "--cores", str(cores), *map(str, arguments)]
    command += ["--quick"] if QUICK else []
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **(environment or {})}
    )
    return json.loads(done.stdout)


def everything():
    """All parts, one process each."""
    results = {"machine": measure.machine(), "date": time.strftime("%Y-%m-%d"), "quick": QUICK}
    for part, cores in PARTS:
        print(f"{part} on {cores} core(s)", file=sys.stderr, flush=True)
        results[f"{part}, {cores} core" + "s" * (cores > 1)] = _child(part, cores)
    # The rival's solver has threads of its own, which do better without company.
    print("dual on 2 core(s), one BLAS thread", file=sys.stderr, flush=True)
    results["dual, 2 cores, one BLAS thread"] = _child("dual", 2, environment={"OPENBLAS_NUM_THREADS": "1"})
    results["memory, 1 core"] = []
    for who, role, n in MEMORY[:3] if QUICK else MEMORY:
        row = _child("memory", 1, ("--case", who, role, n))
        _say(f"memory: {row['who']}, {row['role']}, N = {row['n']}: {row['mib']:.1f} MiB")
        results["memory, 1 core"].append(row)
    return results


def main():
    global QUICK
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small problems, few rounds: does it run?")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures here")
    parser.add_argument("--markdown", type=pathlib.Path, help="print tables of a file that --json wrote")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--cores", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--case", nargs=3, default=(), help=argparse.SUPPRESS)
    options = parser.parse_args()
    QUICK = options.quick
    if options.markdown:
        from report import markdown

        print(markdown(json.loads(options.markdown.read_text())))
        return
    if options.part:
        measure.pin(options.cores)
        case = [options.case[0], options.case[1], int(options.case[2])] if options.case else []
        print(json.dumps(globals()[options.part](options.cores, *case)))
        return
    results = everything()
    text = json.dumps(results, indent=1)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
