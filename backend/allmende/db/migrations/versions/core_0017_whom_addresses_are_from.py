"""cases: whether a picture's address may be on a private server"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0017"
down_revision = "core_0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("case_fetch", schema=None) as batch_op:
        batch_op.add_column(sa.Column("trusted", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("case_fetch", schema=None) as batch_op:
        batch_op.alter_column("trusted", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("case_fetch", schema=None) as batch_op:
        batch_op.drop_column("trusted")
