"""`larq-bop convert` and `python -m larq_bop.larq convert`, as a user types them."""

import configparser
import os
import pkgutil
import subprocess
import sys

import keras
import pytest

import larq_bop as lb
from larq_bop.larq import __main__ as command
from tests import backends

larq_compute_engine = pytest.importorskip(
    "larq_compute_engine", reason="Larq Compute Engine is not installed"
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("command") / "model.keras"
    lb.models.latent_cnn((18, 18, 1)).save(path)
    return path


def test_it_converts_a_file_and_reports(saved, tmp_path, capfd):
    out = tmp_path / "model.tflite"
    assert command.main(["convert", str(saved), str(out)]) == 0
    printed = capfd.readouterr()
    assert printed.out.splitlines()[:2] == [str(out), "  binary operators  4"]
    assert printed.err == ""
    assert out.stat().st_size < 40_000


def test_it_hands_options_on(saved, tmp_path, capfd):
    given = ["--target", "xcore", "--input-unit", "1/255", "--inference-output-type", "float32"]
    arguments = ["convert", str(saved), str(tmp_path / "model.tflite"), *given]
    assert command.main(arguments) == 0
    assert "signs of float32" not in capfd.readouterr().out
    assert command.main([*arguments, "--inference-input-type", "int8"]) == 1
    assert "with inference_input_type=int8: int8 needs" in capfd.readouterr().err


@pytest.mark.parametrize("unit", ["1/0", "1e999", "byte", "-1", "0", "nan"])
def test_invalid_input_units_are_refused(saved, tmp_path, capfd, unit):
    arguments = ["convert", str(saved), str(tmp_path / "model.tflite"), f"--input-unit={unit}"]
    if unit in ("-1", "0"):
        assert command.main(arguments) == 1
        assert "Expected `input_unit` to be positive" in capfd.readouterr().err
    else:
        with pytest.raises(SystemExit):
            command.main(arguments)
        assert "--input-unit: invalid" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_range_of_int8(tmp_path):
    path, out = tmp_path / "model.keras", tmp_path / "model.tflite"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save(path)
    given = ["--experimental-default-int8-range", "-2", "2", "--inference-input-type", "int8"]
    with pytest.warns(UserWarning, match="latency tests"):
        assert command.main(["convert", str(path), str(out), *given]) == 0
    interpreter = larq_compute_engine.testing.Interpreter(out.read_bytes())
    assert interpreter.input_scales == [pytest.approx(4 / 255)]


@pytest.mark.parametrize(
    ("model", "out", "message"),
    [
        ("nothing.keras", "model.tflite", "There is no model at "),
        ("text.keras", "model.tflite", "cannot be loaded as a model"),
        ("{saved}", "missing/folder/model.tflite", "There is no folder "),
    ],
)
def test_mistakes_are_told_in_a_sentence(saved, tmp_path, capfd, model, out, message):
    (tmp_path / "text.keras").write_text("no model")
    paths = [str(tmp_path / model.format(saved=saved)), str(tmp_path / out)]
    assert command.main(["convert", *paths]) == 1
    printed = capfd.readouterr()
    assert message in printed.err
    assert len(printed.err.splitlines()) == 1
    assert printed.out == ""


@pytest.mark.filterwarnings("ignore:Saved-model conversion failed")
def test_where_the_engine_fails_what_it_printed_is_shown(tmp_path, capfd):
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((5, 4)), keras.layers.LSTM(3)]).save(path)
    assert command.main(["convert", str(path), str(tmp_path / "model.tflite")]) == 1
    printed = capfd.readouterr().err
    assert "error: failed to legalize operation" in printed
    assert printed.splitlines()[-1].startswith("Larq Compute Engine cannot convert the model")


MODULE = ("-m", "larq_bop.larq")
# What an installed `larq-bop` is.
SCRIPT = ("-c", "import sys; from larq_bop.larq.__main__ import run; sys.exit(run())")


def run(*arguments, how=MODULE, **changes):
    environment = {**os.environ, "PYTHONPATH": str(backends.ROOT), **changes}
    environment = {name: value for name, value in environment.items() if value is not None}
    return subprocess.run(
        [sys.executable, *how, *map(str, arguments)],
        env=environment,
        cwd=backends.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("how", [MODULE, SCRIPT], ids=["module", "script"])
def test_it_needs_no_environment_variable(saved, tmp_path, how):
    done = run("convert", saved, tmp_path / "model.tflite", how=how, TF_USE_LEGACY_KERAS=None)
    assert done.returncode == 0, done.stderr
    assert "  binary operators  4" in done.stdout.splitlines()
    assert (tmp_path / "model.tflite").exists()


def test_the_console_script_is_this_command():
    declared = configparser.ConfigParser()
    declared.read(backends.ROOT / "setup.cfg")
    name, _, entry = declared["options.entry_points"]["console_scripts"].strip().partition(" = ")
    assert name == "larq-bop"
    assert pkgutil.resolve_name(entry) is command.run


@pytest.mark.slow
def test_without_keras_2_the_command_says_why():
    done = run("convert", "a", "b", TF_USE_LEGACY_KERAS="0")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported."
    )
    assert "Traceback" not in done.stderr
