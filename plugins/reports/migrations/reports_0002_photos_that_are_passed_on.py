"""reports: photos that are passed on and come back"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "reports_0002"
down_revision = "reports_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("reports_passed", schema=None) as batch_op:
        batch_op.add_column(sa.Column("photos", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("remote_media", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("reports_passed", schema=None) as batch_op:
        batch_op.alter_column("photos", server_default=None)
        batch_op.alter_column("remote_media", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("reports_passed", schema=None) as batch_op:
        batch_op.drop_column("remote_media")
        batch_op.drop_column("photos")
