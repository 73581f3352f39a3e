"""What do all tables share? One schema, the names of its constraints, and columns that recur."""

from typing import Final

from sqlalchemy import CheckConstraint, Column, Integer, MetaData

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def place() -> Column[int]:
    """The place of a row in its source, so that what is read back has the same order."""
    return Column("place", Integer, nullable=False)


def only_row() -> tuple[Column[int], CheckConstraint]:
    """The key of a table that holds one row, and that it holds no other."""
    return Column("id", Integer, primary_key=True, autoincrement=False), CheckConstraint("id = 1", name="one_row")
