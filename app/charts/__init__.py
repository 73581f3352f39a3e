"""Pictures of domain values: each function takes values and returns a plotly figure, and does nothing else."""
