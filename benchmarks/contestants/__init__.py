"""The programs that are measured, each in a process and with an interpreter of its own.

Those of the other frameworks import nothing but their framework, NumPy and this folder.
"""
