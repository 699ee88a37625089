"""The tables and figures, drawn from the results on record beside the report's numbers."""
