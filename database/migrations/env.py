"""Run by Alembic: migrate over the connection that ``database.migrate`` hands in."""

from alembic import context
from sqlalchemy import Connection

connection: Connection = context.config.attributes["connection"]
# The caller owns the transaction: all migrations happen, or none.
context.configure(connection=connection, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
