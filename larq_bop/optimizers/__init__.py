"""Optimizers for binary weights, and for models that mix them with others."""

from larq_bop.optimizers.binary_optimizer import BinaryOptimizer
from larq_bop.optimizers.bop import Bop
from larq_bop.optimizers.bop_2nd_order import Bop2ndOrder
from larq_bop.optimizers.case_optimizer import CaseOptimizer

__all__ = ["BinaryOptimizer", "Bop", "Bop2ndOrder", "CaseOptimizer"]
