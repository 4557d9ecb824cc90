"""Checkpoints, the run folder, the training history and the terminal."""

from transjet.io.atomic import check_writable, remove_temporaries, write_atomic
from transjet.io.checkpoint import latest, load, read_meta, save
from transjet.io.console import PlainProgress, Progress, QuietProgress, RichProgress, make_progress
from transjet.io.history import HISTORY_COLUMNS
from transjet.io.metrics_json import metrics_to_json
from transjet.io.rotation import CheckpointFolder
from transjet.io.run_folder import RunFolder, Samples
from transjet.io.toml_writer import to_toml

__all__ = [
    "HISTORY_COLUMNS",
    "CheckpointFolder",
    "PlainProgress",
    "Progress",
    "QuietProgress",
    "RichProgress",
    "RunFolder",
    "Samples",
    "check_writable",
    "latest",
    "load",
    "make_progress",
    "metrics_to_json",
    "read_meta",
    "remove_temporaries",
    "save",
    "to_toml",
    "write_atomic",
]
