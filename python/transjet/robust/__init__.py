"""Success rates of methods on random targets: criteria, rows, tables."""

from transjet.robust.budget import Budget
from transjet.robust.criteria import CRITERIA, Limits, judge, wilson
from transjet.robust.methods import METHODS, run_method
from transjet.robust.page import END, page, write_csv
from transjet.robust.plot import write_plot
from transjet.robust.row import run_row
from transjet.robust.rows import Rows, Settings, run_rows

__all__ = [
    "CRITERIA",
    "END",
    "METHODS",
    "Budget",
    "Limits",
    "Rows",
    "Settings",
    "judge",
    "page",
    "run_method",
    "run_row",
    "run_rows",
    "wilson",
    "write_csv",
    "write_plot",
]
