"""The stub that `pip` and `python -m build` call; everything is declared in setup.cfg."""

from setuptools import setup

setup()
