"""The progress of a training on the terminal."""

from __future__ import annotations

import keras
from rich import progress
from rich.console import Console

# Brackets in paths and messages are not markup.
console = Console(highlight=False, markup=False)


class ProgressBar(keras.callbacks.Callback):
    """Prints one line for each epoch and, on a terminal, shows a bar over all epochs.

    It is a context manager, so that the bar disappears also when training fails.

    Args:
        epochs: The number of epochs.
        batches: The number of batches in an epoch, as Keras counts them.
        held_out: The name of the images on which each epoch is evaluated.
    """

    def __init__(self, epochs: int, batches: int, held_out: str = "validation"):
        super().__init__()
        self.epochs, self.batches, self.held_out = epochs, batches, held_out
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
            numbers=f"epoch {self._epoch + 1}  {self._numbers(logs)}",
        )

    def on_epoch_end(self, epoch, logs=None):
        width = len(str(self.epochs))
        console.print(f"epoch {epoch + 1:>{width}}/{self.epochs}  {self._numbers(logs)}")

    def _numbers(self, logs: dict[str, float]) -> str:
        shown = [f"loss {logs['loss']:.3f}", f"accuracy {logs['accuracy']:6.2%}"]
        if "val_accuracy" in logs:
            shown.append(f"{self.held_out} {logs['val_accuracy']:6.2%}")
        if "flips" in logs:
            shown.append(f"flips {logs['flips']:,}")
        return "  ".join(shown)
