"""Data that is not there yet: downloads, and hosts that do not answer."""

import dataclasses
import shutil
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from experiments.data import load
from experiments.data import tfds as through_tfds
from experiments.data.dataset import PUBLISHED
from experiments.errors import ExperimentError
from tests.experiments.data.tiny import assert_same, tiny_builder, tree


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
        shutil.copytree(tiny_folder / "mnist" / "3.0.1", root / "mnist" / "3.0.1")
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
