"""larq_bop, Keras' Adam for the size of its state, and NumPy's pass over the same memory."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import tensorflow as tf

import larq_bop as lb
from benchmarks.contestants import protocol
from benchmarks.contestants.fitting import seconds_of_fit
from experiments.data.batches import Batches
from experiments.data.preprocessing import on_bytes

LOSS = "sparse_categorical_crossentropy"


def training(data, precision, batch_size, filters, counting=True):
    """Trains binarynet with Bop on augmented images; measures seconds per step."""
    keras.config.set_dtype_policy(precision)
    bop = (lb.Bop if counting else UncountedBop)(threshold=1e-8, gamma=1e-4)
    optimizer = lb.CaseOptimizer(
        (lb.Bop.is_binary_variable, bop),
        default_optimizer=keras.optimizers.Adam(0.01),
    )
    return _training(_binarynet(filters), optimizer, data, batch_size, augment=True)


def latent_cnn(data, precision, batch_size):
    """Trains the network with latent weights with Adam; measures seconds per step."""
    keras.config.set_dtype_policy(precision)
    network = lb.models.latent_cnn((32, 32, 3))
    return _training(network, keras.optimizers.Adam(1e-3), data, batch_size, augment=False)


def _training(network, optimizer, data, batch_size, augment):
    model = on_bytes(network, augment)
    model.compile(optimizer=optimizer, loss=LOSS)
    batches = _endless(*protocol.read_images(data), batch_size, augment)
    return lambda steps: seconds_of_fit(model, batches, keras.callbacks.LambdaCallback, steps)


def _endless(images, labels, batch_size, augment):
    """Returns endless shuffled batches through `tf.data`, as for Larq."""
    everything = Batches(images, labels, len(images), augment, seed=0)[0]
    batches = tf.data.Dataset.from_tensor_slices(everything).repeat()
    return batches.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


class UncountedBop(lb.Bop):
    """Bop that does not count flips and non-finite gradients: the compiler removes the counting.

    The weights are updated as by `Bop`.
    """

    def _new_weight(self, *args):
        weight, *masks = super()._new_weight(*args)
        return weight, *(keras.ops.zeros_like(mask) for mask in masks)


def update(filters):
    """Updates binarynet's weights with Bop, for given gradients; measures seconds per update."""
    weights = _binary_weights(filters)
    optimizer = lb.Bop(threshold=1e-8, gamma=1e-4)
    optimizer.build(weights)
    gradients = [tf.random.normal(weight.shape, stddev=1e-3) for weight in weights]
    apply = tf.function(lambda: optimizer.apply(gradients, weights))

    def step():
        apply()
        int(optimizer.iterations.numpy())

    return lambda steps: protocol.seconds_of(step, steps)


def numpy_pass(filters):
    """Passes with two threads over the memory of Bop's update; measures seconds per pass.

    That is 20 bytes for each weight: gradient, average and weight are read, average and weight are
    written.
    """
    n = sum(int(np.prod(weight.shape)) for weight in _binary_weights(filters))
    draw = np.random.default_rng(0)
    gradient = draw.standard_normal(n, dtype="float32")
    average, weight = np.zeros(n, "float32"), np.ones(n, "float32")
    halves = slice(n // 2), slice(n // 2, n)
    pool = ThreadPoolExecutor(len(halves))

    def pass_over(half):
        np.add(gradient[half], average[half], out=average[half])
        np.negative(weight[half], out=weight[half])

    return lambda steps: protocol.seconds_of(lambda: list(pool.map(pass_over, halves)), steps)


def state(optimizer, filters):
    """Measures an optimizer's state in bytes per binary weight; scalars do not count."""
    weights = _binary_weights(filters)
    made = {"bop": lb.Bop, "adam": keras.optimizers.Adam}[optimizer]()
    made.build(weights)
    arrays = [v.numpy() for v in made.variables if len(v.shape)]
    n = sum(int(np.prod(weight.shape)) for weight in weights)
    return lambda steps: [sum(array.nbytes for array in arrays) / n]


def _binarynet(filters):
    return lb.models.binarynet(filters=filters, dense_units=8 * filters)


def _binary_weights(filters):
    return [w for w in _binarynet(filters).trainable_weights if lb.Bop.is_binary_variable(w)]


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    protocol.serve(
        {
            "training": training,
            "latent-cnn": latent_cnn,
            "update": update,
            "numpy-pass": numpy_pass,
            "state": state,
        },
        {
            "larq_bop": lb.__version__,
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
        },
    )
