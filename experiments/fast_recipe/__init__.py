"""The fast recipe, and what each of its ingredients is worth."""
