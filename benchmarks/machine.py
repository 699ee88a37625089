"""The machine that the table was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

# What decides whether bfloat16 is fast: emulated, in vectors, in matrix units.
FLAGS = ("avx512f", "avx512_bf16", "amx_bf16")


def describe(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, Any]:
    """Returns processor, cores, the flags that matter (None if unknown), memory and system.

    The load is that of the last minute: a busy machine measures nothing.
    """
    fields = _fields(cpuinfo)
    flags = fields.get("flags", "").split()
    return {
        "processor": fields.get("model name") or platform.processor() or platform.machine(),
        "cores": _cores(),
        "flags": {flag: flag in flags if flags else None for flag in FLAGS},
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
        "load": os.getloadavg()[0],
    }


def _fields(cpuinfo: Path) -> dict[str, str]:
    """Returns what is said of the first core."""
    try:
        lines = cpuinfo.read_text().partition("\n\n")[0].splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _cores() -> int:
    # Those that this process may use.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
