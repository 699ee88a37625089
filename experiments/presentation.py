"""What a run shows: a bar while it trains, and a table when it is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
from rich import progress
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from experiments.folder import MODEL, PICTURE

# Paths and messages are text, whatever brackets they have.
console = Console(highlight=False, markup=False)


class ProgressBar(keras.callbacks.Callback):
    """A line an epoch and, on a terminal, one bar over all steps of the run.

    A context manager, so that the bar leaves the screen also when training fails.

    Args:
        epochs: Epochs of the whole run.
        batches: What Keras counts as batches, in an epoch.
    """

    def __init__(self, epochs: int, batches: int):
        super().__init__()
        self.epochs, self.batches = epochs, batches
        self._bar = progress.Progress(
            progress.BarColumn(bar_width=None),
            progress.TaskProgressColumn(),
            progress.TextColumn("{task.fields[numbers]}"),
            progress.TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=epochs * batches, numbers="starting")

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(self, *exception) -> None:
        self._bar.stop()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self._bar.update(
            self._task,
            completed=self._epoch * self.batches + batch + 1,
            numbers=f"epoch {self._epoch + 1}  {_numbers(logs)}",
        )

    def on_epoch_end(self, epoch, logs=None):
        width = len(str(self.epochs))
        console.print(f"epoch {epoch + 1:>{width}}/{self.epochs}  {_numbers(logs)}")


def _numbers(logs: dict[str, float]) -> str:
    shown = [f"loss {logs['loss']:.3f}", f"accuracy {logs['accuracy']:6.2%}"]
    if "val_accuracy" in logs:
        shown.append(f"validation {logs['val_accuracy']:6.2%}")
    if "flips" in logs:
        shown.append(f"flips {logs['flips']:,}")
    return "  ".join(shown)


def show_result(result: dict[str, Any], folder: Path) -> None:
    """Prints a finished run's table and where its files lie."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("test accuracy", f"{result['test_accuracy']:.2%}", style="bold")
    table.add_row("weights of epoch", f"{result['tested_epoch']} of {result['epochs']}")
    table.add_row("flips in all", f"{result['flips']:,}")
    table.add_row("binary weights", f"{result['binary_weights']:,}")
    small, large = result["bytes_with_1_bit_weights"], result["bytes_in_float32"]
    table.add_row(
        "size at 1 bit a weight", f"{decimal(small)} ({large / small:.0f} times less than float32)"
    )
    table.add_row("size in float32", decimal(large))
    console.print()
    console.print(table)
    console.print(f"\nmodel    {folder / MODEL}\npicture  {folder / PICTURE}", soft_wrap=True)
