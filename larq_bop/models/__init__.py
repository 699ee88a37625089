"""The networks of the paper and the report."""

from larq_bop.models.binarynet import binarynet
from larq_bop.models.latent_cnn import latent_cnn

__all__ = ["binarynet", "latent_cnn"]
