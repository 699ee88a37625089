"""The results of the report and the paper on CIFAR-10, for comparison with ours.

*The report* is "[Re] Latent Weights Do Not Exist: Rethinking Binarized Neural Network
optimisation"; *the paper* is Helwegen et al. 2019 (arXiv 1906.02107). Accuracies are shares of 1.
"""

from __future__ import annotations

from typing import NamedTuple

FIGURE3_GAMMA, FIGURE3_THRESHOLD, FIGURE3_GAMMA_DECAY_EPOCHS = 1e-3, 1e-7, 100
FIGURE3_EPOCHS = tuple(range(5, 326, 10))
# fmt: off
FIGURE3 = (
    0.57, 0.7068, 0.7432, 0.7014, 0.7152, 0.7398, 0.6838, 0.6766, 0.703, 0.731, 0.822, 0.8336,
    0.8414, 0.8376, 0.8492, 0.8506, 0.8528, 0.8398, 0.8478, 0.854, 0.8598, 0.885, 0.8786, 0.8848,
    0.8846, 0.8888, 0.8928, 0.889, 0.8782, 0.8832, 0.8894, 0.8922, 0.881,
)
# fmt: on
"""The report, Figure 3: validation accuracy of binarynet at `FIGURE3_EPOCHS`."""


class Cifar10Result(NamedTuple):
    """A test accuracy on CIFAR-10.

    Attributes:
        source: The run or publication that reached it.
        test_accuracy: A share of 1.
    """

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
"""The epochs of run 1 of the report, which ended after ten epochs without a flip."""

PAPER_CIFAR10 = Cifar10Result("Helwegen et al. 2019, 500 epochs", 0.913)
"""The paper, section 5.2."""

PAPER_CIFAR10_EPOCHS = 500
SECOND_ORDER_CIFAR10 = (
    Cifar10Result("Bop2ndOrder unbiased (Suarez-Ramirez et al. 2021)", 0.914),
    Cifar10Result("Bop2ndOrder biased", 0.919),
)
"""Bop2ndOrder: Suarez-Ramirez et al. 2021 (arXiv 2104.05124)."""
