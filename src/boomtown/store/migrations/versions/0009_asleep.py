"""How long the machine had been suspended when that was last looked at."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("home", sa.Column("asleep_s", sa.Float(), nullable=False, server_default="0"))
