"""Pictures of a run: the density and its samples, the training, the mode weights. Needs matplotlib."""

from transjet.plots.density import density_figure
from transjet.plots.history import training_figure
from transjet.plots.marginals import marginals_figure
from transjet.plots.modes import mode_weights_figure
from transjet.plots.save import save_all, save_figure

__all__ = [
    "density_figure",
    "marginals_figure",
    "mode_weights_figure",
    "save_all",
    "save_figure",
    "training_figure",
]
