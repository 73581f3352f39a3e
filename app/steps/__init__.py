"""Use cases: load, call the engine, save. The page, the command line and the batch call the same ones."""
