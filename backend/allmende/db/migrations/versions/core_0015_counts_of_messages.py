"""notify: how the deliveries of a message ended, counted once"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0015"
down_revision = "core_0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("notify_message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("counts", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("notify_message", schema=None) as batch_op:
        batch_op.drop_column("counts")
