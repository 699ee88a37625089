"""Runs an example of docs/examples, and is killed in the midst of a batch.

python -m tests.victim EXAMPLE BATCHES [OPTION]...
"""

import os
import runpy
import signal
import sys


def main(example, batches, *options):
    functions = runpy.run_path(example)
    keras = functions["keras"] if "keras" in functions else functions["tf"].keras
    begun = []

    def begin(batch, logs):
        begun.append(batch)
        if len(begun) > int(batches):
            os.kill(os.getpid(), signal.SIGKILL)

    functions["main"](options, [keras.callbacks.LambdaCallback(on_train_batch_begin=begin)])


if __name__ == "__main__":
    main(*sys.argv[1:])
