"""The equations in NumPy float32, written without looking at the library's own code."""

import itertools

import numpy as np


def sign(x):
    """The report, Eq. 1: sign(0) = +1."""
    return np.where(np.asarray(x) < 0, -1.0, 1.0).astype("float32")


def ste_sign_gradient(x, incoming, clip_value=1.0):
    """The report, Eq. 2: the incoming gradient where |x| <= clip_value, 0 elsewhere."""
    return np.where(np.abs(x) <= clip_value, incoming, 0.0).astype("float32")


def same_padding(size, kernel, stride, dilation):
    """The rows before and after an axis that give it ceil(size / stride) outputs."""
    outputs = int(np.ceil(size / stride))
    total = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def conv2d(x, kernel, strides=(1, 1), dilation=(1, 1)):
    """A valid convolution of `(batch, height, width, channels)`, one kernel position at a time."""
    reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape[:2], dilation, strict=True)]
    size = [(n - r) // s + 1 for n, r, s in zip(x.shape[1:3], reach, strides, strict=True)]
    y = np.zeros((len(x), *size, kernel.shape[-1]), dtype="float32")
    for i, j in np.ndindex(*kernel.shape[:2]):
        rows = slice(i * dilation[0], i * dilation[0] + (size[0] - 1) * strides[0] + 1, strides[0])
        columns = slice(
            j * dilation[1], j * dilation[1] + (size[1] - 1) * strides[1] + 1, strides[1]
        )
        y += x[:, rows, columns] @ kernel[i, j]
    return y


def flip_ratio(flips, weights):
    """The report, Eq. 5."""
    return np.log(np.asarray(flips, dtype="float64") / weights + 1e-9)


def mean_flip_ratio(sequence):
    """The mean share of entries that differ from those of the array before."""
    return np.mean([np.mean(a != b) for a, b in itertools.pairwise(sequence)])


def _flip(weights, signal, threshold):
    same_direction = ((signal > 0) & (weights > 0)) | ((signal < 0) & (weights < 0))
    return (np.abs(signal) >= np.float32(threshold)) & same_direction


class Bop:
    """The report, Eq. 3 and 4, for one weight tensor; non-finite gradient entries are skipped."""

    def __init__(self, weights):
        self.weights = sign(weights)
        self.momentum = np.zeros_like(self.weights)
        self.flips = []
        self.skipped = 0

    def step(self, gradient, threshold, gamma):
        gamma, one = np.float32(gamma), np.float32(1)
        gradient = np.asarray(gradient, dtype="float32")
        finite = np.isfinite(gradient)
        usable = np.where(finite, gradient, np.float32(0))
        momentum = (one - gamma) * self.momentum + gamma * usable
        self.momentum = np.where(finite, momentum, self.momentum)
        flip = _flip(self.weights, self.momentum, threshold) & finite
        self.weights = np.where(flip, -self.weights, self.weights)
        self.flips.append(int(flip.sum()))
        self.skipped += int((~finite).sum())


class Bop2ndOrder:
    """Suarez-Ramirez et al. 2021 (arXiv 2104.05124), for one weight tensor."""

    def __init__(self, weights):
        self.weights = sign(weights)
        self.momentum = np.zeros_like(self.weights)
        self.velocity = np.zeros_like(self.weights)
        self.steps = 0

    def step(self, gradient, threshold, gamma, sigma, bias_correction):
        gamma, sigma, one = np.float32(gamma), np.float32(sigma), np.float32(1)
        self.steps += 1
        self.momentum = (one - gamma) * self.momentum + gamma * gradient
        self.velocity = (one - sigma) * self.velocity + sigma * np.square(gradient)
        m, v = self.momentum, self.velocity
        if bias_correction:
            # 1 - (1 - rate)^t loses its digits in float32 where the rate is small.
            m, v = (
                np.float32(moment / (1.0 - (1.0 - np.float64(rate)) ** self.steps))
                for moment, rate in ((m, gamma), (v, sigma))
            )
        signal = m / (np.sqrt(v) + np.float32(1e-10))
        self.weights = np.where(_flip(self.weights, signal, threshold), -self.weights, self.weights)
