"""What models cost, against hand arithmetic."""

import keras
import pytest

from larq_bop import layers, models, quantizers
from larq_bop.models import LayerProfile, ModelProfile
from tests.models.networks import LATENT, Network, sequential, small_network

FIRST = {"data_format": "channels_first"}

pytestmark = pytest.mark.usefixtures("weights_of_zeros")


def profile_of(shape, layer):
    """The profile of a layer that is alone in a model."""
    (profile,) = ModelProfile(sequential(shape, layer)).layer_profiles
    return profile


# Name: bits of the input, shape, weights by bits, operations by bits.
SMALL_NETWORK = {
    # (8 - 3 + 1)^2 pixels, 3x3 kernels for 3 channels.
    "first": (None, (-1, 6, 6, 16), {1: 9 * 3 * 16, 32: 16}, {32: 36 * 9 * 3 * 16}),
    "pooling": (None, (-1, 3, 3, 16), {}, {}),
    # beta folds into moving_mean.
    "normalization": (None, (-1, 3, 3, 16), {32: 2 * 16}, {}),
    "second": (1, (-1, 3, 3, 32), {1: 9 * 16 * 32, 32: 32}, {1: 9 * 9 * 16 * 32}),
    "flatten": (None, (-1, 288), {}, {}),
    "third": (2, (-1, 10), {2: 288 * 10}, {2: 288 * 10}),
    "last": (None, (-1, 5), {32: 10 * 5 + 5}, {32: 10 * 5}),
}
WEIGHTS = {1: 432 + 4608, 2: 2880, 32: 16 + 32 + 32 + 55}
MACS = {1: 41_472, 2: 2880, 32: 15_552 + 50}


def test_every_layer_of_a_small_network():
    profiles = ModelProfile(small_network()).layer_profiles
    assert [profile.name for profile in profiles] == list(SMALL_NETWORK)
    for profile in profiles:
        precision, shape, weights, operations = SMALL_NETWORK[profile.name]
        assert profile.input_precision == precision
        assert profile.output_shape == shape
        assert profile.unique_param_bitwidths == profile.unique_param_bidtwidths == list(weights)
        assert {bits: profile.weight_count(bits) for bits in weights} == weights
        assert profile.weight_count() == sum(weights.values())
        assert profile.memory == sum(bits * count for bits, count in weights.items())
        assert profile.fp_equivalent_memory == 32 * sum(weights.values())
        assert profile.unique_op_precisions == list(operations)
        assert {bits: profile.op_count("mac", bits) for bits in operations} == operations
        assert profile.op_count() == sum(operations.values())


def test_totals_of_a_small_network():
    profile = ModelProfile(small_network())
    total, macs = sum(WEIGHTS.values()), sum(MACS.values())
    assert (total, macs) == (8_055, 59_954)
    assert profile.name == "sequential"
    assert profile.unique_param_bitwidths == profile.unique_op_precisions == [1, 2, 32]
    assert {bits: profile.weight_count(bits) for bits in WEIGHTS} == WEIGHTS
    assert profile.weight_count() == total
    assert profile.weight_count(trainable=False) == 2 * 16
    assert profile.weight_count(trainable=True) == total - 32
    assert profile.weight_count(32, trainable=True) == 16 + 32 + 55
    assert profile.memory == 5040 + 2 * 2880 + 32 * 135
    assert profile.int8_fp_weights_memory == 5040 + 2 * 2880 + 8 * 135
    assert profile.fp_equivalent_memory == 32 * total
    assert profile.compression_ratio == pytest.approx(15_120 / 257_760)
    assert {bits: profile.op_count("mac", bits) for bits in MACS} == MACS
    assert profile.op_count() == macs
    assert profile.op_ratio(1) == pytest.approx(41_472 / 59_954)
    assert profile.op_ratio(4) == 0
    assert profile.output_shape == (-1, 5)
    assert profile.input_precision is None
    assert profile.uncounted_layers == []


