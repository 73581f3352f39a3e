"""What leaves the house? Orders, blocks, allocations, fills."""
