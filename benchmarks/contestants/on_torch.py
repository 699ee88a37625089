"""binarynet and Bop, in code such as users of PyTorch write."""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contestants import protocol

PADDING = 4


class Sign(torch.autograd.Function):
    """The sign of each value, with the straight-through estimator as its gradient."""

    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return (x >= 0).to(x.dtype).mul_(2).sub_(1)

    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        return gradient * (x.abs() <= 1)


class Binarize(nn.Module):
    """`Sign` as a layer."""

    def forward(self, x):
        return Sign.apply(x)


class Bop:
    """The binary optimizer, written as plainly as possible.

    Args:
        weights: Parameters in {-1, +1}.
        threshold: The moving average at which a weight flips.
        gamma: The rate of the gradient's moving average.
    """

    def __init__(self, weights, threshold, gamma):
        self.weights, self.threshold, self.gamma = weights, threshold, gamma
        self.averages = [torch.zeros_like(weight) for weight in weights]

    @torch.no_grad()
    def step(self):
        """Updates the weights by their gradients."""
        for weight, average in zip(self.weights, self.averages, strict=True):
            average.lerp_(weight.grad, self.gamma)
            weight.copy_(torch.where(weight * average >= self.threshold, -weight, weight))


def training(data, precision, batch_size, filters):
    """Trains binarynet with Bop on augmented images; measures seconds per step."""
    images, labels = (torch.from_numpy(array) for array in protocol.read_images(data))
    model = binarynet(filters).to(memory_format=torch.channels_last)
    binary = [layer.weight for layer in model if isinstance(layer, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        for weight in binary:
            weight.copy_(torch.where(weight >= 0, 1.0, -1.0))
    others = [layer.bias for layer in model if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d))]
    bop = Bop(binary, threshold=1e-8, gamma=1e-4)
    adam = torch.optim.Adam(others, lr=0.01)

    def step():
        rows = torch.randint(len(images), (batch_size,))
        x, y = _scaled(_moved(images[rows])), labels[rows].long()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "mixed_bfloat16"):
            logits = model(x)
        loss = functional.cross_entropy(logits.float(), y)
        model.zero_grad()
        loss.backward()
        bop.step()
        adam.step()
        loss.item()

    return lambda steps: protocol.seconds_of(step, steps)


def binarynet(filters):
    """Returns the network of `larq_bop.models.binarynet`, without the softmax."""
    layers, channels = [], 3
    for i, multiple in enumerate((1, 1, 2, 2, 4, 4)):
        layers += [Binarize()] if i else []
        layers += [nn.Conv2d(channels, multiple * filters, 3, padding=1, bias=False)]
        layers += [nn.MaxPool2d(2)] if i % 2 else []
        layers += [_without_scale(nn.BatchNorm2d, multiple * filters)]
        channels = multiple * filters
    layers += [nn.Flatten()]
    width = 4 * 4 * channels
    for units in (8 * filters, 8 * filters, 10):
        layers += [Binarize(), nn.Linear(width, units, bias=False)]
        layers += [_without_scale(nn.BatchNorm1d, units)]
        width = units
    return nn.Sequential(*layers)


def _without_scale(normalization, features):
    layer = normalization(features, eps=1e-3, momentum=0.1)
    layer.weight.requires_grad_(False)
    return layer


def _moved(images):
    """Pads images, crops each to its old size at a random place, and mirrors some at random."""
    n, height, width, _ = images.shape
    padded = functional.pad(images, (0, 0, PADDING, PADDING, PADDING, PADDING))
    top, left = torch.randint(2 * PADDING + 1, (2, n, 1))
    columns = torch.arange(width).expand(n, -1)
    columns = torch.where(torch.rand(n, 1) < 0.5, columns.flip(1), columns)
    rows, columns = top + torch.arange(height), left + columns
    which = torch.arange(n)[:, None, None]
    return padded[which, rows[:, :, None], columns[:, None, :]]


def _scaled(images):
    """Returns images in [-1, 1], with the channels second in the shape and last in memory."""
    return (images.float() / 127.5 - 1.0).permute(0, 3, 1, 2)


if __name__ == "__main__":
    torch.manual_seed(0)
    protocol.serve({"training": training}, {"torch": torch.__version__})
