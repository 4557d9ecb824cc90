"""Logistic regression on the data sets of the literature, in the forms in which they are published.

Features are divided by their population standard deviations and an intercept comes first. Evidences are results of
bridge sampling with long Hamiltonian chains, checked by annealed importance sampling. Forms of one data set with
different priors are different targets: their evidences are far apart.
"""

from __future__ import annotations

import numpy as np

from transjet.errors import ConfigError, DataError
from transjet.targets import _data
from transjet.targets.base import Target
from transjet.targets.logistic import design_matrix, logistic_regression

# Evidence of each form, with its error in the docstrings below.
_LOG_Z = {
    "sonar": -108.377,
    "ionosphere": -111.610,
    "german-credit": -529.175,
    "german-credit-wide": -585.099,
    "german-credit-flat": -504.486,
    "breast-cancer": -55.219,
    "breast-cancer-wide": -77.57,
}


def sonar() -> Target:
    """Build the sonar posterior, d = 61: standardised features, weights N(0, I).

    Data: Gorman and Sejnowski (1988), doi 10.24432/C5T01Q, 208 rows, from sonar/sonar.csv: a header, y in {-1, 1},
    then the features scaled to [-1, 1]. log Z = -108.377 with an error of 0.005.

    Raises:
        DataError: the file is not there, or is something else.
    """
    rows = _data.table("sonar/sonar.csv", 61, delimiter=",", skip=1)
    return _build("sonar", rows[:, 1:], rows[:, 0] > 0)


def ionosphere() -> Target:
    """Build the ionosphere posterior, d = 35: standardised features, weights N(0, I).

    Data: Sigillito et al. (1989), doi 10.24432/C5W01B, 351 rows, from ionosphere/ionosphere.csv: a header, y in
    {-1, 1}, then the features. One of these is constant; its weight keeps the prior. log Z = -111.610 with an error of
    0.003.

    Raises:
        DataError: the file is not there, or is something else.
    """
    rows = _data.table("ionosphere/ionosphere.csv", 35, delimiter=",", skip=1)
    return _build("ionosphere", rows[:, 1:], rows[:, 0] > 0)


def german_credit(form: str = "standardised") -> Target:
    """Build a german credit posterior, d = 25.

    Data: Hofmann (1994), doi 10.24432/C5NC77, 1000 rows, from german_credit/german.data-numeric: 24 integers, then 1
    (good) or 2 (bad). Forms:

    * "standardised": centred features, weights N(0, I), P(bad) = s(w . x), as in the Inference Gym (which puts the
      intercept last); log Z = -529.175 with an error of 0.002;
    * "wide": features not centred, weights N(0, 10^2 I), P(bad) = s(-w . x), as in arXiv 2406.07423;
      log Z = -585.099 with an error of 0.003;
    * "flat": the same without a prior, as in that paper's code; log Z = -504.486 with an error of 0.003.

    Args:
        form: one of them.

    Raises:
        DataError: the file is not there, or is something else.
        ConfigError: an unknown form.
    """
    _check_form(form, ("standardised", "wide", "flat"))
    rows = _data.table("german_credit/german.data-numeric", 25)
    bad = rows[:, -1] == 2
    if form == "standardised":
        return _build("german-credit", rows[:, :-1], bad)
    return _build(f"german-credit-{form}", rows[:, :-1], ~bad, 10.0 if form == "wide" else None, centre=False)


def breast_cancer(form: str = "standardised") -> Target:
    """Build a breast cancer posterior, d = 31.

    Data: Wolberg et al. (1995), doi 10.24432/C5DW2B, 569 rows, from scikit-learn where it is installed, else from
    breast_cancer/breast_cancer.data: number, 0 (malignant) or 1 (benign), 30 features. A hyperplane separates the
    classes, so there is no posterior without a prior. Forms:

    * "standardised": centred features, weights N(0, I), P(malignant) = s(w . x);
      log Z = -55.219 with an error of 0.005;
    * "wide": features not centred, weights N(0, 10^2 I), P(benign) = s(-w . x), as in arXiv 2406.07423;
      log Z = -77.57 with an error of 0.01.

    Args:
        form: one of them.

    Raises:
        DataError: neither scikit-learn nor the file is there.
        ConfigError: an unknown form.
    """
    _check_form(form, ("standardised", "wide"))
    features, benign = _cancer()
    if form == "standardised":
        return _build("breast-cancer", features, ~benign)
    return _build("breast-cancer-wide", features, ~benign, 10.0, centre=False)


def _cancer() -> tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn.datasets import load_breast_cancer
    except ImportError:
        try:
            rows = _data.table("breast_cancer/breast_cancer.data", 32)
        except DataError as err:
            raise DataError(
                f"{err}; or install scikit-learn, which holds the data: pip install 'transjet[data]'"
            ) from err
        return rows[:, 2:], rows[:, 1] == 1
    features, labels = load_breast_cancer(return_X_y=True)
    return features, labels == 1


def _check_form(form: str, forms: tuple[str, ...]) -> None:
    if form not in forms:
        raise ConfigError(f"form: expected one of {', '.join(forms)}; got {form!r}")


def _build(
    name: str, features: np.ndarray, labels: np.ndarray, prior_scale: float | None = 1.0, centre: bool = True
) -> Target:
    # The suggested prior of the transport covers most weights; wide forms have weights of ten and more.
    return logistic_regression(
        design_matrix(features, centre=centre),
        labels,
        prior_scale,
        name=name,
        log_z=_LOG_Z[name],
        prior_std=1.0 if centre else 3.0,
    )
