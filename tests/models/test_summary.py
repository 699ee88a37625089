"""The printed table of what a model costs."""

import keras
import pytest

from larq_bop import layers, models
from tests.models.networks import LATENT, sequential, small_network

pytestmark = pytest.mark.usefixtures("weights_of_zeros")

# The numbers are those that test_profile.py finds by hand.
LAYERS = """\
sequential: layers

               Input  Output    1-bit    2-bit   32-bit  Memory   1-bit  2-bit  32-bit
Layer           bits   shape  weights  weights  weights   (KiB)    MACs   MACs    MACs
--------------------------------------------------------------------------------------
first              -  6x6x16      432        -       16    0.12       -      -  15,552
pooling            -  3x3x16        -        -        -       -       -      -       -
normalization      -  3x3x16        -        -       32    0.12       -      -       -
second             1  3x3x32    4,608        -       32    0.69  41,472      -       -
flatten            -     288        -        -        -       -       -      -       -
third              2      10        -    2,880        -    0.70       -  2,880       -
last               -       5        -        -       55    0.21       -      -      50
--------------------------------------------------------------------------------------
Total                           5,040    2,880      135    1.85  41,472  2,880  15,602
"""
TOTALS = """\
sequential: totals

Total params                       8,055
Trainable params                   8,023
Non-trainable params               32
Model size                         1.85 KiB
Model size (8-bit FP weights)      1.45 KiB
Float-32 Equivalent                31.46 KiB
Compression Ratio of Memory        0.0587
Number of MACs                     59,954
Ratio of MACs that are binarized   0.6917
Ratio of MACs that are ternarized  0.0480
"""


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


def printed(model, **arguments):
    tables = []
    assert models.summary(model, print_fn=tables.append, **arguments) is None
    return tables


def test_the_whole_table():
    assert printed(small_network()) == [LAYERS, TOTALS]


def test_it_prints_by_default(capsys):
    models.summary(small_network())
    assert capsys.readouterr().out == f"{LAYERS}\n{TOTALS}\n"


def test_it_can_be_without_operations():
    table, totals = printed(small_network(), include_macs=False)
    assert "MACs" not in table + totals
    assert table.splitlines()[-1].split() == ["Total", "5,040", "2,880", "135", "1.85"]
    expected = [line.split() for line in TOTALS.splitlines()]
    assert [line.split() for line in totals.splitlines()] == expected[:-3]


def test_binarynet_fits_into_100_columns():
    table, totals = printed(models.binarynet())
    lines = table.splitlines()
    assert len(lines) == 5 + 24 + 2  # Each layer has one line.
    assert max(map(len, lines)) <= 100
    assert lines[-1].split() == [
        *("Total", "14,022,016", "7,700", "1,741.75", "613,427,200", "3,538,944")
    ]
    assert "Ratio of MACs that are binarized  0.9943\n" in totals


@pytest.mark.parametrize("columns", ["20", "90", "100"])
def test_long_names_are_folded_and_numbers_never_cut(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    name = "a_layer_with_[bold]_intentions_and_a_name_that_goes_on_for_longer_than_the_terminal"
    convolution = layers.QuantConv2D(1024, 3, padding="same", **LATENT, name=name)
    table, _ = printed(sequential((64, 64, 3), convolution))
    rows = [line for line in table.splitlines()[5:] if line][:-2]
    expected = ["-", "64x64x1024", "27,648", "1,024", "7.38", "113,246,208"]
    assert rows[0].split()[1:] == expected
    assert "".join(row.split()[0] for row in rows) == name
    # It does not shrink below 16 letters of a name and six numbers, two spaces apart.
    narrowest = 16 + (5 + 10 + 7 + 7 + 6 + 11) + 6 * 2
    assert max(map(len, table.splitlines())) == max(int(columns), narrowest)


def test_many_operations_are_told_in_thousands():
    convolution = layers.QuantConv2D(64, 3, padding="same", **LATENT)
    dense = keras.layers.Dense(1, use_bias=False)
    model = sequential((1024, 1024, 3), convolution, keras.layers.GlobalAveragePooling2D(), dense)
    table, totals = printed(model)
    lines = table.splitlines()
    assert lines[3].split()[-1] == "kMACs"
    assert [lines[i].split()[-1] for i in (5, 6, 7, 9)] == ["1,811,939", "-", "0", "1,811,939"]
    assert f"Number of MACs                 {1024 * 1024 * 27 * 64 + 64:,}\n" in totals


def test_what_is_not_known_is_told():
    inputs = keras.Input((None, 4), name="text")
    x = keras.layers.LSTM(3, name="memory")(keras.layers.Dense(2, name="dense")(inputs))
    outputs = keras.layers.Identity(name="pair")([x, inputs])
    table, totals = printed(keras.Model(inputs, outputs))
    # 4 * (2 + 3 + 1) * 3 weights of the memory.
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines()[5:-2]}
    assert rows == {
        "text": ["-", "?x4", "-", "-"],
        "dense": ["-", "?x2", "10", "0.04"],
        "memory": ["-", "3", "72", "0.28"],
        "pair": ["-", "3", "?x4", "-", "-"],
    }
    assert totals.endswith(
        "Number of MACs                 0\nLayers of unknown MACs         dense, memory\n"
    )


def test_a_model_without_weights():
    table, totals = printed(sequential((4,), keras.layers.ReLU(name="relu"), name="empty"))
    assert table == (
        "empty: layers\n\n"
        "       Input  Output  Memory\n"
        "Layer   bits   shape   (KiB)\n"
        "----------------------------\n"
        "relu       -       4       -\n"
        "----------------------------\n"
        "Total                      -\n"
    )
    assert "Compression Ratio of Memory    0.0000\n" in totals


def test_it_is_plain_ascii():
    """Whoever writes it to a file or a log need not think of encodings."""
    assert "".join(printed(models.latent_cnn((28, 28, 1)))).isascii()


def test_a_model_that_is_not_built_prints_nothing():
    with pytest.raises(ValueError, match=r"'chain' is not built yet.*begin it with a `keras.Input"):
        printed(keras.Sequential([keras.layers.Dense(2)], name="chain"))
