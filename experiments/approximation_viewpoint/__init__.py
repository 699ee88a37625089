"""Does a binary network approximate its latent weights? The report's section 3.1.1, Table 1."""
