"""How does a firm bring its own data? A folder of CSV or Parquet files, read all or nothing, written back exactly."""
