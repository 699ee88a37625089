"""`python -m experiments` with a checkpoint after every epoch, however short it is."""

from experiments import cli  # First: it silences TensorFlow's log.

from experiments.engine import training  # isort: skip

if __name__ == "__main__":
    training.SECONDS_BETWEEN_CHECKPOINTS = 0
    cli.app(prog_name="python -m experiments")
