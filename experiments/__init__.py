"""The experiments that reproduce the report and the paper."""
