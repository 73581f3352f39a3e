"""How far can a portfolio stray from its target? Factor risk models, imported or estimated."""
