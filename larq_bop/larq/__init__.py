"""For Larq models on Keras 2: optimizers, the way across to Keras 3, and out to devices.

Everything here needs `tf.keras` to be Keras 2, as Larq does: set TF_USE_LEGACY_KERAS=1 before
TensorFlow is imported.
"""

from larq_bop.larq import keras_2  # First of all: it refuses what cannot work.
from larq_bop.larq.bop import Bop, Bop2ndOrder
from larq_bop.larq.case_optimizer import CaseOptimizer
from larq_bop.larq.crossing import from_larq, to_larq
from larq_bop.larq.deploy import Conversion, convert
from larq_bop.larq.refusals import CannotConvertError
from larq_bop.larq.translation import CannotCrossError

__all__ = [
    "Bop",
    "Bop2ndOrder",
    "CannotConvertError",
    "CannotCrossError",
    "CaseOptimizer",
    "Conversion",
    "convert",
    "from_larq",
    "keras_2",
    "to_larq",
]
