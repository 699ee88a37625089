"""Binarynet on CIFAR-10, trained with Bop: the report's sections 3.3 and 4.3, Figure 3."""
