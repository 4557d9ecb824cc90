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
