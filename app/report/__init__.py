"""Documents to hand over: each function takes values and returns the bytes of a file, the same for the same values."""
