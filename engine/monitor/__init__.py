"""What is out of line? Drift, harvestable losses, locks, market moves, and the queue they make."""
