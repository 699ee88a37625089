"""`python -m experiments.analysis`: brings the tables in the Markdown files up to date."""

from experiments.analysis.results import RESULTS
from experiments.analysis.summary import main_table, put_between_markers, runs_table

put_between_markers(RESULTS.parents[1] / "docs" / "reproduction.md", main_table())
put_between_markers(RESULTS / "README.md", runs_table())
