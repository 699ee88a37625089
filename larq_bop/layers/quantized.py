"""The common part of all quantized layers: quantizers for the input and the kernels."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from keras import ops

from larq_bop import activations, constraints, context, quantizers
from larq_bop.annotations import Identifier
from larq_bop.elementwise import is_float
from larq_bop.initializers import Binary
from larq_bop.layers.kernels import Kernel, QuantizedKernel
from larq_bop.metrics import LayerFlipRatio
from larq_bop.quantizers.base import marks_binary
from larq_bop.rematerialization import Rematerializable


class QuantizedLayer(Rematerializable):
    """Mixin that quantizes the input and the kernels of a Keras layer.

    `layer.kernel` is the stored variable; inside the layer's own `call`, which runs in a
    `larq_bop.context.quantized_scope`, it is the quantized value. The Keras parent therefore
    computes with quantized values, and none of its code is repeated here. A subclass declares each
    of its kernels as an attribute that is a `QuantizedKernel`.

    Args:
        input_quantizer: Quantizer of the layer's input: a name, an object or None.
        activation: A function or its name, including those of `larq_bop.activations`.
        **kwargs: The quantizer and the constraint of each kernel, by name or as objects, and the
            arguments of the Keras parent.
    """

    def __init__(
        self, *, input_quantizer: Identifier = None, activation: Identifier = None, **kwargs
    ):
        of_kernels = {
            name: quantizers.get_kernel_quantizer(kwargs.pop(name, None))
            for name in self.quantizer_arguments()
        }
        kwargs = {
            name: constraints.get(value) if name.endswith("_constraint") else value
            for name, value in kwargs.items()
        }
        super().__init__(activation=activations.get(activation), **kwargs)
        self.input_quantizer: Callable | None = quantizers.get(input_quantizer)
        for name, quantizer in of_kernels.items():
            setattr(self, name, quantizer)
        self._warn_of_starved_weights()

    @classmethod
    def _roles(cls) -> dict[str, str]:
        """The kernels' attributes, and the prefix of the arguments of each."""
        return {
            name: member.role
            for kind in reversed(cls.__mro__)
            for name, member in vars(kind).items()
            if isinstance(member, QuantizedKernel)
        }

    @classmethod
    def quantizer_arguments(cls) -> list[str]:
        """The names of the arguments that are quantizers of kernels."""
        return [f"{role}_quantizer" for role in cls._roles().values()]

    def quantizer_of(self, name: str):
        """Returns the quantizer of a weight, or None.

        Args:
            name: The weight's name: `"kernel"`, `"bias"`, `"depthwise_kernel"`, ...
        """
        role = self._roles().get(name)
        return None if role is None else getattr(self, f"{role}_quantizer")

    def _warn_of_starved_weights(self) -> None:
        for name, role in self._roles().items():
            if _binarizes(self.quantizer_of(name)) and not getattr(self, f"{role}_constraint"):
                warnings.warn(
                    f"The layer {self.name!r} binarizes its {name.replace('_', ' ')} without a "
                    f"`{role}_constraint`: latent weights beyond the quantizer's clip value get no "
                    f'gradient and never change. Pass {role}_constraint="weight_clip".',
                    stacklevel=4,
                )

    def add_weight(self, *args, **kwargs):
        quantizer = self.quantizer_of(kwargs.get("name", ""))
        if quantizer is None:
            return super().add_weight(*args, **kwargs)
        if marks_binary(quantizer):
            # The kernel is binary from the beginning, even before an optimizer is built.
            kwargs["initializer"] = Binary(kwargs["initializer"])
        # The quantizer sees the kernel in full precision, its result is cast (QuantizedKernel).
        variable = super().add_weight(*args, **{**kwargs, "autocast": False})
        variable = Kernel.of(variable, quantizer)
        if isinstance(quantizer, quantizers.Quantizer):
            self._build_quantizer(quantizer, variable.shape)
        return variable

    def _build_quantizer(self, quantizer, shape: tuple[int, ...]) -> None:
        # Its metric needs its state before the first step, which may not create variables.
        if not quantizer.built:
            quantizer.build(shape)
        if quantizer.flip_ratio is None:
            return
        if quantizer.flip_ratio.is_taken:
            raise ValueError(
                f"The quantizer {quantizer.name!r} reports the flips of one kernel: give every "
                f"kernel a quantizer of its own. Received: a second one, of the layer {self.name!r}"
            )
        quantizer.flip_ratio.is_taken = True

    @property
    def metrics(self):
        # Keras would list the metrics of a layer inside another layer twice.
        return [m for m in super().metrics if not isinstance(m, LayerFlipRatio)]

    def save_own_variables(self, store):
        """Saves the layer's variables; inside a `quantized_scope`, the quantized kernels."""
        stored: dict[str, Any] = {}
        with context.quantized_scope(False):
            super().save_own_variables(stored)
        for key, value in stored.items():
            store[key] = value.numpy() if isinstance(value, Kernel) else value

    # Keras' Layer and its Operation have two names for the first argument.
    def rematerialized_call(self, layer_call, *args, **kwargs):  # type: ignore[override]
        # A quantizer that is called twice in a step would update its metrics twice.
        if any(getattr(self.quantizer_of(name), "flip_ratio", None) for name in self._roles()):
            return layer_call
        return super().rematerialized_call(layer_call, *args, **kwargs)

    def call(self, inputs, *args, training=None, **kwargs):
        # Keras' layers cast floats only, and integers reach the quantizer before any operation.
        inputs = inputs if is_float(inputs) else ops.cast(inputs, self.compute_dtype)
        with context.training_scope(training), context.quantized_scope(True):
            if self.input_quantizer is not None:
                inputs = self.input_quantizer(inputs)
            return super().call(inputs, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        names = ["input_quantizer", *self.quantizer_arguments()]
        return {
            **super().get_config(),
            **{name: quantizers.serialize(getattr(self, name)) for name in names},
        }


class SingleKernelLayer(QuantizedLayer):
    """A quantized layer with one kernel and therefore one `kernel_quantizer`."""

    kernel = QuantizedKernel("kernel")
    kernel_quantizer: Callable | None


class AdaptableLayer(SingleKernelLayer):
    """A quantized layer with LoRA: Keras can add a product of two small matrices to its kernel."""

    def enable_lora(self, *args, **kwargs):
        """Adds trainable matrices to the kernel and freezes it, as in Keras.

        Args:
            *args: Those of the Keras parent.
            **kwargs: Those of the Keras parent.

        Raises:
            ValueError: if the kernel is marked as binary, or where the parent raises it.
        """
        if marks_binary(self.kernel_quantizer):
            raise ValueError(
                f"The layer {self.name!r} cannot enable LoRA: its kernel is marked as binary, and "
                "a sum with real numbers would not be. Quantize the sum instead, with "
                '`kernel_quantizer="ste_sign"`.'
            )
        super().enable_lora(*args, **kwargs)


def _binarizes(quantizer) -> bool:
    """Returns whether a quantizer makes one-bit values of latent weights."""
    return getattr(quantizer, "precision", None) == 1 and not isinstance(quantizer, quantizers.NoOp)
