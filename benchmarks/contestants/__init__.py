"""The programs that are measured, each in a separate process with its own interpreter.

Those of the other frameworks import only their framework, NumPy and this folder.
"""
