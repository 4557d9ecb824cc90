"""Families of random targets of which everything is known, drawn from a seed."""

from transjet.targets.families.registry import FAMILIES, Family, by_name, random
from transjet.targets.families.sets import HELD_OUT_SEEDS, TUNING_SEEDS, Draw, draws

__all__ = ["FAMILIES", "HELD_OUT_SEEDS", "TUNING_SEEDS", "Draw", "Family", "by_name", "draws", "random"]
