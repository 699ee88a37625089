"""`same` padding with another value than 0."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class PaddedLayer(keras.layers.Layer):
    """Mixin of Keras' convolutions: `same` padding with `pad_values`.

    A zero is not a binary value: `pad_values=1.0` keeps a padded binary input binary.

    Args:
        pad_values: The value that `same` padding adds around the input.
        **kwargs: Those of the Keras parent.

    Raises:
        ValueError: for `causal` padding with another value than 0.
    """

    # Those of the Keras parent.
    padding: str
    data_format: str
    strides: tuple[int, ...]
    dilation_rate: tuple[int, ...]
    kernel_size: tuple[int, ...]

    def __init__(self, *, pad_values: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.pad_values = float(pad_values)
        if self.padding == "causal" and self.pad_values != 0:
            raise ValueError(
                f"`pad_values` must be 0 with `padding='causal'`. Received: pad_values={pad_values}"
            )

    def call(self, inputs):
        if self.padding != "same" or self.pad_values == 0:
            return super().call(inputs)
        padded = ops.pad(inputs, self._same_padding(inputs), constant_values=self.pad_values)
        return super(PaddedLayer, self._without_padding()).call(padded)

    def _without_padding(self):
        """Returns a view of this layer, with the same variables, but with `valid` padding.

        Changing `padding` of the layer itself during a call would be wrong for other calls that
        run at the same time.
        """
        other = object.__new__(type(self))
        other.__dict__.update({**self.__dict__, "padding": "valid"})
        return other

    def _same_padding(self, inputs) -> list[tuple[Any, Any]]:
        """The rows to add before and after each axis so that the output has size / stride."""
        shape = ops.shape(inputs)
        last = self.data_format == "channels_last"
        spatial = []
        for size, stride, dilation, width in zip(
            shape[1:-1] if last else shape[2:],
            self.strides,
            self.dilation_rate,
            self.kernel_size,
            strict=True,
        ):
            reach = (width - 1) * dilation + 1
            needed = (-(-size // stride) - 1) * stride + reach - size
            total = max(needed, 0) if isinstance(size, int) else ops.maximum(needed, 0)
            spatial.append((total // 2, total - total // 2))
        return [(0, 0), *spatial, (0, 0)] if last else [(0, 0), (0, 0), *spatial]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pad_values": self.pad_values}
