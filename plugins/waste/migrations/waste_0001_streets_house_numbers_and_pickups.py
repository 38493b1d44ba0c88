"""Streets, house numbers and pickups"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "waste_0001"
down_revision = None
branch_labels = ("waste",)
depends_on = "core_0001"


def upgrade() -> None:
    op.create_table(
        "waste_pickup",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("district", sa.String(length=100), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("fraction", sa.String(length=32), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("shifted_from", sa.Date(), nullable=True),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("waste_pickup", schema=None) as batch_op:
        batch_op.create_index("ix_waste_pickup_district_date", ["city", "district", "date"], unique=False)

    op.create_table(
        "waste_range",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("parent", sa.String(length=32), nullable=False),
        sa.Column("numbers", sa.String(length=200), nullable=False),
        sa.Column("spans", sa.String(length=400), nullable=False),
        sa.Column("districts", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("waste_range", schema=None) as batch_op:
        batch_op.create_index("ix_waste_range_parent", ["city", "parent"], unique=False)

    op.create_table(
        "waste_street",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("folded", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("waste_street", schema=None) as batch_op:
        batch_op.create_index("ix_waste_street_folded", ["city", "folded"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("waste_street", schema=None) as batch_op:
        batch_op.drop_index("ix_waste_street_folded")

    op.drop_table("waste_street")
    with op.batch_alter_table("waste_range", schema=None) as batch_op:
        batch_op.drop_index("ix_waste_range_parent")

    op.drop_table("waste_range")
    with op.batch_alter_table("waste_pickup", schema=None) as batch_op:
        batch_op.drop_index("ix_waste_pickup_district_date")

    op.drop_table("waste_pickup")