def test_binarynet_has_the_papers_14_million_binary_weights():
    profile = ModelProfile(models.binarynet())
    assert profile.weight_count(1) == 14_022_016
    # Mean and variance of each channel.
    assert profile.weight_count(32) == 2 * (2 * 128 + 2 * 256 + 2 * 512 + 2 * 1024 + 10)
    assert profile.op_count("mac", 32) == 32 * 32 * 9 * 3 * 128
    convolutions = 32**2 * 128**2 + 16**2 * (128 + 256) * 256 + 8**2 * (256 + 512) * 512
    dense = 8192 * 1024 + 1024 * 1024 + 1024 * 10
    assert profile.op_count("mac", 1) == 9 * convolutions + dense


# Operations: a shape, a layer, how often its kernel is applied and how large that is.
OPERATIONS = [
    ((7,), lambda: keras.layers.Dense(5), 1, 7 * 5),
    ((3, 7), lambda: layers.QuantDense(5), 3, 7 * 5),
    ((4, 3, 2, 7), lambda: keras.layers.Dense(5), 4 * 3 * 2, 7 * 5),
    ((9, 3), lambda: keras.layers.Conv1D(4, 3, strides=2), 4, 3 * 3 * 4),
    ((9, 3), lambda: layers.QuantConv1D(4, 3, padding="causal"), 9, 3 * 3 * 4),
    ((7, 5, 4), lambda: layers.QuantConv2D(6, (3, 2)), 5 * 4, 6 * 4 * 6),
    ((7, 5, 4), lambda: keras.layers.Conv2D(6, 3, groups=2), 5 * 3, 9 * 2 * 6),
    ((7, 5, 4), lambda: keras.layers.Conv2D(6, 3, dilation_rate=2), 3 * 1, 9 * 4 * 6),
    ((5, 4, 3, 2), lambda: layers.QuantConv3D(2, 2, padding="same"), 5 * 4 * 3, 8 * 2 * 2),
    ((9, 3), lambda: keras.layers.DepthwiseConv1D(3), 7, 3 * 3),
    ((7, 5, 4), lambda: layers.QuantDepthwiseConv2D(3, depth_multiplier=2), 5 * 3, 9 * 4 * 2),
    ((9, 3), lambda: layers.QuantSeparableConv1D(4, 3), 7, 3 * 3 + 3 * 4),
    ((7, 5, 4), lambda: keras.layers.SeparableConv2D(6, 3), 5 * 3, 9 * 4 + 4 * 6),
    ((9, 3), lambda: keras.layers.Conv1DTranspose(4, 3, strides=2), 9, 3 * 3 * 4),
    ((7, 5, 4), lambda: layers.QuantConv2DTranspose(6, 3, strides=3), 7 * 5, 9 * 4 * 6),
    ((5, 4, 3, 2), lambda: layers.QuantConv3DTranspose(2, 2), 5 * 4 * 3, 8 * 2 * 2),
    ((3, 9), lambda: layers.QuantConv1D(4, 3, **FIRST), 7, 3 * 3 * 4),
    ((4, 7, 5), lambda: layers.QuantConv2D(6, (3, 2), **FIRST), 5 * 4, 6 * 4 * 6),
    ((4, 7, 5), lambda: keras.layers.Conv2DTranspose(6, 3, **FIRST), 7 * 5, 9 * 4 * 6),
]


@pytest.mark.parametrize(("shape", "make", "positions", "kernel"), OPERATIONS)
def test_operations(shape, make, positions, kernel):
    layer = make()
    assert profile_of(shape, layer).op_count("mac", 32) == positions * kernel
    assert LayerProfile(layer).op_count("mac", 32) == positions * kernel


@pytest.mark.parametrize(
    ("quantizer", "bits"),
    [
        (None, 32),
        ("ste_sign", 1),
        ("approx_sign", 1),
        ("swish_sign", 1),
        ("magnitude_aware_sign", 1),
        ("ste_heaviside", 1),
        ("ste_tern", 2),
        (quantizers.DoReFa(2, mode="weights"), 2),
        (quantizers.DoReFa(8, mode="weights"), 8),
        (quantizers.NoOp(precision=1), 1),
        (quantizers.NoOp(precision=4), 4),
        (abs, 32),
    ],
    ids=lambda x: getattr(x, "name", str(x)),
)
def test_bits_of_weights_and_inputs(quantizer, bits):
    arguments = {"kernel_quantizer": quantizer, "kernel_constraint": "weight_clip"}
    profile = profile_of((7,), layers.QuantDense(5, **arguments, input_quantizer="ste_sign"))
    assert (profile.weight_count(bits), profile.op_count("mac", bits)) == (
        35 + 5 * (bits == 32),
        35,
    )
    assert profile.memory == 35 * bits + 5 * 32
    profile = profile_of((7,), layers.QuantDense(5, **LATENT, input_quantizer=quantizer))
    assert profile.input_precision == (None if quantizer in (None, abs) else bits)
    assert profile.op_count("mac", bits) == profile.op_count() == 35


