"""What the report and the paper measured, to lay beside what is measured here.

*The report* is "[Re] Latent Weights Do Not Exist: Rethinking Binarized Neural Network
optimisation"; *the paper* is Helwegen et al. 2019 (arXiv 1906.02107). The numbers of the figures
come from the runs behind them. All accuracies are shares of 1.
"""

from __future__ import annotations


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split()))


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
