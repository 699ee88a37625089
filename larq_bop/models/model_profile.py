"""What a model costs, as data: weights by bit width, memory, and operations by precision.

```python
profile = larq_bop.models.ModelProfile(model)
profile.memory / 8  # bytes of the deployed weights
profile.op_count("mac", precision=1)  # binary multiply-accumulate operations of one sample
for layer in profile.layer_profiles:
    print(layer.name, layer.input_precision, layer.output_shape, layer.weight_count(bitwidth=1))
```

The numbers are Larq's, except for these, where Larq's are not what a sample costs:

- A transposed convolution applies its kernel once for each pixel of its input. Larq counts the
  pixels of its output, which are more by the product of the strides.
- The pointwise half of a separable convolution takes sums, which are not quantized: its operations
  have 32 bits. Larq gives them the precision of the layer's input.
- Larq does not count `Conv3D`, `Conv3DTranspose`, `DepthwiseConv1D` and their quantized kinds, and
  fails on a dense layer or a batch normalization of more than two spatial axes.
- A layer without weights has 0 operations. Larq does not know of most such layers.
- A layer or model that is called several times costs as much each time, and its weights count
  once. Larq counts one call, and no operations at all if the calls differ in shape.
- With `data_format="channels_first"` the pixels are on the last axes. Larq takes the two after the
  batch. Where an axis has no fixed size, operations are not known; Larq takes a size of 1.
- A batch normalization inside another layer is folded as any other is.
- The input precision of a functional model is that of its first layer after the input, and its
  output shapes are those of all its outputs. Larq asks the input, and the last layer.
- In a subclassed model each layer counts as called once, on the shape that it was built for, and
  weights of the model itself are counted. Larq knows neither.
- A quantizer that has no precision leaves 32 bits; Larq fails on such a kernel.
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

    Numbers are sums over the layers, with a weight that several share counted once, and without
    the operations that are not known.

    Args:
        model: A model that is built.
        calls: Its calls inside another model, or None for one call of the model by itself.

    Attributes:
        layer_profiles: A profile of each layer, in the order of `model.layers`; a model inside has
            a `ModelProfile`. Weights of a subclassed model itself have a profile after them.
        output_shape: The shape of the model's output, as for a layer.
        input_precision: That of the first layer after the input.
        uncounted_layers: The names of the layers whose operations are not known.

    Raises:
        TypeError: if it is no model.
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
    """Returns the weights of a model that are not those of a layer."""
    of_layers = {id(weight) for layer in model.layers for weight in layer.weights}
    return [weight for weight in model.weights if id(weight) not in of_layers]
