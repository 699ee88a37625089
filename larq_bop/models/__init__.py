"""The networks of the paper and the report, and the cost of a model.

`binarynet(weights="cifar10")` is trained: 60 epochs of Bop on all training images of CIFAR-10 (the
run `experiments/results/cifar10/fast`). It classifies 90.0 % of the test images correctly in
float32. Its input is bytes scaled to [-1, 1], `x / 127.5 - 1`.
"""

from larq_bop.models.binarynet import binarynet
from larq_bop.models.latent_cnn import latent_cnn
from larq_bop.models.layer_profile import LayerProfile
from larq_bop.models.model_profile import ModelProfile
from larq_bop.models.operation_profile import OperationProfile
from larq_bop.models.summary import summary
from larq_bop.models.weight_profile import WeightProfile

__all__ = [
    "LayerProfile",
    "ModelProfile",
    "OperationProfile",
    "WeightProfile",
    "binarynet",
    "latent_cnn",
    "summary",
]
