"""A replacement, on Keras 2, for an initializer that only Keras 3 has."""

from __future__ import annotations

import tf_keras

__all__ = ["StandIn"]


@tf_keras.saving.register_keras_serializable(package="larq_bop")
class StandIn(tf_keras.initializers.GlorotUniform):
    """`larq_bop.initializers.StandIn` on Keras 2.

    Args:
        was: The name of the replaced initializer.
    """

    def __init__(self, was: str):
        super().__init__()
        self.was = was

    def get_config(self) -> dict[str, str]:
        return {"was": self.was}
