"""The networks for ImageNet: their sizes, a step of Bop, and their weights in files."""

import h5py
import keras
import numpy as np
import pytest
from keras import ops

import larq_bop as lb
from larq_bop import zoo
from larq_bop.zoo.quicknet import Blur
from tests import backends

SMALL = {"input_shape": (64, 64, 3), "num_classes": 10}

# What Larq Zoo's pages tell of the whole networks: parameters, and MiB of the weights in bits.
PUBLISHED = {
    zoo.binary_alexnet: (61_859_192, 7.49),
    zoo.xnor_net: (62_396_768, 22.81),
    zoo.bireal_net: (11_699_112, 4.03),
    zoo.quicknet: (13_234_088, 4.17),
    zoo.quicknet_small: (12_655_688, 4.00),
    zoo.quicknet_large: (23_342_248, 5.40),
}


def counted(build):
    """Returns the parameters and the bytes of a network."""
    model = build()
    if "quicknet" in model.name:
        # Its page counts two weights of a normalization, which are all that a device needs.
        profile = lb.models.ModelProfile(model)
        return profile.weight_count(), profile.memory / 8
    sizes = [
        (int(np.prod(v.shape)), 1 / 8 if lb.Bop.is_binary_variable(v) else 4) for v in model.weights
    ]
    return model.count_params(), sum(size * width for size, width in sizes)


@pytest.mark.parametrize("build", [zoo.quicknet_small, zoo.bireal_net, zoo.binary_alexnet])
def test_parameters_and_memory_are_the_published_ones(build):
    parameters, memory = counted(build)
    assert parameters == PUBLISHED[build][0]
    assert memory / 2**20 == pytest.approx(PUBLISHED[build][1], abs=0.006)


@pytest.mark.slow
@pytest.mark.parametrize("build", [zoo.quicknet, zoo.quicknet_large, zoo.xnor_net])
def test_parameters_of_the_larger_ones(build):
    test_parameters_and_memory_are_the_published_ones(build)


@pytest.mark.parametrize("latent_weights", [False, True])
def test_a_step_trains_them(latent_weights):
    model = zoo.quicknet_small(**SMALL, latent_weights=latent_weights)
    kernels = [v for v in model.trainable_variables if lb.Bop.is_binary_variable(v)]
    assert len(kernels) == 16
    bop = lb.Bop(threshold=0.0, gamma=1.0)
    adam = keras.optimizers.Adam(0.01)
    model.compile(
        adam
        if latent_weights
        else lb.CaseOptimizer((bop.is_binary_variable, bop), default_optimizer=adam),
        "sparse_categorical_crossentropy",
    )
    before = backends.snapshot(kernels)
    x = np.random.default_rng(0).standard_normal((2, 64, 64, 3)).astype("float32")
    assert np.isfinite(model.train_on_batch(x, np.arange(2)))
    after = backends.snapshot(kernels)
    assert all(np.any(a != b) for a, b in zip(after, before, strict=True))
    assert all(np.abs(kernel).max() <= (1.25 if latent_weights else 1) for kernel in after)
    assert latent_weights or all(np.all(np.abs(kernel) == 1) for kernel in after)


def larq_zoos_file(model, path, kernel=lambda value: value):
    """Writes a model's weights as Keras 2 writes them."""
    layers = [layer for layer in model.layers if layer.weights]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, weight in zip(names, layer.weights, strict=True):
                group[name] = kernel(backends.to_numpy(weight))


def test_files_of_all_kinds(tmp_path):
    model = zoo.quicknet_small(**SMALL)
    x = np.random.default_rng(0).standard_normal((2, 64, 64, 3)).astype("float32")
    expected = backends.to_numpy(model(x))
    paths = [tmp_path / name for name in ("a.h5", "b.weights.h5", "c.keras", "d.npz")]
    larq_zoos_file(model, paths[0])
    model.save_weights(paths[1])
    model.save(paths[2])
    lb.export.save_packed(model, paths[3])
    for path in paths:
        loaded = zoo.quicknet_small(**SMALL, weights=path)
        np.testing.assert_array_equal(backends.to_numpy(loaded(x)), expected)


def test_latent_kernels_become_signs_where_the_kernels_are_for_bop(tmp_path):
    latent = zoo.quicknet_small(**SMALL, latent_weights=True)
    larq_zoos_file(latent, tmp_path / "latent.h5")
    binary = zoo.quicknet_small(**SMALL, weights=tmp_path / "latent.h5")
    x = np.random.default_rng(0).standard_normal((2, 64, 64, 3)).astype("float32")
    np.testing.assert_allclose(
        backends.to_numpy(binary(x)), backends.to_numpy(latent(x)), rtol=0, atol=1e-6
    )


def test_other_files_are_refused_and_change_nothing(tmp_path):
    model = zoo.quicknet_small(**SMALL)
    before = backends.snapshot(model.weights)
    larq_zoos_file(zoo.quicknet_small((64, 64, 3), 7), tmp_path / "other.h5")
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(ValueError, match=r"The first that differ.*512, 7.*512, 10"):
        zoo.load_zoo_weights(model, tmp_path / "other.h5")
    with pytest.raises(ValueError, match="is damaged, or no file of weights"):
        zoo.load_zoo_weights(model, tmp_path / "text.h5")
    for weights in ("imagenet", tmp_path / "missing.h5"):
        with pytest.raises(ValueError, match="`weights` must be None or a file"):
            zoo.quicknet_small(**SMALL, weights=weights)
    backends.assert_identical(backends.snapshot(model.weights), before)


def test_without_the_top():
    outputs = {
        zoo.binary_alexnet: (256,),
        zoo.bireal_net: (512,),
        zoo.quicknet_small: (512,),
    }
    for build, channels in outputs.items():
        model = build((64, 64, 3), include_top=False)
        assert model.output_shape[-1:] == channels
        assert len(model.output_shape) == 4


def test_images_of_any_size():
    model = zoo.quicknet_small((None, None, 3), 10)
    assert model(np.zeros((1, 96, 64, 3), "float32")).shape == (1, 10)


def test_the_scale_of_a_filter_is_its_mean_magnitude():
    kernel = np.random.default_rng(0).standard_normal((3, 2, 4, 5)).astype("float32")
    found = backends.to_numpy(zoo.xnor_weight_scale(ops.convert_to_tensor(kernel)))
    scales = np.abs(np.clip(kernel, -1, 1)).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(found, np.sign(kernel) * scales, rtol=1e-6)


@pytest.mark.parametrize(("size", "row"), [(2, [1, 1]), (3, [1, 2, 1]), (5, [1, 4, 6, 4, 1])])
def test_blurs_are_binomial(size, row):
    window = backends.to_numpy(Blur()((size, size, 3, 1), "float32"))
    expected = np.outer(row, row) / np.sum(row) ** 2
    for channel in range(3):
        np.testing.assert_allclose(window[..., channel, 0], expected, rtol=1e-6)
