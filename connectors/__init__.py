"""Doors to other systems. Each maps purely and sends separately; none knows another."""
