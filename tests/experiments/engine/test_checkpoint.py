import contextlib
import json
import os
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

from experiments.engine.checkpoint import Checkpoints, Progress
from experiments.errors import ExperimentError
from tests.backends import to_numpy


def variables(*values):
    return [keras.Variable(np.float32(v), name=f"v{i}") for i, v in enumerate(values)]


def progress(epoch, best_epoch=None):
    rows = [{"epoch": i + 1, "loss": 0.1 * (i + 1), "flips": i} for i in range(epoch)]
    best_loss = None if best_epoch is None else 0.1
    return Progress(epoch, rows, best_epoch, best_loss, seconds=1.5 * epoch)


@pytest.fixture
def saved(tmp_path):
    """Three epochs, of which the second is the best; epoch n holds the values n and 10 n."""
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    for epoch in (1, 2, 3):
        values = variables([epoch, -epoch], 10 * epoch)
        best = values[:1] if epoch < 3 else None
        checkpoints.save(progress(epoch, min(epoch, 2)), values, best)
    return checkpoints


def load(checkpoints):
    state = variables([0, 0], 0)
    return checkpoints.load(state), [to_numpy(v).tolist() for v in state]


def test_nothing_saved_is_no_progress(tmp_path):
    assert Checkpoints(tmp_path / "none").load(variables(0)) is None


def test_the_last_epoch_comes_back_exactly(saved):
    assert load(saved) == (progress(3, 2), [[3, -3], 30])


def test_the_best_weights_come_back(saved):
    network = variables([0, 0])
    saved.load_best(progress(3, 2), network)
    np.testing.assert_array_equal(to_numpy(network[0]), [2, -2])


def test_two_epochs_and_the_best_are_kept(saved):
    names = sorted(path.name for path in saved.folder.iterdir())
    expected = ["best-00002.npz"]
    expected += [f"epoch-{n:05}.{end}" for n in (2, 3) for end in ("json", "npz")]
    assert names == expected


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, lambda path: path.unlink()])
def test_damaged_values_are_named_and_the_epoch_before_is_used(saved, damage):
    damage(saved.folder / "epoch-00003.npz")
    with pytest.warns(UserWarning, match=r"epoch-00003.*damaged.*epoch-00003\.npz"):
        assert load(saved) == (progress(2, 2), [[2, -2], 20])


@pytest.mark.parametrize("damage", [truncate, flip_a_bit])
def test_a_damaged_record_is_named_and_the_epoch_before_is_used(saved, damage):
    damage(saved.folder / "epoch-00003.json")
    with pytest.warns(UserWarning, match=r"epoch-00003\.json is damaged"):
        assert load(saved) == (progress(2, 2), [[2, -2], 20])


def test_a_changed_number_in_a_record_is_noticed(saved):
    record = saved.folder / "epoch-00003.json"
    content = json.loads(record.read_text())
    content["body"]["progress"]["best_loss"] = 0.05
    record.write_text(json.dumps(content))
    with pytest.warns(UserWarning, match="its checksum is wrong"):
        assert load(saved)[0].epoch == 2


def test_only_damaged_checkpoints_are_refused(saved):
    for path in saved.folder.glob("epoch-*.npz"):
        truncate(path)
    with (
        pytest.warns(UserWarning, match="damaged"),
        pytest.raises(ExperimentError, match=r"All checkpoints in .* are damaged.*--overwrite"),
    ):
        load(saved)


def test_a_damaged_best_is_noticed_when_training_goes_on(saved):
    truncate(saved.folder / "best-00002.npz")
    with (
        pytest.warns(UserWarning, match=r"best-00002\.npz is wrong"),
        pytest.raises(ExperimentError, match="All checkpoints"),
    ):
        load(saved)


def test_leftovers_of_a_kill_are_ignored_and_cleared(saved):
    (saved.folder / "epoch-00004.npz").write_bytes(b"whole, but without its record")
    (saved.folder / "epoch-00004.json.tmp").write_bytes(b"half")
    assert load(saved)[0].epoch == 3
    saved.save(progress(4, 2), variables([4, -4], 40))
    assert not (saved.folder / "epoch-00004.json.tmp").exists()
    assert load(saved) == (progress(4, 2), [[4, -4], 40])


def test_variables_of_another_network_are_refused(saved):
    others = variables([0, 0, 0], 0)
    with (
        pytest.warns(UserWarning, match="another network"),
        pytest.raises(ExperimentError, match="All checkpoints"),
    ):
        saved.load(others)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    checkpoints = Checkpoints(tmp_path / "file" / "checkpoints")
    with pytest.raises(ExperimentError, match=r"Cannot create the folder .*file/checkpoints"):
        checkpoints.save(progress(1), variables(0))


def test_a_folder_among_the_checkpoints_is_left_alone(saved):
    (saved.folder / "epoch-00002.json").unlink()
    (saved.folder / "epoch-00002.json").mkdir()
    (saved.folder / "mine").mkdir()
    saved.save(progress(4, 2), variables([4, -4], 40))
    assert load(saved) == (progress(4, 2), [[4, -4], 40])
    assert (saved.folder / "mine").is_dir()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nothing")])
@pytest.mark.parametrize("name", ["epoch-00003.npz", "epoch-00003.json", "best-00002.npz"])
def test_a_checkpoint_that_is_no_file_is_named(saved, name, make):
    (saved.folder / name).unlink()
    make(saved.folder / name)
    if name.startswith("best"):
        with (
            pytest.warns(UserWarning, match="damaged"),
            pytest.raises(ExperimentError, match="All checkpoints"),
        ):
            load(saved)
        return
    with pytest.warns(UserWarning, match="epoch-00003.*damaged"):
        assert load(saved)[0].epoch == 2
    with contextlib.suppress(ExperimentError):  # A folder cannot be replaced by a file.
        saved.save(progress(3, 2), variables([3, -3], 30))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert load(saved)[0].epoch in (2, 3)
