"""usage: how much the app of a city is used, counted by day and by week"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0011"
down_revision = "core_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "usage_count",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("span", sa.String(length=4), nullable=False),
        sa.Column("begins", sa.Date(), nullable=False),
        sa.Column("measure", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("city", "span", "begins", "measure", "name"),
    )


def downgrade() -> None:
    op.drop_table("usage_count")
