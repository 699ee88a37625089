"""The paper's section 5.3: binary networks on ImageNet, trained with Bop."""
