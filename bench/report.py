"""The figures of `table.py` and `gpu.py` as Markdown."""


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(str(c) for c in row) + " |" for row in rows)])


def _ratio(ms, rival, ours="cpu"):
    return f"{ms[rival]['median'] / ms[ours]['median']:.2f}"


def _shares(rows):
    names = {"forward": "forward", "cotangent": "J^T u", "gauss_newton": "J^T W J v"}
    cells = {}
    for row in rows:
        name = names[row["role"]] if len(row["jets"]) == 1 else "J^T W J v, two networks"
        share = 100 * row["gflops"] / row["peak_gflops"]
        cells.setdefault((row["dtype"], name), {})[row["width"], row["d"]] = f"{share:.0f}"
    columns = [(w, d) for w in (64, 128, 256) for d in (2, 10, 50)]
    head = ["% of peak", *(f"w {w}, d {d}" for w, d in columns)]
    return _table(head, [[f"{dtype} {name}", *(c[k] for k in columns)] for (dtype, name), c in cells.items()])


def _rivals(results):
    rows = []
    for index, row in enumerate(results["rivals, 1 core"]):
        two = results["rivals, 2 cores"][index]["ms"]
        one = row["ms"]
        cells = [row["case"], row["role"], f"{one['cpu']['median']:.1f}", f"{two['cpu']['median']:.1f}"]
        cells += [_ratio(ms, "folx") if "folx" in ms else "" for ms in (one, two)]
        rows.append([*cells, _ratio(one, "xla"), _ratio(two, "xla")])
    head = ["case", "product", "ms, 1 core", "2 cores", "x folx, 1 core", "2 cores", "x xla, 1 core", "2 cores"]
    return _table(head, rows)


def _dual(results):
    rows = []
    for key in ("dual, 1 core", "dual, 2 cores", "dual, 2 cores, one BLAS thread"):
        for name, row in results[key].items():
            ms = row["ms"]
            ours = "cpu" if "cpu" in ms else "fused"
            others = ", ".join(
                f"{rival} {v['median']:.1f} ({_ratio(ms, rival, ours)})" for rival, v in ms.items() if rival != ours
            )
            spread = f"{ms[ours]['median']:.1f} ({ms[ours]['min']:.1f} to {ms[ours]['max']:.1f})"
            rows.append([name, key.removeprefix("dual, "), spread, others])
    return _table(["what", "cores", "ms (smallest to largest)", "rivals, ms (ratio)"], rows)


def _order(rows):
    cells = [[r["d"], *(f"{r['ms'][j]['median']:.2f}" for j in ("gradient_jet", "laplacian_jet"))] for r in rows]
    return _table(["d", "gradient_jet, ms", "laplacian_jet, ms"], cells)


def _errors(rows):
    cells = [
        [r["case"], r["d"], r["role"], f"{r['error']['cpu']:.1e}", f"{r['error']['xla']:.1e}", f"{r['ratio']:.2f}"]
        for r in rows
    ]
    return _table(["case", "d", "product", "cpu", "xla", "ratio"], cells)


def _memory(rows):
    cells = [[r["who"], r["role"], r["n"], f"{r['mib']:.1f}"] for r in rows]
    return _table(["who", "product", "N", "MiB"], cells)


def markdown(results):
    """All tables."""
    if results.get("kind") == "gpu":
        return markdown_gpu(results)
    machine = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    null = {name: f"{t['median']:.1f}" for name, t in results["null, 1 core"].items()}
    step = (float(null["cpu, 17"]) - float(null["cpu, 1"])) / 16
    parts = [
        f"{machine}; {results['date']}",
        "Share of the measured FMA peak, one core",
        _shares(results["shares, 1 core"]),
        "Against folx and the reference backend (N = 8192, d = 50: 4096; continuity: two networks of 3 x 64)",
        _rivals(results),
        "Gauss-Newton step and transport",
        _dual(results),
        "Forward, N = 8192, 3 x 64, one core",
        _order(results["order, 1 core"]),
        "Peak memory of a process for one call, results included (laplacian_jet, d = 10, 3 x 64, one core)",
        _memory(results["memory, 1 core"]),
        "Largest error in float32 against float64, over the largest number",
        _errors(results["errors, 2 cores"]),
        f"Null op, microseconds a jitted call: {null}; one more call in the same program costs {step:.2f}",
    ]
    return "\n\n".join(parts)


