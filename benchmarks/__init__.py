"""Measurements of larq_bop's speed and memory, compared with Larq and PyTorch, on this machine."""
