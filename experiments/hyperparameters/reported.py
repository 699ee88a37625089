"""The results of the runs behind the report's Figure 2. Accuracies are shares of 1."""

from __future__ import annotations

from typing import NamedTuple


class Figure2Run(NamedTuple):
    """A run behind the report's Figure 2.

    Attributes:
        validation_accuracy: The validation accuracy after the epochs `FIGURE2_VALIDATION_EPOCHS`.
        median_pi: The median of pi_t (Eq. 5) over each of the epochs `FIGURE2_PI_EPOCHS`.
    """

    validation_accuracy: tuple[float, ...]
    median_pi: tuple[float, ...]


FIGURE2_VALIDATION_EPOCHS = tuple(range(5, 101, 5))
FIGURE2_PI_EPOCHS = (1, 5, 10, 20, 40, 60, 80, 100)
# fmt: off
FIGURE2_OVER_GAMMA = {
    (0.01, 1e-06): Figure2Run(
        validation_accuracy=(
            0.321, 0.3094, 0.315, 0.345, 0.3804, 0.3398, 0.3396, 0.3316, 0.234, 0.3814, 0.1982,
            0.2874, 0.3734, 0.389, 0.381, 0.317, 0.3294, 0.2648, 0.217, 0.2684,
        ),
        median_pi=(-9.85, -9.51, -9.32, -8.75, -8.43, -8.05, -8.05, -8.06),
    ),
    (0.001, 1e-06): Figure2Run(
        validation_accuracy=(
            0.4104, 0.4186, 0.473, 0.5224, 0.5206, 0.5292, 0.5422, 0.5544, 0.5088, 0.5614, 0.5352,
            0.5516, 0.5612, 0.5452, 0.5558, 0.5666, 0.5876, 0.5642, 0.5946, 0.605,
        ),
        median_pi=(-12.33, -12.26, -12.22, -11.75, -11.83, -11.72, -11.73, -11.55),
    ),
    (0.0001, 1e-06): Figure2Run(
        validation_accuracy=(
            0.3982, 0.4242, 0.4314, 0.4456, 0.4448, 0.4626, 0.502, 0.4846, 0.5118, 0.5072, 0.5012,
            0.52, 0.5188, 0.5236, 0.5274, 0.532, 0.5442, 0.5418, 0.5242, 0.4998,
        ),
        median_pi=(-15.76, -16.46, -16.46, -15.56, -15.07, -15.07, -14.96, -15.07),
    ),
}
"""The report, Figure 2: the runs of its left column, by gamma and threshold."""

FIGURE2_OVER_THRESHOLD = {
    (0.001, 0): Figure2Run(
        validation_accuracy=(
            0.157, 0.2194, 0.2478, 0.261, 0.1246, 0.2058, 0.1958, 0.2268, 0.1138, 0.2076, 0.1542,
            0.143, 0.1264, 0.0976, 0.1486, 0.1246, 0.177, 0.0976, 0.1788, 0.2134,
        ),
        median_pi=(-5.01, -3.39, -3.29, -3.27, -3.39, -3.26, -3.35, -3.22),
    ),
    (0.001, 1e-05): Figure2Run(
        validation_accuracy=(
            0.365, 0.3716, 0.371, 0.3766, 0.3902, 0.3958, 0.3944, 0.3854, 0.368, 0.394, 0.389,
            0.4134, 0.3808, 0.3926, 0.3878, 0.3874, 0.384, 0.402, 0.3734, 0.4036,
        ),
        median_pi=(-16.11, -15.76, -15.76, -15.56, -15.76, -15.76, -15.76, -15.31),
    ),
    (0.001, 1e-06): Figure2Run(
        validation_accuracy=(
            0.402, 0.4226, 0.472, 0.4442, 0.5082, 0.4874, 0.4298, 0.5386, 0.514, 0.496, 0.568,
            0.5604, 0.5234, 0.548, 0.5578, 0.576, 0.56, 0.5502, 0.5744, 0.5758,
        ),
        median_pi=(-12.72, -12.22, -12.09, -11.87, -11.75, -11.85, -11.76, -11.8),
    ),
}
# fmt: on
"""The report, Figure 2: the runs of its right column, by gamma and threshold.

One setting is in both columns, with two different runs. The report's text (section 3.2) names other
values: gamma 1e-1, 1e-2, 1e-3 at threshold 1e-5, and threshold 0, 1e-5, 1e-4 at gamma 1e-2.
"""
