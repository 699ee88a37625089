"""How fast and how small larq_bop is, beside Larq and PyTorch, on the machine it runs on."""
