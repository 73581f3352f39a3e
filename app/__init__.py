"""Front ends and wiring: the only place where engine, data and connectors meet."""
