"""For Larq models on Keras 2: optimizers, conversion to Keras 3 and back, and deployment.

Everything here needs `tf.keras` to be Keras 2, as Larq does: set TF_USE_LEGACY_KERAS=1 before
TensorFlow is imported. The command, `larq-bop` or `python -m larq_bop.larq`, sets it by itself;
therefore names are imported only when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from larq_bop.larq.bop import Bop, Bop2ndOrder
    from larq_bop.larq.case_optimizer import CaseOptimizer
    from larq_bop.larq.crossing import from_larq, to_larq
    from larq_bop.larq.deploy import Conversion, convert
    from larq_bop.larq.refusals import CannotConvertError
    from larq_bop.larq.side import CannotCrossError

__all__ = [
    "Bop",
    "Bop2ndOrder",
    "CannotConvertError",
    "CannotCrossError",
    "CaseOptimizer",
    "Conversion",
    "convert",
    "from_larq",
    "to_larq",
]

_MODULES = {
    "Bop": "bop",
    "Bop2ndOrder": "bop",
    "CannotConvertError": "refusals",
    "CannotCrossError": "side",
    "CaseOptimizer": "case_optimizer",
    "Conversion": "deploy",
    "convert": "deploy",
    "from_larq": "crossing",
    "to_larq": "crossing",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    importlib.import_module(f"{__name__}.keras_2")  # First of all: it refuses what cannot work.
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
