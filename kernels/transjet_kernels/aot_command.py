"""Compile kernels for given sizes in advance: `python -m transjet_kernels.aot_command`. Needs Triton and no GPU.

What is in the folder `cubins` of this package when a wheel is built is shipped with it, and serves those sizes where
Triton is not installed. The number of points and of layers does not matter: a kernel is the same for all of them.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from transjet_kernels import jets, products
from transjet_kernels.aot import TARGETS, CompilationError, compile_launch, describe, key_of
from transjet_kernels.aot_store import Store
from transjet_kernels.plan import Launch, Plan
from transjet_kernels.problem import Problem, refuses

FOLDER = Path(__file__).parent / "cubins"
JETS = ("gradient_jet", "laplacian_jet", "divergence_jet")
_POINTS, _HIDDEN = 1 << 16, 3  # any number would do, as long as there are layers of every kind


def plans(problem: Problem) -> Iterator[Plan]:
    """Plans of everything that can be asked of a problem."""
    made = {
        "forward": lambda: jets.forward(problem),
        "tangent": lambda: jets.tangent(problem),
        "cotangent": lambda: products.cotangent(problem),
        "gauss_newton": lambda: products.gauss_newton([problem], 1, True, True),
        "gram": lambda: products.gram([problem], False),
    }
    for role, plan in made.items():
        if refuses(problem, role) is None:
            yield plan()
    if problem.dtype == "float32" and refuses(problem, "gram") is None:
        yield products.gram([problem], True)


def wanted(
    names: Sequence[str], dtypes: Sequence[str], widths: Sequence[int], dims: Sequence[int], activations: Sequence[str]
) -> Iterator[tuple[Launch, dict[str, str]]]:
    """Every kernel of all combinations of sizes, with its signature; each once."""
    seen = set()
    for jet, dtype, width, d, activation in itertools.product(names, dtypes, widths, dims, activations):
        problem = Problem(jet, _POINTS, d, 1, (width,) * _HIDDEN, (activation,) * _HIDDEN, dtype=dtype)
        for plan in plans(problem):
            for launch in plan.launches:
                signature = launch.signature(plan)
                description = describe(launch, signature, 0)
                if description not in seen:
                    seen.add(description)
                    yield launch, signature


def build(store: Store, kernels: Sequence[tuple[Launch, dict[str, str]]], targets: Sequence[int]) -> int:
    """Compile what the store lacks; how many kernels that was.

    Raises:
        CompilationError: one of them cannot be compiled.
    """
    made = 0
    for (launch, signature), target in itertools.product(kernels, targets):
        key = key_of(describe(launch, signature, target))
        if store.find(key) is None:
            store.add(key, compile_launch(launch, signature, target))
            made += 1
    return made


def prune(store: Store, keep: set[str]) -> int:
    """Remove what is in a store under other names, such as kernels of older sources; how many that was."""
    old = [key for key in store.keys() if key not in keep]
    for key in old:
        store.remove(key)
    return len(old)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: its words; None: those of this process.

    Returns:
        Exit code: 0, or 2 after an error that is explained on the standard error.
    """
    parser = argparse.ArgumentParser("python -m transjet_kernels.aot_command", description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="DIR", help="where to; that of this package")
    parser.add_argument("--target", nargs="+", type=int, default=TARGETS, metavar="CC", help="such as 90 for 9.0")
    parser.add_argument("--jet", nargs="+", choices=JETS, default=JETS)
    parser.add_argument("--dtype", nargs="+", choices=("float32", "float64"), default=["float32"])
    parser.add_argument("--width", nargs="+", type=int, default=[64, 128], metavar="W", help="of hidden layers")
    parser.add_argument("--dim", nargs="+", type=int, default=[2, 10], metavar="D", help="coordinates")
    parser.add_argument("--activation", nargs="+", default=["tanh"], metavar="NAME")
    options = parser.parse_args(argv)
    kernels = list(wanted(options.jet, options.dtype, options.width, options.dim, options.activation))
    store = Store(options.out)
    try:
        made = build(store, kernels, options.target)
    except (CompilationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    keys = {key_of(describe(*kernel, target)) for kernel, target in itertools.product(kernels, options.target)}
    print(f"{options.out}: {len(keys)} kernels, {made} of them compiled now, {prune(store, keys)} others removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
