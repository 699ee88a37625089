"""Networks for ImageNet on Keras 3, equivalent to those of Larq Zoo, with its weights or Bop's.

Three are those of the paper's section 5.3: `binary_alexnet`, `xnor_net` and `bireal_net`.
`quicknet` and its variants are the fastest networks of Larq Zoo. All have either binary kernels for
Bop or latent weights.

Their inputs are images of ImageNet in Larq Zoo's preprocessing: the middle 224x224 pixels, as RGB
values minus (123.675, 116.28, 103.53), divided by (58.395, 57.12, 57.375).
"""

from larq_bop.zoo.binary_alexnet import binary_alexnet
from larq_bop.zoo.bireal_net import bireal_net
from larq_bop.zoo.quicknet import quicknet, quicknet_large, quicknet_small
from larq_bop.zoo.weights import load_zoo_weights
from larq_bop.zoo.xnor_net import xnor_net, xnor_weight_scale

__all__ = [
    "binary_alexnet",
    "bireal_net",
    "load_zoo_weights",
    "quicknet",
    "quicknet_large",
    "quicknet_small",
    "xnor_net",
    "xnor_weight_scale",
]
