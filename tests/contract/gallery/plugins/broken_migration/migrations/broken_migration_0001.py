"""Makes a table, and then fails."""

import sqlalchemy as sa
from alembic import op

revision = "broken_migration_0001"
down_revision = None
branch_labels = ("broken_migration",)
depends_on = "core_0001"


def upgrade() -> None:
    op.create_table("broken_migration_half", sa.Column("city", sa.String(64), primary_key=True))
    raise RuntimeError("secret")


def downgrade() -> None:
    op.drop_table("broken_migration_half")
