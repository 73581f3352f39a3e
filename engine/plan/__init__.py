"""What should we trade? Envelopes, the relaxation and its bound, sides, whole shares, lots."""
