"""What the benchmarks count and print."""

import json
from pathlib import Path

import pytest
from flops import multiply_adds

RESULTS = sorted((Path(__file__).parent.parent / "bench" / "results").glob("*.json"))


def test_multiply_adds_of_small_cases():
    # d = 2, f = 1, widths 3 -> 4 -> 5 -> outputs.
    hidden = (4, 5)
    assert multiply_adds("gradient_jet", "forward", 2, 1, hidden) == 2 * (3 * 4) + 2 * (4 * 5) + 5
    assert multiply_adds("divergence_jet", "forward", 2, 1, hidden) == 3 * 4 + 3 * (4 * 5) + 2 * (5 * 2)
    assert multiply_adds("laplacian_jet", "forward", 2, 1, hidden) == (3 + 1) * 4 + 5 * (4 * 5) + 5 * 5
    assert multiply_adds("laplacian_jet", "cotangent", 2, 1, hidden) == 2 * 2 * 3 * 4 + 3 * 5 * (4 * 5) + 2 * 5
    assert multiply_adds("divergence_jet", "gauss_newton", 2, 1, hidden) == 3 * 3 * 4 + 4 * 3 * (4 * 5) + 4 * 2 * 5


def test_unknown_roles_are_refused():
    with pytest.raises(ValueError, match="tangent"):
        multiply_adds("gradient_jet", "tangent", 2, 1, (4,))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.name)
def test_committed_results_have_their_tables(path):
    from report import markdown

    results = json.loads(path.read_text(encoding="utf-8"))
    text = markdown(results)
    assert not results["quick"]
    assert results["machine"]["processor"] in text


def test_tables_of_a_gpu_are_made_of_any_part_of_its_figures():
    from report import markdown

    # Made up: no GPU has these figures.
    took = {"median": 2.0, "min": 1.0, "max": 3.0}
    case = {"what": "product", "role": "forward", "dtype": "float32", "n": 8, "d": 2, "width": 64}
    results = {
        "kind": "gpu",
        "machine": {"device": "made-up GPU"},
        "date": "made up",
        "ceilings": {"tf32": {"rate": 300.4}, "copy": {"rate": 5.0}, "bf16": {"skipped": "not here"}},
        "rows": [],
    }
    assert "made-up GPU" in markdown(results)
    results["rows"] = [
        {**case, "backend": "cuda", "ms": took, "gflops": 50.0, "share": 0.5, "wrong": False},
        {**case, "backend": "triton", "failed": "out | of\nwords"},
        {**case, "backend": "xla", "ms": took, "gflops": 20.0, "share": 0.2, "wrong": True},
        {"what": "step", "n": 8, "dtype": "float32", "backend": "cuda", "ms": took},
        {"what": "memory", "n": 8, "backend": "cuda", "mib": 7.25},
        {"what": "run", "backend": "cuda", "seconds": 9.0, "goal": 0.98, "iterations": 40.0},
        {"what": "run", "backend": "triton", "not_reached": "best ESS 0.5"},
    ]
    lines = markdown(results).splitlines()
    assert "| tf32 | 300 GFLOP/s |" in lines
    assert "| bf16 | not here |" in lines
    assert "| forward | float32 | 8 | 2 | 64 | 2 | failed | 2, WRONG | 50 (50 %) |  | 20 (20 %) |" in lines
    assert "| product, forward, float32, 8, 2, 64, triton | failed: out / of words |" in lines
    assert "| memory, 8, cuda | 7.2 MiB |" in lines
    assert "| run, cuda | 9.0 s to an ESS of 0.98, 40 iterations |" in lines
    assert "| run, triton | not reached: best ESS 0.5 |" in lines
