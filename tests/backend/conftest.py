"""What the tests of this folder share: this folder on the path, and the launcher of Triton kernels on the CPU."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest
from stand_in import StandIn, build


@pytest.fixture(scope="session")
def _stand_in(tmp_path_factory: pytest.TempPathFactory) -> StandIn:
    return build(tmp_path_factory.mktemp("stand_in"))


@pytest.fixture
def stand_in(_stand_in: StandIn) -> Iterator[StandIn]:
    """The launcher on a stand-in for NVIDIA's driver, with an empty log."""
    _stand_in.take_log()
    yield _stand_in
