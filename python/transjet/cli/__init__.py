"""The command line: `transjet run | sample | eval | targets | info`."""

from transjet.cli.entry import main

__all__ = ["main"]
