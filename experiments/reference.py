"""What the report and the paper measured, to lay beside what is measured here.

*The report* is "[Re] Latent Weights Do Not Exist: Rethinking Binarized Neural Network
optimisation"; *the paper* is Helwegen et al. 2019 (arXiv 1906.02107). The numbers of the figures
come from the runs behind them. All accuracies are shares of 1.
"""

from __future__ import annotations

from typing import NamedTuple


class MeanAndDeviation(NamedTuple):
    """The mean and the standard deviation over runs."""

    mean: float
    deviation: float


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split()))


TABLE1 = {
    "mnist": {
        "binary": MeanAndDeviation(0.9663, 0.018),
        "latent": MeanAndDeviation(0.1039, 0.0018),
        "latent_retrained_batch_norm": MeanAndDeviation(0.9807, 0.0013),
    },
    "cifar10": {
        "binary": MeanAndDeviation(0.5731, 0.0142),
        "latent": MeanAndDeviation(0.0978, 0.0092),
        "latent_retrained_batch_norm": MeanAndDeviation(0.5942, 0.005),
    },
}
"""The report, Table 1: test accuracy by data set and kind of weights, over ten runs."""

TABLE1_ANOVA_P = {"mnist": 1.01e-43, "cifar10": 3.06e-37}
"""The report, Table 1: the p-value of its analysis of variance over its three kinds."""

FIGURE1_EPOCHS = (1, 2, 5, 10, 20, 30, 50, 75, 100)
FIGURE1 = {
    "mnist": {
        "glorot_sgd_0.01": _numbers(
            "0.2937 0.519 0.7028 0.7817 0.8377 0.8606 0.8882 0.9091 0.9202"
        ),
        "glorot_sgd_1": _numbers("0.8484 0.925 0.9538 0.9653 0.9735 0.9764 0.9797 0.9816 0.9819"),
        "glorot_x0.01_sgd_0.01": _numbers(
            "0.8429 0.9204 0.9503 0.9621 0.9713 0.9742 0.9761 0.9788 0.98"
        ),
        "uniform_sgd_0.01": _numbers("0.3067 0.53 0.7067 0.7844 0.8341 0.8601 0.8891 0.9094 0.919"),
        "uniform_adam_0.01": _numbers(
            "0.9115 0.962 0.9751 0.98 0.9821 0.9831 0.9834 0.9851 0.9853"
        ),
    },
    "cifar10": {
        "glorot_sgd_0.01": _numbers(
            "0.1343 0.1759 0.2246 0.2628 0.3109 0.3378 0.3707 0.396 0.4144"
        ),
        "glorot_sgd_1": _numbers("0.3311 0.4211 0.4888 0.5413 0.5847 0.6118 0.6346 0.6476 0.6545"),
        "glorot_x0.01_sgd_0.01": _numbers(
            "0.3271 0.3991 0.4673 0.5207 0.5638 0.5884 0.6075 0.623 0.6255"
        ),
        "uniform_sgd_0.01": _numbers(
            "0.1615 0.2171 0.2666 0.3056 0.3371 0.3611 0.393 0.4173 0.4373"
        ),
        "uniform_adam_0.01": _numbers("0.4441 0.546 0.6111 0.63 0.6466 0.6483 0.6538 0.6557 0.657"),
    },
}
"""The report, Figure 1: training accuracy at `FIGURE1_EPOCHS` by data set and configuration."""


class Figure2Run(NamedTuple):
    """A run behind the report's Figure 2.

    Attributes:
        gamma: Bop's gamma.
        threshold: Bop's threshold.
        validation_accuracy: At `FIGURE2_VALIDATION_EPOCHS`.
        median_pi: The median over an epoch of pi_t (Eq. 5) at `FIGURE2_PI_EPOCHS`.
    """

    gamma: float
    threshold: float
    validation_accuracy: tuple[float, ...]
    median_pi: tuple[float, ...]


