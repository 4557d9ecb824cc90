"""The examples in the docstrings, run against the package that is imported."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import transjet

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = ["transjet"] + [
    module.name for module in pkgutil.walk_packages(transjet.__path__, "transjet.") if module.name != "transjet._core"
]


def examples(name: str) -> list[doctest.DocTest]:
    module = importlib.import_module(name)
    return [test for test in doctest.DocTestFinder().find(module, name) if test.examples]


@pytest.mark.parametrize("test", [test for name in MODULES for test in examples(name)], ids=lambda test: test.name)
def test_docstring(test: doctest.DocTest) -> None:
    result = doctest.DocTestRunner(optionflags=FLAGS).run(test)
    assert result.failed == 0


def test_examples_are_found() -> None:
    assert any(examples(name) for name in MODULES)
