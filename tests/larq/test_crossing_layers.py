"""Every layer that both sides have, across and back: equal weights, equal predictions."""

import inspect

import keras
import pytest
import tf_keras

import larq_bop as lb
from larq_bop.larq import to_larq
from tests.larq import crossings

VECTOR, SERIES, IMAGE, VOLUME = (6,), (7, 4), (8, 6, 4), (4, 5, 4, 3)
SPACES = {"1D": SERIES, "2D": IMAGE, "3D": VOLUME}
ADAPTED = {"mean": [1.0, 2.0, 3.0, 4.0], "variance": [1.0, 2.0, 3.0, 4.0]}

# A layer of Keras: the shape of its input and some of its arguments.
KERAS = [
    ("Activation", IMAGE, {"activation": "tanh"}),
    ("Activation", IMAGE, {"activation": lb.activations.leaky_tanh}),
    ("ActivityRegularization", IMAGE, {"l1": 0.1}),
    ("AlphaDropout", IMAGE, {"rate": 0.3}),
    ("BatchNormalization", IMAGE, {}),
    ("BatchNormalization", IMAGE, {"axis": 1, "epsilon": 0.1, "momentum": 0.9, "scale": False}),
    ("BatchNormalization", SERIES, {"center": False}),
    ("CenterCrop", IMAGE, {"height": 4, "width": 4}),
    ("Conv1D", SERIES, {"filters": 5, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}),
    ("Conv2D", IMAGE, {"filters": 6, "kernel_size": 3, "groups": 2, "use_bias": False}),
    ("Conv2D", IMAGE, {"filters": 5, "kernel_size": (3, 2), "data_format": "channels_first"}),
    ("Conv2D", IMAGE, {"filters": 5, "kernel_size": 3, "kernel_regularizer": "l2"}),
    ("Conv2D", IMAGE, {"filters": 5, "kernel_size": 3, "kernel_constraint": "max_norm"}),
    ("Conv2D", IMAGE, {"filters": 5, "kernel_size": 3, "kernel_initializer": "orthogonal"}),
    ("Dense", VECTOR, {"units": 3, "activation": "hard_tanh", "bias_initializer": "ones"}),
    ("Dense", SERIES, {"units": 3, "use_bias": False, "trainable": False}),
    ("Dropout", IMAGE, {"rate": 0.3, "seed": 3, "noise_shape": (None, 1, 1, 4)}),
    ("ELU", IMAGE, {"alpha": 0.5}),
    ("EinsumDense", VECTOR, {"equation": "ab,bc->ac", "output_shape": 4, "bias_axes": "c"}),
    ("Flatten", IMAGE, {"data_format": "channels_first"}),
    ("GRU", SERIES, {"units": 5, "reset_after": False}),
    ("GaussianDropout", IMAGE, {"rate": 0.3}),
    ("GaussianNoise", IMAGE, {"stddev": 0.3}),
    ("GroupNormalization", IMAGE, {"groups": 2}),
    ("Identity", IMAGE, {}),
    ("LSTM", SERIES, {"units": 5, "return_sequences": True, "go_backwards": True}),
    ("LayerNormalization", IMAGE, {}),
    ("LayerNormalization", IMAGE, {"axis": [1, 2], "scale": False}),
    ("LeakyReLU", IMAGE, {"negative_slope": 0.1}),
    ("Masking", SERIES, {"mask_value": 0.5}),
    ("Normalization", IMAGE, ADAPTED),
    ("PReLU", IMAGE, {"shared_axes": [1, 2]}),
    ("Permute", IMAGE, {"dims": (2, 1, 3)}),
    ("RandomBrightness", IMAGE, {"factor": 0.1}),
    ("RandomContrast", IMAGE, {"factor": 0.1}),
    ("RandomFlip", IMAGE, {}),
    ("RandomRotation", IMAGE, {"factor": 0.1}),
    ("RandomTranslation", IMAGE, {"height_factor": 0.1, "width_factor": 0.1}),
    ("RandomZoom", IMAGE, {"height_factor": 0.1}),
    ("ReLU", IMAGE, {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.1}),
    ("RepeatVector", VECTOR, {"n": 3}),
    ("Rescaling", IMAGE, {"scale": 1 / 127.5, "offset": -1}),
    ("Reshape", IMAGE, {"target_shape": (-1, 4)}),
    ("Resizing", IMAGE, {"height": 5, "width": 9}),
    ("Resizing", IMAGE, {"height": 5, "width": 9, "crop_to_aspect_ratio": True}),
    ("SimpleRNN", SERIES, {"units": 5}),
    ("Softmax", IMAGE, {"axis": 1}),
    ("UnitNormalization", IMAGE, {"axis": 1}),
    ("UpSampling2D", IMAGE, {"size": (2, 3), "interpolation": "bilinear"}),
    ("ZeroPadding2D", IMAGE, {"padding": ((1, 2), (0, 3)), "data_format": "channels_first"}),
]
for space, shape in SPACES.items():
    KERAS += [
        (f"Conv{space}", shape, {"filters": 5, "kernel_size": 2, "dilation_rate": 2}),
        (f"Conv{space}Transpose", shape, {"filters": 5, "kernel_size": 3, "strides": 2}),
        (f"ConvLSTM{space}", (2, *shape[:-1], 2), {"filters": 2, "kernel_size": 3}),
        (f"Cropping{space}", shape, {"cropping": 1}),
        (f"SpatialDropout{space}", shape, {"rate": 0.5}),
        (f"UpSampling{space}", shape, {"size": 2}),
        (f"ZeroPadding{space}", shape, {"padding": 1}),
    ]
    for kind in ("Average", "Max"):
        same = {"pool_size": 3, "strides": 2, "padding": "same"}
        KERAS += [
            (f"{kind}Pooling{space}", shape, same),
            (f"{kind}Pooling{space}", shape, {"pool_size": 2, "data_format": "channels_first"}),
            (f"Global{kind}Pooling{space}", shape, {"keepdims": True}),
        ]
