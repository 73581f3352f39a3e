"""What are we talking about? The nouns of a tax-aware rebalance, frozen and checked once."""
