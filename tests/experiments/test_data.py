import dataclasses
import os
import socket
import subprocess
import sys
import threading
import time
import warnings
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import keras
import numpy as np
import pytest

from experiments.data import Dataset, load
from experiments.data import tfds as through_tfds
from experiments.data.dataset import PUBLISHED
from experiments.errors import ExperimentError

CLOSED_PORT = "http://127.0.0.1:9/"
TRAIN_RECORDS = "mnist-train.tfrecord-00000-of-00001"


@pytest.fixture(autouse=True)
def nobody_s_home(tmp_path_factory, monkeypatch):
    """No test reads or writes the user's own folders, nor asks the user's proxy."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for variable in ("TFDS_DATA_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    return home


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def assert_same(a: Dataset, b: Dataset):
    for field in dataclasses.fields(Dataset):
        np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name))


# The data sets themselves


def test_digits_are_scikit_learn_s_1797_images():
    from sklearn.datasets import load_digits

    digits = load("digits")
    assert digits.name == "digits"
    assert digits.source.startswith("scikit-learn ")
    assert digits.num_classes == 10
    assert digits.input_shape == (8, 8, 1)
    assert digits.train_images.shape == (1437, 8, 8, 1)
    assert digits.test_images.shape == (360, 8, 8, 1)
    assert digits.train_images.dtype == digits.test_images.dtype == "uint8"
    assert digits.train_labels.dtype == digits.test_labels.dtype == "int32"

    def rows(images, labels):
        return sorted(
            (*map(int, image.ravel()), int(label))
            for image, label in zip(images, labels, strict=True)
        )

    original = load_digits()
    # The documented rounding, in integers: round(255 v / 16).
    levels = np.array([0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255])
    assert rows(
        np.concatenate([digits.train_images, digits.test_images]),
        np.concatenate([digits.train_labels, digits.test_labels]),
    ) == rows(levels[original.images.astype(int)], original.target)


def test_digits_split_is_stratified_and_fixed():
    digits = load("digits")
    # 178, 182, 177, 183, 181, 182, 181, 179, 174, 180 digits of each class, as scikit-learn tells.
    assert np.bincount(digits.test_labels).tolist() == [36, 36, 35, 37, 36, 37, 36, 36, 35, 36]
    assert_same(digits, load("digits"))


def test_digits_are_never_cached(nobody_s_home):
    load("digits", cache_dir=nobody_s_home / "cache")
    assert tree(nobody_s_home) == []


@pytest.fixture(scope="session")
def real(tfds_dir, tmp_path_factory):
    """MNIST and CIFAR-10, decoded once, and the folder in which they are cached."""
    pytest.importorskip("tensorflow_datasets")
    cache = tmp_path_factory.mktemp("cache")
    return {name: load(name, tfds_dir, cache) for name in ("mnist", "cifar10")} | {"cache": cache}


def test_mnist_is_mnist(real):
    mnist = real["mnist"]
    assert mnist.source.endswith(", mnist:3.0.1")
    assert mnist.input_shape == (28, 28, 1)
    assert mnist.train_images.shape == (60_000, 28, 28, 1)
    assert mnist.test_images.shape == (10_000, 28, 28, 1)
    assert mnist.train_images.dtype == mnist.test_images.dtype == "uint8"
    assert mnist.train_labels.dtype == mnist.test_labels.dtype == "int32"
    assert np.bincount(mnist.train_labels).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]
    assert np.bincount(mnist.test_labels).tolist() == [
        *(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    ]
    # The constants that everybody normalizes with: 0.1307 and 0.3081.
    assert mnist.train_images.mean() == pytest.approx(33.3184, abs=1e-4)
    assert mnist.train_images.std() == pytest.approx(78.5675, abs=1e-3)


def test_cifar10_is_cifar10(real):
    cifar10 = real["cifar10"]
    assert cifar10.source.endswith(", cifar10:3.0.2")
    assert cifar10.input_shape == (32, 32, 3)
    assert cifar10.train_images.shape == (50_000, 32, 32, 3)
    assert cifar10.test_images.shape == (10_000, 32, 32, 3)
    assert cifar10.train_images.dtype == cifar10.test_images.dtype == "uint8"
    assert cifar10.train_labels.dtype == cifar10.test_labels.dtype == "int32"
    assert np.bincount(cifar10.train_labels).tolist() == [5_000] * 10
    assert np.bincount(cifar10.test_labels).tolist() == [1_000] * 10
    # The constants that everybody normalizes with, in red, green, blue: the channels' order counts.
    assert cifar10.train_images.mean((0, 1, 2)) == pytest.approx([125.3, 123.0, 113.9], abs=0.06)


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_the_cache_holds_what_was_decoded(real, name):
    assert_same(load(name, cache_dir=real["cache"]), real[name])


# Errors of the caller


@pytest.mark.parametrize("name", ["cifar", "MNIST", ""])
def test_an_unknown_name_is_answered_with_the_known_ones(name):
    with pytest.raises(ExperimentError, match=f"'{name}': choose one of digits, mnist, cifar10"):
        load(name)


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_data_dir_that_is_no_folder_is_named(tmp_path, kind):
    folder = tmp_path / "data"
    if kind == "file":
        folder.touch()
    before = tree(tmp_path)
    with pytest.raises(ExperimentError, match=f"{folder}, given by --data-dir, does not exist"):
        load("mnist", data_dir=folder)
    assert tree(tmp_path) == before


def test_a_data_folder_in_the_environment_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    with pytest.raises(ExperimentError, match="data, given by TFDS_DATA_DIR, does not exist"):
        load("cifar10")
    assert tree(tmp_path) == []


# A tiny "mnist" goes through the real TensorFlow Datasets from here on


def tiny_builder(data_dir, failure=None):
    """A builder of the name and version of MNIST, with 30 training and 10 test images."""
    tfds = pytest.importorskip("tensorflow_datasets")
    with tfds.core.registered.skip_registration():

        class Mnist(tfds.core.GeneratorBasedBuilder):
            name = "mnist"
            VERSION = tfds.core.Version("3.0.1")
            pkg_dir_path = None

            def _info(self):
                features = {
                    "image": tfds.features.Image(shape=(28, 28, 1)),
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
                return tfds.core.DatasetInfo(
                    builder=self,
                    description="Noise.",
                    features=tfds.features.FeaturesDict(features),
                    supervised_keys=("image", "label"),
                )

            def _split_generators(self, dl_manager):
                # As a failing download does.
                Path(dl_manager.download_dir, "archive.gz.tmp").mkdir(parents=True)
                return {"train": self._generate_examples(30), "test": self._generate_examples(10)}

            def _generate_examples(self, count):
                noise = np.random.default_rng(count)
                for index in range(count):
                    image = noise.integers(0, 256, (28, 28, 1), "uint8")
                    yield index, {"image": image, "label": index % 10}
                if failure is not None:
                    raise failure

        return Mnist(data_dir=data_dir)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("tfds")
    tiny_builder(root).download_and_prepare()
    return root


@pytest.fixture
def tiny(monkeypatch):
    """The data set mnist is tiny, and its host does not answer."""
    pytest.importorskip("tensorflow_datasets")
    published = dataclasses.replace(PUBLISHED["mnist"], train=30, test=10, url=CLOSED_PORT)
    monkeypatch.setitem(PUBLISHED, "mnist", published)
    return published


@pytest.fixture
def tiny_copy(tiny, tiny_folder, tmp_path):
    """A data folder that a test may spoil."""
    folder = tmp_path / "tfds"
    _copy(tiny_folder / "mnist" / "3.0.1", folder / "mnist" / "3.0.1")
    return folder


def _copy(source, target):
    target.mkdir(parents=True)
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())


@pytest.fixture
def cached(tiny, tiny_folder, tmp_path):
    """The tiny data set and the file in which it is cached."""
    return load("mnist", tiny_folder, tmp_path / "cache"), tmp_path / "cache" / "mnist.npz"


def test_prepared_data_are_found_by_argument_environment_and_default(
    tiny, tiny_folder, tmp_path, nobody_s_home, monkeypatch
):
    given = load("mnist", str(tiny_folder), tmp_path / "a")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tiny_folder))
    assert_same(load("mnist", cache_dir=tmp_path / "b"), given)
    monkeypatch.setenv("TFDS_DATA_DIR", "")
    (nobody_s_home / "tensorflow_datasets").symlink_to(tiny_folder)
    assert_same(load("mnist", cache_dir=tmp_path / "c"), given)
    assert np.bincount(given.train_labels).tolist() == [3] * 10
    assert np.bincount(given.test_labels).tolist() == [1] * 10


def test_the_cache_s_place(tiny, tiny_folder, tmp_path, nobody_s_home, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    load("mnist", tiny_folder)
    assert (nobody_s_home / ".cache" / "larq_bop" / "mnist.npz").is_file()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    load("mnist", tiny_folder)
    assert tree(tmp_path / "xdg") == ["larq_bop", "larq_bop/mnist.npz"]


def test_the_cache_needs_neither_data_nor_tensorflow(cached, monkeypatch):
    dataset, path = cached
    for package in ("tensorflow", "tensorflow_datasets", "sklearn", "keras"):
        monkeypatch.setitem(sys.modules, package, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(load("mnist", cache_dir=path.parent), dataset)


def test_the_module_itself_imports_nothing_heavy():
    heavy = "{'tensorflow', 'tensorflow_datasets', 'sklearn', 'keras', 'requests'}"
    code = f"import sys, experiments.data; sys.exit(len({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _truncate(path, part=0.5):
    os.truncate(path, int(path.stat().st_size * part))


def _flip_a_pixel(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _empty(path):
    path.write_bytes(b"")


def _no_archive(path):
    path.write_bytes(b"\x93NUMPY no archive at all")


def _change(**changes):
    def spoil(path):
        with np.load(path) as archive:
            arrays = dict(archive)
        for key, change in changes.items():
            arrays[key] = change(arrays[key])
        np.savez(path, **{key: array for key, array in arrays.items() if array is not None})

    return spoil


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_truncate, "not a whole .npz file"),
        (_empty, "not a whole .npz file"),
        (_no_archive, "not a whole .npz file"),
        (_flip_a_pixel, "Bad CRC-32"),
        (_change(builder=lambda _: None), "builder"),
        (_change(builder=lambda _: "mnist:3.0.0"), "does not hold mnist:3.0.1"),
        (_change(test_labels=lambda _: None), "test_labels"),
        (_change(train_images=lambda x: x[:-1]), "train images are uint8 of shape"),
        (_change(test_images=lambda x: x[..., 0]), "test images are uint8 of shape"),
        (_change(train_images=lambda x: x / 255), "train images are float64"),
        (_change(test_labels=lambda x: x.astype("int64")), "test labels are int64"),
        (_change(train_labels=lambda x: x[:-1]), "train labels are int32 of shape"),
        (_change(train_labels=lambda x: x + 1), "not all between 0 and 9"),
        (_change(test_labels=lambda x: x - 1), "not all between 0 and 9"),
        (_change(test_labels=lambda x: x.astype("object")), "Object arrays cannot be loaded"),
    ],
)
def test_a_damaged_cache_is_named_and_replaced(cached, tiny_folder, spoil, reason):
    dataset, path = cached
    whole = path.read_bytes()
    spoil(path)
    with pytest.warns(UserWarning, match=f"{path} is damaged .*{reason}.*; it is decoded again"):
        assert_same(load("mnist", tiny_folder, path.parent), dataset)
    with np.load(path) as again:
        np.testing.assert_array_equal(again["train_images"], dataset.train_images)
    assert path.stat().st_size == len(whole)
    assert tree(path.parent) == ["mnist.npz"]


def test_every_flipped_byte_of_an_image_is_noticed(cached, tiny_folder):
    dataset, path = cached
    whole = path.read_bytes()
    start = whole.find(dataset.test_images.tobytes())
    assert start > 0
    size = dataset.test_images.nbytes
    for position in (start, start + size // 2, start + size - 1):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x80]) + whole[position + 1 :])
        with pytest.warns(UserWarning, match="Bad CRC-32"):
            assert_same(load("mnist", tiny_folder, path.parent), dataset)


def test_a_cache_below_a_file_is_done_without(tiny, tiny_folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="mnist is not cached .*: Cannot create the folder .*file"):
        dataset = load("mnist", tiny_folder, tmp_path / "file" / "cache")
    assert dataset.train_images.shape == (30, 28, 28, 1)


def test_a_cache_whose_file_is_a_folder_is_done_without(tiny, tiny_folder, tmp_path):
    (tmp_path / "mnist.npz").mkdir()
    with (
        pytest.warns(UserWarning, match=r"mnist.npz is damaged \(is a directory\)"),
        pytest.warns(UserWarning, match=r"mnist is not cached .*mnist.npz: is a directory"),
    ):
        dataset = load("mnist", tiny_folder, tmp_path)
    assert dataset.train_images.shape == (30, 28, 28, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux' /dev/full")
def test_a_cache_on_a_full_disk_is_done_without(tiny, tiny_folder, tmp_path):
    (tmp_path / "mnist.npz.tmp").symlink_to("/dev/full")
    with pytest.warns(UserWarning, match="not cached .*mnist.npz: no space left on device"):
        dataset = load("mnist", tiny_folder, tmp_path)
    assert dataset.train_images.shape == (30, 28, 28, 1)
    assert tree(tmp_path) == []


# Half-prepared data


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda f: (f / "dataset_info.json").unlink(), "dataset_info.json"),
        (lambda f: (f / "dataset_info.json").write_text("{"), "JSON"),
        (lambda f: (f / "features.json").unlink(), "Cannot restore mnist"),
        (lambda f: (f / TRAIN_RECORDS).unlink(), "No such file"),
        # In the middle of a record, and between two.
        (lambda f: _truncate(f / TRAIN_RECORDS, 0.99), "truncated record"),
        (lambda f: _truncate(f / TRAIN_RECORDS, 0.5), "only 15 elements"),
        (lambda f: _empty(f / TRAIN_RECORDS), "30 elements"),
        (lambda f: _flip_a_pixel(f / TRAIN_RECORDS), "corrupted record"),
        (lambda f: [path.unlink() for path in f.iterdir()], "dataset_info.json"),
    ],
)
def test_half_prepared_data_are_told(tiny_copy, tmp_path, spoil, reason):
    folder = tiny_copy / "mnist" / "3.0.1"
    spoil(folder)
    before = tree(tmp_path)
    with pytest.raises(ExperimentError) as caught:
        load("mnist", tiny_copy, tmp_path / "cache")
    message = str(caught.value)
    assert message.startswith(f"The prepared data in {folder} are incomplete, damaged or unread")
    assert reason in message
    assert "delete that folder and prepare it anew" in message
    assert "{{" not in message
    assert "\n" not in message
    assert tree(tmp_path) == before


def test_prepared_data_of_another_size_are_told(tiny, tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(PUBLISHED, "mnist", dataclasses.replace(tiny, test=11))
    with pytest.raises(ExperimentError, match=r"test images are uint8 of shape \(10, 28, 28, 1\)"):
        load("mnist", tiny_folder, tmp_path)
    assert tree(tmp_path) == []


@pytest.mark.parametrize("package", ["tensorflow_datasets", "tensorflow"])
def test_a_missing_package_is_told(tiny, tiny_folder, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    sentence = rf"needs {package}, .* run pip install 'larq_bop\[experiments\]'"
    with pytest.raises(ExperimentError, match=sentence):
        load("mnist", tiny_folder, tmp_path)


def test_the_log_level_of_tensorflow_is_given_back(tiny, tiny_folder, tmp_path, monkeypatch):
    seen = []
    decode = through_tfds._decode
    monkeypatch.setattr(
        through_tfds,
        "_decode",
        lambda *a: (seen.append(os.environ["TF_CPP_MIN_LOG_LEVEL"]), decode(*a))[1],
    )
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    load("mnist", tiny_folder, tmp_path / "a")
    assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")
    load("mnist", tiny_folder, tmp_path / "b")
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "1"
    assert seen == ["2", "1"]


@pytest.mark.parametrize(
    ("backend", "calls"), [("tensorflow", []), ("jax", [([], "GPU")]), ("torch", [([], "GPU")])]
)
def test_tensorflow_takes_no_gpu_from_another_backend(
    tiny, tiny_folder, tmp_path, monkeypatch, backend, calls
):
    tf = pytest.importorskip("tensorflow")
    hidden = []

    def hide(devices, kind):
        hidden.append((devices, kind))
        raise RuntimeError("TensorFlow has started.")

    monkeypatch.setattr(tf.config, "set_visible_devices", hide)
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    load("mnist", tiny_folder, tmp_path)
    assert hidden == calls


# Downloads


def test_without_network_and_data_one_sentence_says_what_to_do(tiny, tmp_path):
    start = time.monotonic()
    with pytest.raises(ExperimentError) as caught:
        load("mnist", tmp_path, tmp_path / "cache")
    assert time.monotonic() - start < 10
    assert str(caught.value) == (
        f"mnist is not prepared in {tmp_path} and 127.0.0.1 cannot be reached: prepare it there, "
        "or name the folder that holds it with --data-dir or TFDS_DATA_DIR, or connect to the "
        "network."
    )
    assert tree(tmp_path) == []


def test_without_network_the_default_folder_is_not_made(tiny, nobody_s_home):
    with pytest.raises(ExperimentError, match=f"{nobody_s_home}/tensorflow_datasets and"):
        load("mnist")
    assert tree(nobody_s_home) == []


def test_a_host_that_keeps_silent_is_given_up(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(through_tfds, "_REACH_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setitem(PUBLISHED, "mnist", dataclasses.replace(tiny, url=url))
        with pytest.raises(ExperimentError, match="cannot be reached"):
            load("mnist", tmp_path, tmp_path / "cache")


class NotFound(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


@pytest.fixture
def network(tiny, monkeypatch):
    """A host that answers, and TensorFlow Datasets that downloads the tiny data set."""
    tfds = pytest.importorskip("tensorflow_datasets")
    made = []

    def builder(name, data_dir, failure=None):
        made.append(name)
        return tiny_builder(data_dir, failure)

    monkeypatch.setattr(tfds, "builder", builder)
    with HTTPServer(("127.0.0.1", 0), NotFound) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setitem(PUBLISHED, "mnist", dataclasses.replace(tiny, url=url))
        yield made
        server.shutdown()


def test_what_is_not_prepared_is_downloaded_once(network, tmp_path, tiny_folder, nobody_s_home):
    downloaded = load("mnist", cache_dir=tmp_path / "a")
    assert network == ["mnist:3.0.1"]
    root = nobody_s_home / "tensorflow_datasets"
    assert tree(root / "mnist") == tree(tiny_folder / "mnist")
    assert [path.name for path in root.iterdir()] == ["mnist"]
    assert_same(load("mnist", cache_dir=tmp_path / "b"), downloaded)
    assert_same(load("mnist", tiny_folder, tmp_path / "c"), downloaded)
    assert network == ["mnist:3.0.1"]


@pytest.mark.parametrize("failure", [OSError("The line is dead."), KeyboardInterrupt()])
def test_a_failing_download_leaves_nothing(network, tmp_path, nobody_s_home, monkeypatch, failure):
    tfds = pytest.importorskip("tensorflow_datasets")
    made = tfds.builder
    monkeypatch.setattr(tfds, "builder", lambda *a, **k: made(*a, **k, failure=failure))
    (tmp_path / "kept").touch()
    expected = KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else ExperimentError
    for data_dir in (tmp_path, None):
        with pytest.raises(expected) as caught:
            load("mnist", data_dir, tmp_path / "cache")
        if expected is ExperimentError:
            assert "mnist could not be downloaded to" in str(caught.value)
            assert "(The line is dead)" in str(caught.value)
    assert tree(tmp_path) == ["kept"]
    assert tree(nobody_s_home) == []


def test_a_run_that_was_quicker_is_no_error(network, tiny_folder, tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    made = tfds.builder
    root = tmp_path / "tfds"
    root.mkdir()

    def builder(*args, **kwargs):
        _copy(tiny_folder / "mnist" / "3.0.1", root / "mnist" / "3.0.1")
        return made(*args, **kwargs)

    monkeypatch.setattr(tfds, "builder", builder)
    dataset = load("mnist", root, tmp_path / "cache")
    assert dataset.test_images.shape == (10, 28, 28, 1)
    assert [path.name for path in root.iterdir()] == ["mnist"]


def test_a_data_folder_that_cannot_be_written_is_told(network, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(through_tfds.tempfile, "TemporaryDirectory", refuse)
    with pytest.raises(ExperimentError, match=rf"downloaded to {tmp_path} \(permission denied\)"):
        load("mnist", tmp_path, tmp_path / "cache")
    assert tree(tmp_path) == []
