"""The table of a model's cost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import keras
from rich import box
from rich.console import Console
from rich.table import Column, Table

from larq_bop.models.layer_profile import LayerProfile
from larq_bop.models.model_profile import ModelProfile
from larq_bop.utils import memory_as_readable_str

__all__ = ["summary"]

_KIB = 8 * 1024  # In bits.
_WIDTH = 100  # If the output is not a terminal.
_NAME_WIDTH = 16  # Longer names of layers are folded if the table is too wide.

# Two rules, below the headings and above the totals. Plain ASCII, so that it can be printed and
# written anywhere.
_RULES = box.Box("    \n    \n -- \n    \n    \n -- \n    \n    \n", ascii=True)


def summary(
    model: keras.Model, print_fn: Callable[[str], Any] | None = None, include_macs: bool = True
) -> None:
    """Prints the cost of a deployed model: weights, memory and operations.

    The first table has one row for each layer: the number of bits of an input value, the shape of
    the output without the batch, the number of weights by their bits, the memory of the weights,
    and the number of multiply-accumulate operations (MACs) of one sample by their bits, which are
    those of the wider one of input and weight. The second table has the totals: the size of the
    model, also with float weights in 8 bits and in float32, and the share of binary MACs.

    `larq_bop.models.ModelProfile` has the same numbers as data. `larq_bop.models.model_profile`
    explains which of them differ from Larq's, and why.

    Args:
        model: A built model.
        print_fn: A function that is called with each of the two tables. By default, `print`.
        include_macs: Whether operations are counted.

    Raises:
        TypeError: if `model` is not a model.
        ValueError: if it is not built.

    Example:

    >>> larq_bop.models.summary(larq_bop.models.binarynet())
    """
    profile = ModelProfile(model)
    print_fn = print if print_fn is None else print_fn
    print_fn(_layers(profile, include_macs))
    print_fn(_totals(profile, include_macs))


def _layers(profile: ModelProfile, include_macs: bool) -> str:
    bitwidths = profile.unique_param_bitwidths
    precisions = profile.unique_op_precisions if include_macs else []
    unit, units = _unit_of_macs(profile)

    def numbers(layer: LayerProfile) -> list[str]:
        macs = [layer.op_count("mac", precision) for precision in precisions]
        return [
            *(_number(layer.weight_count(bitwidth)) for bitwidth in bitwidths),
            f"{layer.memory / _KIB:,.2f}" if layer.memory else "-",
            *("?" if n is None else _number(n, unit) for n in macs),
        ]

    headings = [
        *("Input\nbits", "Output\nshape"),
        *(f"{bitwidth}-bit\nweights" for bitwidth in bitwidths),
        "Memory\n(KiB)",
        *(f"{precision}-bit\n{units}" for precision in precisions),
    ]
    columns = [
        Column("\nLayer", "Total", overflow="fold"),
        *(
            Column(heading, total, justify="right", no_wrap=True)
            for heading, total in zip(headings, ["", "", *numbers(profile)], strict=True)
        ),
    ]
    rows = [
        [layer.name, _number(layer.input_precision), _shape(layer.output_shape), *numbers(layer)]
        for layer in profile.layer_profiles
    ]
    return _printed(f"{profile.name}: layers", columns, rows)


def _totals(profile: ModelProfile, include_macs: bool) -> str:
    rows = {
        "Total params": f"{profile.weight_count():,}",
        "Trainable params": f"{profile.weight_count(trainable=True):,}",
        "Non-trainable params": f"{profile.weight_count(trainable=False):,}",
        "Model size": memory_as_readable_str(profile.memory),
        "Model size (8-bit FP weights)": memory_as_readable_str(profile.int8_fp_weights_memory),
        "Float-32 Equivalent": memory_as_readable_str(profile.fp_equivalent_memory),
        "Compression Ratio of Memory": f"{profile.compression_ratio:.4f}",
    }
    if include_macs:
        rows["Number of MACs"] = f"{profile.op_count('mac'):,}"
        for precision, name in ((1, "binarized"), (2, "ternarized")):
            if profile.op_count("mac", precision):
                rows[f"Ratio of MACs that are {name}"] = f"{profile.op_ratio(precision):.4f}"
        if profile.uncounted_layers:
            rows["Layers of unknown MACs"] = ", ".join(profile.uncounted_layers)
    return _printed(f"{profile.name}: totals", [], list(rows.items()))


def _unit_of_macs(profile: ModelProfile) -> tuple[int, str]:
    """Returns a unit in which the columns stay narrow."""
    return (1, "MACs") if (profile.op_count("mac") or 0) < 10**9 else (1000, "kMACs")


def _number(n: int | None, unit: int = 1) -> str:
    return f"{n / unit:,.0f}" if n else "-"


def _shape(shape) -> str:
    """Returns a shape as text, without the batch."""
    if isinstance(shape, list):
        return " ".join(_shape(each) for each in shape)
    if shape is None:
        return "?"
    return "x".join("?" if size == -1 else str(size) for size in shape[1:]) or "1"


def _printed(title: str, columns: list, rows: list) -> str:
    """Returns a table as text. To fit the terminal's width, only the names are folded."""
    table = Table(
        *columns,
        box=_RULES,
        padding=(0, 0, 0, 1),
        pad_edge=False,
        show_edge=False,
        show_header=bool(columns),
        show_footer=bool(columns),
    )
    for row in rows:
        table.add_row(*row)
    console = Console(
        color_system=None,
        force_terminal=False,
        force_jupyter=False,
        emoji=False,
        highlight=False,
        markup=False,
        width=10_000,
    )
    longest = max((len(row[0]) for row in rows), default=0)
    narrowest = console.measure(table).maximum - max(0, longest - _NAME_WIDTH)
    width = max(narrowest, shutil.get_terminal_size((_WIDTH, 24)).columns)
    with console.capture() as captured:
        console.print(table, width=width)
    return "\n".join([title, "", *(line.rstrip() for line in captured.get().splitlines()), ""])
