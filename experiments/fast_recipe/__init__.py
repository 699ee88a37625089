"""The fast recipe of `cifar10 --preset fast`, and the effect of each of its ingredients."""
