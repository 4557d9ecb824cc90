"""The command line: `transjet run | sample | eval | targets | info | tune`."""

from transjet.cli.entry import main

__all__ = ["main"]
