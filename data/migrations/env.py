"""How does Alembic reach the database? Over the connection that upgrade.py hands it, inside its transaction."""

from alembic import context

from data.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
