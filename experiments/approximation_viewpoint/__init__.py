"""Are latent weights what a binary network approximates? The report's section 3.1.1, Table 1."""
