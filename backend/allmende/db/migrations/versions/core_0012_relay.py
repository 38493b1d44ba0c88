"""relay: operations on their way to the worker that holds an app's event stream"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0012"
down_revision = "core_0011"
branch_labels = None
depends_on = None

_NEW = sa.text("state <> 'running'")


def upgrade() -> None:
    op.create_table(
        "relay_stream",
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=32), nullable=False),
        sa.Column("opened", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token"),
    )
    op.create_table(
        "relay_operation",
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", "id"),
    )
    with op.batch_alter_table("relay_operation", schema=None) as batch_op:
        batch_op.create_index("ix_relay_operation_new", ["token"], sqlite_where=_NEW, postgresql_where=_NEW)
        batch_op.create_index("ix_relay_operation_created", ["created"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("relay_operation", schema=None) as batch_op:
        batch_op.drop_index("ix_relay_operation_created")
        batch_op.drop_index("ix_relay_operation_new")

    op.drop_table("relay_operation")
    op.drop_table("relay_stream")
