"""Alembic's entry: always on the connection that `boomtown.store.migrate` hands over."""

from alembic import context

from boomtown.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
