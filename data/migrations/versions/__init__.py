"""Which steps has the schema taken? One file for each, in the order of their down_revision."""