FIGURE2_VALIDATION_EPOCHS = tuple(range(5, 101, 5))
FIGURE2_PI_EPOCHS = (1, 5, 10, 20, 40, 60, 80, 100)
FIGURE2 = (
    Figure2Run(
        0.01,
        1e-06,
        _numbers(
            "0.321 0.3094 0.315 0.345 0.3804 0.3398 0.3396 0.3316 0.234 0.3814 0.1982 0.2874 "
            "0.3734 0.389 0.381 0.317 0.3294 0.2648 0.217 0.2684"
        ),
        (-9.85, -9.51, -9.32, -8.75, -8.43, -8.05, -8.05, -8.06),
    ),
    Figure2Run(
        0.001,
        1e-06,
        _numbers(
            "0.4104 0.4186 0.473 0.5224 0.5206 0.5292 0.5422 0.5544 0.5088 0.5614 0.5352 "
            "0.5516 0.5612 0.5452 0.5558 0.5666 0.5876 0.5642 0.5946 0.605"
        ),
        (-12.33, -12.26, -12.22, -11.75, -11.83, -11.72, -11.73, -11.55),
    ),
    Figure2Run(
        0.0001,
        1e-06,
        _numbers(
            "0.3982 0.4242 0.4314 0.4456 0.4448 0.4626 0.502 0.4846 0.5118 0.5072 0.5012 0.52 "
            "0.5188 0.5236 0.5274 0.532 0.5442 0.5418 0.5242 0.4998"
        ),
        (-15.76, -16.46, -16.46, -15.56, -15.07, -15.07, -14.96, -15.07),
    ),
    Figure2Run(
        0.001,
        0,
        _numbers(
            "0.157 0.2194 0.2478 0.261 0.1246 0.2058 0.1958 0.2268 0.1138 0.2076 0.1542 0.143 "
            "0.1264 0.0976 0.1486 0.1246 0.177 0.0976 0.1788 0.2134"
        ),
        (-5.01, -3.39, -3.29, -3.27, -3.39, -3.26, -3.35, -3.22),
    ),
    Figure2Run(
        0.001,
        1e-05,
        _numbers(
            "0.365 0.3716 0.371 0.3766 0.3902 0.3958 0.3944 0.3854 0.368 0.394 0.389 0.4134 "
            "0.3808 0.3926 0.3878 0.3874 0.384 0.402 0.3734 0.4036"
        ),
        (-16.11, -15.76, -15.76, -15.56, -15.76, -15.76, -15.76, -15.31),
    ),
    Figure2Run(
        0.001,
        1e-06,
        _numbers(
            "0.402 0.4226 0.472 0.4442 0.5082 0.4874 0.4298 0.5386 0.514 0.496 0.568 0.5604 "
            "0.5234 0.548 0.5578 0.576 0.56 0.5502 0.5744 0.5758"
        ),
        (-12.72, -12.22, -12.09, -11.87, -11.75, -11.85, -11.76, -11.8),
    ),
)
"""The report, Figure 2: the first three are those over gamma, the others those over the threshold.

Its text (section 3.2) names other values: gamma 1e-1, 1e-2, 1e-3 at threshold 1e-5, and threshold
0, 1e-5, 1e-4 at gamma 1e-2.
"""

FIGURE3_GAMMA, FIGURE3_THRESHOLD, FIGURE3_GAMMA_DECAY_EPOCHS = 1e-3, 1e-7, 100
FIGURE3_EPOCHS = tuple(range(5, 326, 10))
FIGURE3 = _numbers(
    "0.57 0.7068 0.7432 0.7014 0.7152 0.7398 0.6838 0.6766 0.703 0.731 0.822 0.8336 0.8414 "
    "0.8376 0.8492 0.8506 0.8528 0.8398 0.8478 0.854 0.8598 0.885 0.8786 0.8848 0.8846 0.8888 "
    "0.8928 0.889 0.8782 0.8832 0.8894 0.8922 0.881"
)
"""The report, Figure 3: validation accuracy of binarynet at `FIGURE3_EPOCHS`."""


class Cifar10Result(NamedTuple):
    """A test accuracy on CIFAR-10, and where it stands."""

    source: str
    test_accuracy: float


REPORT_CIFAR10 = (
    Cifar10Result("gamma 1e-4, threshold 1e-8", 0.8696),
    Cifar10Result("gamma 1e-3, threshold 1e-7, run 1", 0.8867),
    Cifar10Result("gamma 1e-3, threshold 1e-7, run 2", 0.887),
    Cifar10Result("gamma 1e-3, threshold 1e-7, no validation split, 320 epochs", 0.892),
)
"""The report, section 4.3."""

REPORT_CIFAR10_EPOCHS = 327
"""The epochs of its run 1, which ended when nothing had flipped for ten."""

PAPER_CIFAR10 = Cifar10Result("Helwegen et al. 2019, 500 epochs", 0.913)
"""The paper, section 5.2."""

PAPER_CIFAR10_EPOCHS = 500

SECOND_ORDER_CIFAR10 = (
    Cifar10Result("Bop2ndOrder unbiased (Suarez-Ramirez et al. 2021)", 0.914),
    Cifar10Result("Bop2ndOrder biased", 0.919),
)
"""Bop2ndOrder: Suarez-Ramirez et al. 2021 (arXiv 2104.05124)."""
