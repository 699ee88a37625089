"""The cost of a layer: weights by bit width, memory, and operations by precision."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from larq_bop.models.calls import Call, calls_when_built
from larq_bop.models.operation_profile import OperationProfile, profiles_of_operations
from larq_bop.models.weight_profile import WeightProfile, profiles_of_weights

__all__ = ["LayerProfile", "common_output_shape"]

Shape = tuple[int, ...]


class LayerProfile:
    """The weights and operations of one layer.

    Args:
        layer: A built layer.
        calls: Its calls, or None for one call with the shapes that it was built for.
        weights: The weights to count, or None for all.

    Attributes:
        name: The layer's name.
        input_precision: The number of bits of an input value after `input_quantizer`, or None.
        output_shape: The shape of its output, with -1 for the batch and other unknown sizes; a list
            of shapes for several outputs; None if it is unknown or differs between calls.
        weight_profiles: Its weights. A batch normalization has two for each channel, since its four
            are folded into two when it is deployed.
        op_profiles: Its operations for one sample, or None if they are unknown.
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        calls: Sequence[Call] | None = None,
        weights: Sequence[keras.Variable] | None = None,
    ):
        calls = calls_when_built(layer) if calls is None else calls
        self.name: str = layer.name
        self.input_precision: int | None = getattr(
            getattr(layer, "input_quantizer", None), "precision", None
        )
        self.output_shape = common_output_shape(calls)
        self.weight_profiles: list[WeightProfile] = profiles_of_weights(layer, weights)
        self.op_profiles: list[OperationProfile] | None = profiles_of_operations(
            layer, calls, self.weight_profiles
        )

    @property
    def memory(self) -> int:
        """The number of bits of the deployed weights."""
        return sum(weight.memory for weight in self.weight_profiles)

    @property
    def int8_fp_weights_memory(self) -> int:
        """The number of bits of the deployed weights, if none had more than 8 bits."""
        return sum(weight.int8_fp_weights_memory for weight in self.weight_profiles)

    @property
    def fp_equivalent_memory(self) -> int:
        """The number of bits of the weights in float32."""
        return sum(weight.fp_equivalent_memory for weight in self.weight_profiles)

    @property
    def compression_ratio(self) -> float:
        """`memory` divided by `fp_equivalent_memory`; 0 without weights."""
        return self.memory / max(1, self.fp_equivalent_memory)

    def weight_count(self, bitwidth: int | None = None, trainable: bool | None = None) -> int:
        """Returns the number of weights.

        Args:
            bitwidth: Count only weights with this number of bits; None counts all.
            trainable: Count only trainable (True) or only other weights (False); None counts all.
        """
        return sum(
            weight.count
            for weight in self.weight_profiles
            if bitwidth in (None, weight.bitwidth) and trainable in (None, weight.trainable)
        )

    def op_count(self, op_type: str = "mac", precision: int | None = None) -> int | None:
        """Returns the number of operations for one sample, or None if it is unknown.

        Args:
            op_type: `"mac"`, multiply-accumulate operations.
            precision: Count only operations with this number of bits, the larger one of input and
                weight; None counts all.

        Raises:
            ValueError: for another type of operation.
        """
        if op_type != "mac":
            raise ValueError(f"`op_type` must be 'mac': no others are counted. Received: {op_type}")
        if self.op_profiles is None:
            return None
        return sum(op.n for op in self.op_profiles if precision in (None, op.precision))

    def op_ratio(self, precision: int) -> float:
        """Returns the part of the multiply-accumulate operations that has a precision.

        Args:
            precision: The bits: 1 for binary operations, 2 for ternary ones.
        """
        return (self.op_count("mac", precision) or 0) / max(1, self.op_count("mac") or 0)

    @property
    def unique_param_bitwidths(self) -> list[int]:
        """The bit widths that weights have, ascending."""
        return sorted({weight.bitwidth for weight in self.weight_profiles})

    @property
    def unique_param_bidtwidths(self) -> list[int]:
        """Larq's spelling of `unique_param_bitwidths`."""
        return self.unique_param_bitwidths

    @property
    def unique_op_precisions(self) -> list[int]:
        """The precisions that operations have, ascending."""
        return sorted({op.precision for op in self.op_profiles or ()})


def common_output_shape(calls: Sequence[Call]) -> Shape | list[Shape] | None:
    """Returns the shape of the output if it is the same in all calls, else None.

    Args:
        calls: Calls of a layer or model.

    Returns:
        A shape with -1 for unknown sizes, or a list of shapes for several outputs.
    """
    shapes = {call.output_shapes for call in calls}
    if len(shapes) != 1:
        return None
    closed = [tuple(-1 if size is None else size for size in shape) for shape in shapes.pop()]
    return closed[0] if len(closed) == 1 else closed
