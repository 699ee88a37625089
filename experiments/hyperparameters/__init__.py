"""The effect of Bop's gamma and threshold: the report's section 3.2, Figure 2."""
