"""The meaning of the learning rate for a binary network: the report's section 3.1.2, Figure 1."""
