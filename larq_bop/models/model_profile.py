"""The cost of a model as data: weights by bit width, memory, and operations by precision.

```python
profile = larq_bop.models.ModelProfile(model)
profile.memory / 8  # bytes of the deployed weights
profile.op_count("mac", precision=1)  # binary multiply-accumulate operations of one sample
for layer in profile.layer_profiles:
    print(layer.name, layer.input_precision, layer.output_shape, layer.weight_count(bitwidth=1))
```

The numbers equal those of Larq, except where Larq's are not the cost of a sample:

- A transposed convolution applies its kernel once for each pixel of its input. Larq counts the
  pixels of its output, and so gets a number that is larger by the product of the strides.
- The pointwise half of a separable convolution gets sums, which are not quantized: its operations
  have 32 bits. Larq gives them the precision of the layer's input.
- Larq does not count `Conv3D`, `Conv3DTranspose`, `DepthwiseConv1D` and their quantized versions,
  and fails for a dense layer or a batch normalization with more than two spatial axes.
- A layer without weights has 0 operations. In Larq, those of most such layers are unknown.
- The operations of a layer or model that is called several times count in each call, its weights
  count once. Larq counts one call, and no operations if the calls differ in shape.
- With `data_format="channels_first"` the pixels are on the last axes. Larq uses the two axes after
  the batch. If the size of an axis is not fixed, the operations are unknown; Larq assumes 1.
- A batch normalization inside another layer is folded like any other.
- The input precision of a functional model is that of its first layer after the input, and its
  output shapes are those of all its outputs. Larq uses the input, and the last layer.
- In a subclassed model each layer counts as called once, with the shape that it was built for, and
  weights of the model itself are counted. Larq does neither.
- A kernel whose quantizer has no precision counts as 32 bits; Larq fails for such a kernel.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras

from larq_bop.models.calls import Call, calls_of_layers, calls_when_built
from larq_bop.models.layer_profile import LayerProfile, common_output_shape

__all__ = ["ModelProfile"]


class ModelProfile(LayerProfile):
    """The weights and operations of a model, and of each of its layers.

    Numbers are sums over the layers. A weight that several layers share counts once, and unknown
    operations do not count.

    Args:
        model: A built model.
        calls: Its calls inside another model, or None for one call of this model alone.

    Attributes:
        layer_profiles: A profile of each layer, in the order of `model.layers`; a nested model has
            a `ModelProfile`. If a subclassed model has weights of its own, their profile is last.
        output_shape: The shape of the model's output, as for a layer.
        input_precision: That of the first layer after the input.
        uncounted_layers: The names of the layers whose operations are unknown.

    Raises:
        TypeError: if `model` is not a model.
        ValueError: if it is not built.
    """

    def __init__(self, model: keras.Model, calls: Sequence[Call] | None = None):
        if not isinstance(model, keras.Model):
            raise TypeError(f"`model` must be a keras.Model. Received: {model!r}")
        if calls is None and not _is_built(model):
            raise ValueError(
                f"The model {model.name!r} is not built yet, so its weights are not known. Call "
                "it on some data, or begin it with a `keras.Input`."
            )
        calls = calls_when_built(model) if calls is None else calls
        calls_inside = calls_of_layers(model)
        self.name = model.name
        self.layer_profiles: list[LayerProfile] = [
            (ModelProfile if isinstance(layer, keras.Model) else LayerProfile)(
                layer, calls_inside.get(id(layer), ())
            )
            for layer in model.layers
        ]
        own = _own_weights(model)
        if own:
            self.layer_profiles.append(LayerProfile(model, (), own))
        self.input_precision = next(
            (
                profile.input_precision
                for layer, profile in zip(model.layers, self.layer_profiles, strict=False)
                if not isinstance(layer, keras.layers.InputLayer)
            ),
            None,
        )
        self.output_shape = common_output_shape(calls)
        self.weight_profiles = list(
            {
                id(weight.weight): weight
                for profile in self.layer_profiles
                for weight in profile.weight_profiles
            }.values()
        )
        self.op_profiles = [
            dataclasses.replace(op, n=op.n * max(1, len(calls)))
            for profile in self.layer_profiles
            for op in profile.op_profiles or ()
        ]
        self.uncounted_layers: list[str] = [
            name for profile in self.layer_profiles for name in _uncounted(profile)
        ]


def _is_built(model) -> bool:
    # `model.build(shape)` marks a subclassed model as built, even if its layers are not.
    layers = model.layers
    return model.built and (
        any(layer.weights for layer in layers) or all(layer.built for layer in layers)
    )


def _uncounted(profile: LayerProfile) -> list[str]:
    if isinstance(profile, ModelProfile):
        return [f"{profile.name}/{name}" for name in profile.uncounted_layers]
    return [profile.name] if profile.op_profiles is None else []


def _own_weights(model) -> list[keras.Variable]:
    """Returns the weights of a model that do not belong to any of its layers."""
    of_layers = {id(weight) for layer in model.layers for weight in layer.weights}
    return [weight for weight in model.weights if id(weight) not in of_layers]