def _gpu_cell(row):
    """A row's time, or why there is none."""
    if "ms" not in row:
        return next((k.replace("_", " ") for k in ("skipped", "failed", "out_of_memory") if k in row), "")
    mark = ", WRONG" if row.get("wrong") else ""
    return f"{row['ms']['median']:.3g}{mark}"


def _gpu_pivot(rows, about):
    """One line a case, one column a backend."""
    backends = list(dict.fromkeys(row["backend"] for row in rows))
    cases = {}
    for row in rows:
        cases.setdefault(tuple(row.get(k, "") for k in about), {})[row["backend"]] = row
    head = [*about, *(f"{b}, ms" for b in backends), *(f"{b}, GFLOP/s (share)" for b in backends)]
    lines = []
    for case, found in cases.items():
        rates = []
        for backend in backends:
            row = found.get(backend, {})
            share = f" ({100 * row['share']:.0f} %)" if row.get("share") else ""
            rates.append(f"{row['gflops']:.0f}{share}" if "gflops" in row else "")
        lines.append([*case, *(_gpu_cell(found.get(b, {})) for b in backends), *rates])
    return _table(head, lines)


def _gpu_ceilings(ceilings):
    cells = []
    for name, found in ceilings.items():
        unit = "GB/s" if name == "copy" else "GFLOP/s"
        said = found.get("skipped") or found.get("failed")
        cells.append([name, f"{found['rate']:.0f} {unit}" if "rate" in found else said])
    return _table(["measured", "rate"], cells)


def _gpu_others(rows):
    """Whole runs and memory, and the reasons of what is missing."""
    cells = []
    for row in rows:
        case = ", ".join(str(v) for k, v in row.items() if k in ("what", "backend", "role", "n", "d", "width", "dtype"))
        if "seconds" in row:
            cells.append(
                [case, f"{row['seconds']:.1f} s to an ESS of {row['goal']}, {row['iterations']:.0f} iterations"]
            )
        elif row["what"] == "memory" and "mib" in row:
            cells.append([case, f"{row['mib']:.1f} MiB"])
        for key in ("not_reached", "skipped", "failed", "out_of_memory"):
            if key in row:
                cells.append([case, f"{key.replace('_', ' ')}: {row[key]}".replace("|", "/").replace("\n", " ")])
    return _table(["what", "result"], cells)


def _gpu_goals(goals):
    """What was wanted, against what came out."""
    cells = []
    for goal in goals:
        said = goal["why"].replace("|", "/").replace("\n", " ") if "why" in goal else f"{goal['value']:.3g}"
        met = "yes" if goal["met"] else "no"
        cells.append([goal["goal"], goal["case"], goal.get("backend", ""), said, goal.get("wanted", ""), met])
    return _table(["goal", "case", "backend", "figure", "wanted", "met"], cells)


def markdown_gpu(results):
    """All tables of `gpu.py`."""
    rows = results["rows"]
    machine = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    products = [row for row in rows if row["what"] == "product"]
    steps = [row for row in rows if row["what"] in ("step", "gram")]
    return "\n\n".join(
        [
            f"{machine}; {results['date']}",
            "What the device reaches on plain products and copies",
            _gpu_ceilings(results["ceilings"]),
            "laplacian_jet, 3 hidden layers; share of a third of the tf32 rate, in float64 of the float64 rate",
            _gpu_pivot(products, ["role", "dtype", "n", "d", "width"]),
            "Whole dual Gauss-Newton step and Gram matrix",
            _gpu_pivot(steps, ["what", "dtype", "n"]),
            "Runs, peak memory, and what is missing",
            _gpu_others(rows),
            "Goals, which were set before anything was measured",
            _gpu_goals(results.get("goals", [])),
        ]
    )
