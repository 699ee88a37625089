"""A description of the machine on which the table is measured."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

# They determine how fast bfloat16 is: emulated, in vector instructions, or in matrix units.
FLAGS = ("avx512f", "avx512_bf16", "amx_bf16")


def describe(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, Any]:
    """Returns processor, cores, `FLAGS` (None if unknown), memory in bytes, system and load.

    The load is the average of the last minute. On a busy machine the measurements mean little.

    Args:
        cpuinfo: The file in which Linux describes the processor.
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
    """Returns the fields of the first core in a file such as `/proc/cpuinfo`."""
    try:
        lines = cpuinfo.read_text().partition("\n\n")[0].splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _cores() -> int:
    # Only those that this process may use.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
