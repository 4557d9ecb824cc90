"""What the pictures show, and that drawing them leaves no trace."""

from __future__ import annotations

import io
import subprocess
import sys

import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import pytest

from transjet import metrics, targets
from transjet.errors import ConfigError, OutputError, ShapeError, TargetError
from transjet.io import HISTORY_COLUMNS
from transjet.io.run_folder import PICTURES
from transjet.plots import (
    density_figure,
    marginals_figure,
    mode_weights_figure,
    save_all,
    save_figure,
    style,
    training_figure,
)

from ._cases import history, samples


def pixels(figure) -> np.ndarray:
    """The drawn figure as (height, width, 4) bytes."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())


def colours(image: np.ndarray) -> int:
    """Number of different colours in every seventh row and column; 1 if the picture is blank."""
    return len(np.unique(image[::7, ::7].reshape(-1, image.shape[-1]), axis=0))


def labels(axes) -> list:
    """Title, axis labels and remarks of a panel."""
    return [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label, *axes.texts]


def texts(figure) -> str:
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


@pytest.mark.parametrize("name", ["double-well", "gmm-grid", "funnel-10"])
def test_every_picture_of_a_run_is_written(tmp_path, name):
    target = targets.get(name)
    x, log_w, summary = samples(target)
    paths = save_all(tmp_path / "p", target=target, x=x, log_w=log_w, history=history(), summary=summary)
    names = ["density.png" if target.dim <= 2 else "marginals.png", "training.png"]
    names += ["modes.png"] if target.modes is not None else []
    assert [path.name for path in paths] == names
    assert set(names) <= set(PICTURES)
    for path in paths:
        image = mpl.image.imread(path)
        assert min(image.shape[:2]) > 500
        assert colours(image) > 20, "blank"
        margins = np.concatenate([image[:3], image[-3:]]).reshape(-1, image.shape[-1])
        assert (margins == 1).all(), "something is cut off at the edge"


def test_no_text_reaches_beyond_the_picture():
    target = targets.get("gmm-grid")
    x, log_w, summary = samples(target)
    for figure in (
        density_figure(target, x, log_w, summary),
        mode_weights_figure(target, summary),
        training_figure(history(), name=target.name, log_z=0.0),
        marginals_figure(target, x, log_w, summary),
    ):
        pixels(figure)
        shown = [*figure.texts, figure._suptitle, *(t for axes in figure.axes for t in labels(axes))]
        for text in shown:
            if text.get_text().strip():
                box = text.get_window_extent()
                assert box.x0 >= 0 and box.y0 >= 0, text
                assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text


def test_the_figures_are_in_the_heading():
    target = targets.get("gmm-grid")
    x, log_w, _ = samples(target)
    log_w[3] = np.nan
    summary = metrics.summarize(x, log_w, target)
    words = texts(density_figure(target, x, log_w, summary))
    for part in (
        "gmm-grid",
        "400 samples",
        "1 not finite",
        "ESS 0.9",
        "(exact 0)",
        "50, 90, 99 %",
        "$x_{0}$",
        "$x_{1}$",
    ):
        assert part in words


def test_one_dimension_shows_the_curve_and_the_weighted_histogram():
    target = targets.get("double-well")
    x, log_w, summary = samples(target, 5000)
    axes = density_figure(target, x, log_w, summary).axes[0]
    bars = np.array([(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in axes.patches])
    curve = axes.lines[0].get_xydata()
    expected = np.interp(bars[:, 0], *curve.T)
    np.testing.assert_allclose(np.trapezoid(curve[:, 1], curve[:, 0]), 1.0, atol=1e-3)
    np.testing.assert_allclose(np.sum(bars[:, 1]) * (bars[1, 0] - bars[0, 0]), 1.0, atol=1e-3)
    # 5000 samples of ESS 0.9: a bin of density 0.7 and width 0.1 is known to 0.04; curvature adds 0.02.
    np.testing.assert_allclose(bars[:, 1], expected, atol=0.16)
    assert axes.get_ylim()[1] > curve[:, 1].max()


def test_an_unnormalised_density_is_normalised_on_the_grid():
    target = targets.from_log_density(lambda x: -(x**2).sum() / 2 + 7, 1)
    x = np.random.default_rng(0).normal(size=(500, 1))
    summary = metrics.summarize(x, np.zeros(500), target)
    curve = density_figure(target, x, np.zeros(500), summary).axes[0].lines[0].get_xydata()
    np.testing.assert_allclose(curve[:, 1], np.exp(-(curve[:, 0] ** 2) / 2) / np.sqrt(2 * np.pi), atol=0.01)


def test_a_density_that_is_nan_somewhere_is_left_blank_there():
    target = targets.Target(name="half", dim=2, log_density=lambda x: jnp.where(x[0] < 0, jnp.nan, -(x**2).sum() / 2))
    x = np.abs(np.random.default_rng(0).normal(size=(300, 2)))
    x[:, 1] -= 0.5
    x[0, 0] = -3.0
    figure = density_figure(target, x, np.zeros(300), metrics.summarize(x, np.zeros(300), target))
    image = np.asarray(figure.axes[0].images[0].get_array())
    assert np.isnan(image).any()
    assert np.isfinite(image).any()
    assert colours(pixels(figure)) > 20


def test_marginals_match_the_exact_ones():
    target = targets.get("many-well-50")
    x, log_w, summary = samples(target, 4000)
    figure = marginals_figure(target, x, log_w, summary)
    assert len(figure.axes) == 6
    assert "coordinates 0 to 5 of 50" in texts(figure)
    for axes in figure.axes:
        bars = np.array([bar.get_height() for bar in axes.patches[:-1]])
        exact = axes.patches[-1].get_data().values
        np.testing.assert_allclose(bars, exact, atol=0.15)
        assert np.corrcoef(bars, exact)[0, 1] > 0.98


@pytest.mark.parametrize("dim", [3, 4, 5])
def test_any_number_of_marginals_without_an_exact_sampler(dim):
    target = targets.from_log_density(lambda x: -(x**2).sum() / 2, dim)
    x = np.random.default_rng(0).normal(size=(100, dim))
    figure = marginals_figure(target, x, np.zeros(100), metrics.summarize(x, np.zeros(100), target))
    assert sum(axes.axison for axes in figure.axes) == dim
    assert "exact marginal" not in texts(figure)


def test_modes_are_bars_with_errors_and_the_truth():
    target = targets.get("gmm-grid")
    _, _, summary = samples(target, 900)
    figure = mode_weights_figure(target, summary)
    axes = figure.axes[0]
    np.testing.assert_allclose(
        [bar.get_height() for bar in axes.patches], [share.value for share in summary.mode_weights]
    )
    assert "9 modes  ·  none missed  ·  worst ratio to truth" in texts(figure)
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"samples as drawn", "reweighted", "truth"}


def test_many_modes_are_sorted_lines_and_missed_ones_are_counted():
    centres = np.stack([10.0 * np.arange(45), np.zeros(45)], axis=1)
    weights = np.arange(1.0, 46) / np.arange(1.0, 46).sum()
    target = targets.gaussian_mixture(centres, 1.0, weights=weights, name="row")
    x = centres[np.arange(900) % 43]
    figure = mode_weights_figure(target, metrics.summarize(x, np.zeros(900), target))
    assert "2 missed" in texts(figure)
    truth = next(line for line in figure.axes[0].lines if line.get_label() == "truth").get_ydata()
    np.testing.assert_allclose(truth, weights[::-1])


def test_a_target_without_modes_has_no_picture_of_them():
    target = targets.get("funnel-10")
    with pytest.raises(TargetError, match="expected a target that lists its modes"):
        mode_weights_figure(target, samples(target)[2])


def test_training_has_a_row_per_figure_over_iterations_and_time():
    figure = training_figure(history(), name="gmm-grid", log_z=0.0)
    assert len(figure.axes) == 8
    assert figure.axes[0].get_yscale() == figure.axes[6].get_yscale() == "log"
    words = texts(figure)
    for part in ("iteration", "wall time [s]", "loss, residual RMS", "ESS / n", "log Z", "step rejected", "truth 0"):
        assert part in words
    assert "up to iteration 40  ·  20 s  ·  2 steps rejected" in words


@pytest.mark.parametrize(("seconds", "unit"), [(100.0, "s"), (1000.0, "min"), (20_000.0, "h")])
def test_the_time_has_a_fitting_unit(seconds, unit):
    columns = history()
    columns["seconds"] = np.linspace(0, seconds, 40)
    assert f"wall time [{unit}]" in texts(training_figure(columns, name="t"))


def test_a_row_without_figures_is_left_out():
    columns = history()
    for name in ("ess", "log_z", "log_z_std_error", "damping"):
        columns[name] = np.full(40, np.nan)
    figure = training_figure(columns, name="t")
    assert len(figure.axes) == 4
    assert "step size" in texts(figure)
    assert "damping" not in texts(figure)


def test_log_z_is_shown_where_it_settles():
    columns = history()
    columns["log_z"][9] = -500.0
    axes = training_figure(columns, name="t", log_z=0.0).axes[4]
    assert axes.get_ylim()[0] > -1
    assert "1 early estimates off the scale" in "\n".join(text.get_text() for text in axes.texts)


def test_a_long_noisy_training_has_a_median():
    columns = history(1200)
    columns["loss"] *= np.exp(0.5 * np.random.default_rng(0).normal(size=1200))
    axes = training_figure(columns, name="t").axes[0]
    raw, smooth = axes.lines[:2]
    assert smooth.get_label() == "loss (median)"
    assert np.std(np.diff(np.log(smooth.get_ydata()))) < 0.2 * np.std(np.diff(np.log(raw.get_ydata())))


def test_one_row_and_a_single_score_are_enough():
    columns = {name: column[9:10] for name, column in history().items()}
    assert colours(pixels(training_figure(columns, name="t"))) > 20


@pytest.mark.parametrize("broken", ["missing", "nan", "empty"])
def test_a_history_without_figures_is_refused(broken):
    columns = history()
    if broken == "missing":
        del columns["damping"]
    else:
        columns = {name: np.full(40 if broken == "nan" else 0, np.nan) for name in HISTORY_COLUMNS}
    with pytest.raises(ConfigError, match="none named damping" if broken == "missing" else "nothing finite"):
        training_figure(columns, name="t")


def test_pictures_without_a_history(tmp_path):
    target = targets.get("double-well")
    x, log_w, summary = samples(target)
    empty = {name: np.zeros(0) for name in HISTORY_COLUMNS}
    paths = save_all(tmp_path, target=target, x=x, log_w=log_w, history=empty, summary=summary)
    assert [path.name for path in paths] == ["density.png", "modes.png"]


def test_more_than_two_dimensions_have_no_density_picture():
    target = targets.get("funnel-10")
    with pytest.raises(ShapeError, match="of 1 or 2 dimensions, got 10; use marginals_figure"):
        density_figure(target, *samples(target))


def test_the_settings_of_matplotlib_and_pyplot_stay_as_they_were():
    code = (
        "import sys, matplotlib as mpl\n"
        # Reading the setting `backend` in the usual way would import pyplot.
        "settings = lambda: {k: dict.__getitem__(mpl.rcParams, k) for k in mpl.rcParams}\nbefore = settings()\n"
        "import numpy as np\nfrom transjet import metrics, targets\nfrom transjet.plots import density_figure\n"
        "t = targets.get('gmm-grid'); x = np.zeros((9, 2)) + np.arange(9)[:, None] - 4; w = np.zeros(9)\n"
        "density_figure(t, x, w, metrics.summarize(x, w, t)).canvas.draw()\n"
        "assert settings() == before; assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_does_not_import_matplotlib():
    code = "import sys, transjet.plots; assert 'matplotlib' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr(style, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"expected matplotlib, got none; install.*transjet\[all\]"):
        training_figure(history(), name="t")


def test_an_odd_name_is_drawn_as_it_is():
    figure = training_figure(history(), name=r"a_$b^{ \frac " + "long " * 40)
    pixels(figure)
    assert r"a_$b^{ \frac" in texts(figure)


def test_saving_into_an_impossible_place_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        save_figure(training_figure(history(), name="t"), tmp_path / "file" / "t.png")


def test_the_same_run_gives_the_same_picture(tmp_path):
    target = targets.get("gmm-grid")
    images = []
    for _ in range(2):
        figure, buffer = density_figure(target, *samples(target)), io.BytesIO()
        figure.savefig(buffer, format="png")
        images.append(buffer.getvalue())
    assert images[0] == images[1]


def test_float32_and_jax_arrays_are_welcome():
    target = targets.get("gmm-grid")
    x, log_w, summary = samples(target)
    density_figure(target, jnp.asarray(x, jnp.float32), jax.numpy.asarray(log_w, jnp.float32), summary)
