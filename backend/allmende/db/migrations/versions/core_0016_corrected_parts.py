"""content: corrections of what is in further tables, such as the dates of an event"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0016"
down_revision = "core_0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("content_overlay", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parts", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("content_overlay", schema=None) as batch_op:
        batch_op.alter_column("parts", existing_type=sa.JSON(), server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("content_overlay", schema=None) as batch_op:
        batch_op.drop_column("parts")
