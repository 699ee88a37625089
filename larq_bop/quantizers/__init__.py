"""Quantizers: low-precision values forward, a pseudo-gradient backward.

A quantizer is a Keras layer. It is given to a layer as its `input_quantizer` or `kernel_quantizer`,
as an object or by name, or used on its own:

```python
larq_bop.layers.QuantDense(64, input_quantizer="ste_sign", kernel_quantizer="ste_sign")
larq_bop.quantizers.SteSign(clip_value=1.25)(x)
```
"""

from larq_bop.quantizers.base import NoOp, Quantizer
from larq_bop.quantizers.dorefa import DoReFa, DoReFaQuantizer
from larq_bop.quantizers.heaviside import SteHeaviside, ste_heaviside
from larq_bop.quantizers.identifiers import deserialize, get, get_kernel_quantizer, serialize
from larq_bop.quantizers.sign import (
    ApproxSign,
    MagnitudeAwareSign,
    SteSign,
    SwishSign,
    approx_sign,
    ste_sign,
    swish_sign,
)
from larq_bop.quantizers.ternary import SteTern, ste_tern

NoOpQuantizer = NoOp
"""Another name of `NoOp`, as in Larq."""

__all__ = [
    "ApproxSign",
    "DoReFa",
    "DoReFaQuantizer",
    "MagnitudeAwareSign",
    "NoOp",
    "NoOpQuantizer",
    "Quantizer",
    "SteHeaviside",
    "SteSign",
    "SteTern",
    "SwishSign",
    "approx_sign",
    "deserialize",
    "get",
    "get_kernel_quantizer",
    "serialize",
    "ste_heaviside",
    "ste_sign",
    "ste_tern",
    "swish_sign",
]
