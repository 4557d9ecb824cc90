"""Data files of targets: where they are, and what is said where they are not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from transjet.errors import DataError

VARIABLE = "TRANSJET_DATA"


def path(relative: str) -> Path:
    """The path of a data file in the folder that TRANSJET_DATA names.

    Raises:
        DataError: the variable is not set, or the folder does not hold the file.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        raise DataError(f"the data file {relative} is needed: set {VARIABLE} to the folder that holds it")
    file = Path(folder) / relative
    if not file.is_file():
        raise DataError(f"{VARIABLE} names {folder}, where there is no {relative}; put it there or name another folder")
    return file


def table(relative: str, columns: int, *, delimiter: str | None = None, skip: int = 0) -> np.ndarray:
    """Read a table of numbers, (rows, columns).

    Raises:
        DataError: it is not there, or is no table of that many columns of finite numbers.
    """
    file = path(relative)
    try:
        values = np.loadtxt(file, delimiter=delimiter, skiprows=skip, ndmin=2, quotechar='"')
    except ValueError as err:
        raise DataError(f"{file} must be a table of numbers: {err}; take the published file") from err
    if values.shape[1] != columns or not np.isfinite(values).all():
        raise DataError(
            f"{file} must have {columns} columns of finite numbers, got {values.shape[1]}; take the published file"
        )
    return values
