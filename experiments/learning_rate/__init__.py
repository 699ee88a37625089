"""What the learning rate means to a binary network: the report's section 3.1.2, its Figure 1."""