for space in ("1D", "2D"):
    thrice = {"kernel_size": 3, "depth_multiplier": 2}
    KERAS += [
        (f"DepthwiseConv{space}", SPACES[space], {**thrice, "padding": "same"}),
        (f"SeparableConv{space}", SPACES[space], {**thrice, "filters": 5}),
    ]


@pytest.mark.parametrize(("name", "shape", "arguments"), KERAS)
def test_layers_of_keras(name, shape, arguments):
    layer = getattr(keras.layers, name)(**arguments)
    larqs, _ = crossings.assert_crosses(crossings.of_one(layer, shape))
    (there,) = larqs.layers
    assert isinstance(there, getattr(tf_keras.layers, name))
    assert there.trainable == layer.trainable


# Layers around or between others, of several inputs, or of integers.
MERGING = ["Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"]
OTHERS = {
    "Bidirectional": lambda k: k.Bidirectional(k.LSTM(3, return_sequences=True)),
    "CategoryEncoding": lambda k: k.CategoryEncoding(8, output_mode="multi_hot"),
    "Embedding": lambda k: k.Embedding(8, 3),
    "GRUCell": lambda k: k.RNN(k.GRUCell(3)),
    "Hashing": lambda k: k.Hashing(5),
    "RNN": lambda k: k.RNN([k.LSTMCell(3), k.GRUCell(2)]),
    "StackedRNNCells": lambda k: k.RNN(k.StackedRNNCells([k.SimpleRNNCell(3), k.LSTMCell(2)])),
    "TimeDistributed": lambda k: k.TimeDistributed(
        lb.layers.QuantDense(3, **crossings.sign_quantizers(lb.layers.QuantDense))
    ),
}
OF_INTEGERS = {"CategoryEncoding", "Embedding", "HashedCrossing", "Hashing"}
OF_MANY = {
    "AdditiveAttention": (keras.layers.AdditiveAttention(), SERIES),
    "Attention": (keras.layers.Attention(use_scale=True, score_mode="concat"), SERIES),
    "HashedCrossing": (keras.layers.HashedCrossing(5), (1,)),
    "Dot": (keras.layers.Dot(axes=1, normalize=True), VECTOR),
    **{name: (getattr(keras.layers, name)(), IMAGE) for name in MERGING},
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_layers_with_layers_inside_and_of_integers(make):
    layer = make(keras.layers)
    integers = type(layer).__name__ in OF_INTEGERS
    shape, dtype = ((4,), "int32") if integers else (SERIES, "float32")
    crossings.assert_crosses(crossings.of_one(layer, shape, dtype))


@pytest.mark.parametrize(("layer", "shape"), OF_MANY.values(), ids=OF_MANY)
def test_layers_of_many_inputs(layer, shape):
    dtype = "int32" if type(layer).__name__ in OF_INTEGERS else "float32"
    inputs = [keras.Input(shape, dtype=dtype), keras.Input(shape, dtype=dtype)]
    crossings.assert_crosses(crossings.randomized(keras.Model(inputs, layer(inputs))))


def test_attention_of_many_heads():
    query, value = keras.Input(SERIES), keras.Input(SERIES)
    outputs = keras.layers.MultiHeadAttention(2, 3)(query, value, use_causal_mask=True)
    crossings.assert_crosses(crossings.randomized(keras.Model([query, value], outputs)))


# Why the others of one name do not cross.
REFUSED = {
    "Discretization": "its dtype is its input's on Keras 3 and its output's on Keras 2",
    "IntegerLookup": "its `vocabulary_size` does not exist on the other side",
    "Lambda": "its function may be written for one Keras alone",
    "RandomCrop": "Keras 3 leaves images as they are",
    "SpectralNormalization": "another shape",
    "StringLookup": "its `vocabulary_size` does not exist on the other side",
    "TextVectorization": "its `",
}
NO_LAYERS = {"InputLayer", "InputSpec", "Layer", "Wrapper"}


@pytest.mark.parametrize(
    ("make", "shape", "dtype"),
    [
        (lambda k: k.Discretization([0.0, 1.0]), SERIES, "float32"),
        (lambda k: k.IntegerLookup(vocabulary=[1, 2]), (1,), "int64"),
        (lambda k: k.Lambda(abs), SERIES, "float32"),
        (lambda k: k.RandomCrop(4, 4), IMAGE, "float32"),
        (lambda k: k.SpectralNormalization(k.Conv2D(2, 3)), IMAGE, "float32"),
        (lambda k: k.StringLookup(vocabulary=["a"]), (1,), "string"),
        (lambda k: k.TextVectorization(vocabulary=["a"]), (1,), "string"),
    ],
)
def test_what_is_not_the_same_is_refused(make, shape, dtype):
    layer = make(keras.layers)
    model = keras.Sequential([keras.Input(shape, dtype=dtype), layer])
    message = f"'{layer.name}' cannot cross: .*{REFUSED[type(layer).__name__]}"
    with pytest.raises(ValueError, match=message):
        to_larq(model)


def test_every_layer_that_both_kerases_have_is_tried():
    common = {
        kind.__name__
        for name, kind in vars(tf_keras.layers).items()
        if inspect.isclass(kind) and hasattr(keras.layers, name)
    }
    inside = {"LSTMCell", "SimpleRNNCell"}
    tried = {name for name, *_ in KERAS} | {*OTHERS, *OF_MANY, *REFUSED, "MultiHeadAttention"}
    assert common - inside - NO_LAYERS == tried


ACTIVATIONS = [
    *("elu", "exponential", "gelu", "leaky_relu", "linear", "log_softmax", "mish", "relu", "relu6"),
    *("selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "swish", "tanh", "hard_tanh"),
]


def test_activations_of_one_name_are_the_same():
    inputs = keras.Input(VECTOR)
    outputs = [keras.layers.Dense(4, activation=name)(inputs) for name in ACTIVATIONS]
    crossings.assert_crosses(crossings.randomized(keras.Model(inputs, outputs)))


@pytest.mark.parametrize(
    ("activation", "message"),
    [("hard_sigmoid", "its slope is 1/6 on Keras 3 and 1/5 on"), ("celu", "Unknown activation")],
)
def test_other_activations_are_refused(activation, message):
    layer = keras.layers.Dense(2, activation=activation, name="odd")
    with pytest.raises(ValueError, match=f"'odd' cannot cross: .*{message}"):
        to_larq(keras.Sequential([keras.Input(VECTOR), layer]))