def test_bits_of_depthwise_and_pointwise_kernels():
    profile = profile_of(
        (9, 3),
        layers.QuantSeparableConv1D(
            4,
            3,
            input_quantizer="ste_sign",
            depthwise_quantizer="ste_sign",
            depthwise_constraint="weight_clip",
            pointwise_quantizer="ste_tern",
        ),
    )
    assert [profile.weight_count(bits) for bits in (1, 2, 32)] == [9, 12, 4]
    # The pointwise convolution takes sums, whatever the input was.
    assert [profile.op_count("mac", bits) for bits in (1, 2, 32)] == [7 * 9, 0, 7 * 12]


def test_a_weight_may_tell_its_bits_itself():
    class Scale(keras.layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=input_shape[-1:], name="scale")
            self.scale.precision = 1

        def call(self, inputs):
            return inputs * self.scale

    profile = profile_of((7,), Scale())
    assert (profile.weight_count(1), profile.memory) == (7, 7)
    assert profile.op_count() is None


@pytest.mark.parametrize("kind", [layers.BatchNormalization, keras.layers.BatchNormalization])
@pytest.mark.parametrize(("center", "scale"), [(True, True), (False, True), (True, False)])
def test_batch_normalization_folds(kind, center, scale):
    profile = profile_of((6,), kind(center=center, scale=scale))
    assert profile.weight_count() == profile.weight_count(trainable=False) == 2 * 6
    assert profile.op_count() == 0


def test_frozen_layers_do_not_train():
    model = small_network()
    model.get_layer("second").trainable = False
    profile = ModelProfile(model)
    assert profile.weight_count(trainable=False) == 32 + 4608 + 32
    model.trainable = False
    assert ModelProfile(model).weight_count(trainable=True) == 0


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float16"])
def test_the_dtype_of_training_does_not_matter(policy):
    expected = ModelProfile(small_network())
    keras.config.set_dtype_policy(policy)
    profile = ModelProfile(small_network())
    assert profile.memory == expected.memory
    assert [profile.op_count("mac", bits) for bits in MACS] == list(MACS.values())


def test_a_loaded_model_has_the_same_profile(tmp_path):
    model = small_network()
    model.save(tmp_path / "model.keras")
    for copy in (
        keras.models.load_model(tmp_path / "model.keras"),
        keras.models.clone_model(model),
    ):
        profile = ModelProfile(copy)
        assert [each.name for each in profile.layer_profiles] == list(SMALL_NETWORK)
        assert {bits: profile.weight_count(bits) for bits in WEIGHTS} == WEIGHTS
        assert {bits: profile.op_count("mac", bits) for bits in MACS} == MACS


# Errors.


@pytest.mark.filterwarnings("ignore:`build\\(\\)` was called on layer")
def test_a_model_that_is_not_built_is_an_error():
    subclassed = Network(name="mine")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"The model 'mine' is not built yet.*Call it on some"):
            ModelProfile(subclassed)
        # Which does not build its layers.
        subclassed.build((None, 8, 8, 2))
    with pytest.raises(ValueError, match="The model 'chain' is not built yet"):
        ModelProfile(keras.Sequential([keras.layers.Dense(2)], name="chain"))


@pytest.mark.parametrize("model", [None, "binarynet", keras.layers.Dense(2)], ids=str)
def test_what_is_no_model_is_an_error(model):
    with pytest.raises(TypeError, match=r"`model` must be a keras.Model. Received: "):
        ModelProfile(model)


@pytest.mark.parametrize("op_type", ["add", None])
def test_other_operations_are_an_error(op_type):
    with pytest.raises(ValueError, match=f"`op_type` must be 'mac'.*Received: {op_type}"):
        ModelProfile(small_network()).op_count(op_type)
