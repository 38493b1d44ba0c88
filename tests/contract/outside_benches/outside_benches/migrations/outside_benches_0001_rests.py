"""Rests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "outside_benches_0001"
down_revision = None
branch_labels = ("outside_benches",)
depends_on = "core_0001"


def upgrade() -> None:
    op.create_table(
        "outside_benches_rest",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("city", "number"),
    )


def downgrade() -> None:
    op.drop_table("outside_benches_rest")
