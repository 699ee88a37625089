"""Layers in another precision."""

from __future__ import annotations

from typing import Any

__all__ = ["in_float32", "with_dtype"]


def with_dtype(config: dict[str, Any], dtype: str) -> dict[str, Any]:
    """Returns a layer's config with another dtype policy, also for the quantizers inside.

    Args:
        config: The config of a layer of Keras 3 or Keras 2.
        dtype: The dtype policy that replaces all others for floats.
    """
    changed = {}
    for name, value in config.items():
        if name == "dtype":
            now = value["config"]["name"] if isinstance(value, dict) else value
            changed[name] = dtype if "float" in (now or "float") else value
        elif isinstance(value, dict):
            changed[name] = with_dtype(value, dtype)
    return {**config, **changed}


def in_float32(part):
    """Returns a layer like the one given, in float32 and without its weights."""
    return type(part).from_config(with_dtype(part.get_config(), "float32"))
