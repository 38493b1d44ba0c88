"""The table of places, with its indexes for categories, names and positions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "places_0001"
down_revision = None
branch_labels = ("places",)
depends_on = "core_0001"


def upgrade() -> None:
    op.create_table(
        "places_place",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("address", sa.String(length=300), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("x", sa.Double(), nullable=False),
        sa.Column("y", sa.Double(), nullable=False),
        sa.Column("z", sa.Double(), nullable=False),
        sa.Column("opening_hours", sa.Text(), nullable=False),
        sa.Column("phone", sa.String(length=100), nullable=False),
        sa.Column("website", sa.String(length=2000), nullable=False),
        sa.Column("wheelchair", sa.String(length=8), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("image", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("places_place", schema=None) as batch_op:
        batch_op.create_index("ix_places_place_category", ["city", "category", "name", "id"], unique=False)
        batch_op.create_index("ix_places_place_name", ["city", "name", "id"], unique=False)
        batch_op.create_index("ix_places_place_position", ["city", "lat", "lon"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("places_place", schema=None) as batch_op:
        batch_op.drop_index("ix_places_place_position")
        batch_op.drop_index("ix_places_place_name")
        batch_op.drop_index("ix_places_place_category")

    op.drop_table("places_place")
