"""Runs of `imagenet` in one process of each host: together, alone, and such as are refused.

python -m tests.experiments.imagenet.together DATA OUT

Each host tells in OUT/told-HOST.json how it was refused, and leaves the weights of its runs in
OUT/NAME-HOST.npz. The first trains alone as well, on one device. The hosts but the first have no
folder that they could write a run to.
"""

import json
import sys
from pathlib import Path

from tests.experiments.imagenet import small  # First: it silences TensorFlow's log.

from experiments.data.stream import stored  # isort: skip
from experiments.engine import hosts  # isort: skip
from experiments.engine.checkpoint import write_variables  # isort: skip
from experiments.engine.connection import connected  # isort: skip
from experiments.engine.single import run_single  # isort: skip
from experiments.errors import ExperimentError  # isort: skip
from experiments.imagenet import runs  # isort: skip

OPTIONS = {"epochs": 3, "batch_size": 20, "image_size": 32, "gamma": 1e-2, "threshold": 1e-4}


class Watched(runs.ImagenetTraining):
    """A training that leaves the weights that each host has in the end."""

    out: Path

    def test(self):
        write_variables(self.out.with_suffix(".npz"), self.model.variables)
        return super().test()


def main(data_dir, out):
    def train(name, data=data_dir, **options):
        Watched.out = out / f"{name}-{hosts.this()}"
        run = runs.run("quicknet", "tiny", "quick", **{**OPTIONS, **options})
        folder = out / name if hosts.is_first() else Path("/dev/null/run")
        run_single(run, data, folder, load=stored)

    def refused(*arguments, **options):
        try:
            train(*arguments, **options)
        except ExperimentError as error:
            return str(error)

    small.prepare()
    runs.ImagenetTraining = Watched
    with connected():
        train("together")
        hosts.by_first(train)("alone")
        elsewhere = data_dir if hosts.is_first() else out
        told = {
            "finished": refused("together"),
            "uneven": refused("uneven", batch_size=15),
            "options": refused("options", seed=hosts.this()),
            "data": refused("data", elsewhere),
        }
        (out / f"told-{hosts.this()}.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
