"""What Bop's gamma and threshold do: the report's section 3.2, its Figure 2."""
