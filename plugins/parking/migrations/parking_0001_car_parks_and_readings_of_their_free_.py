"""Car parks, and readings of their free spaces"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "parking_0001"
down_revision = None
branch_labels = ("parking",)
depends_on = "core_0001"


def upgrade() -> None:
    op.create_table(
        "parking_carpark",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=100), nullable=False),
        sa.Column("address", sa.String(length=500), nullable=False),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("free", sa.Integer(), nullable=True),
        sa.Column("trend", sa.Integer(), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("broken", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hours", sa.Text(), nullable=False),
        sa.Column("height", sa.Double(), nullable=True),
        sa.Column("url", sa.String(length=1000), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
        info={"allmende_home": "plugins.parking.tables"},
    )
    with op.batch_alter_table("parking_carpark", schema=None) as batch_op:
        batch_op.create_index("ix_parking_carpark_name", ["city", "name", "id"], unique=False)
        batch_op.create_index("ix_parking_carpark_position", ["city", "lat", "lon"], unique=False)

    op.create_table(
        "parking_reading",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("carpark", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("free", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("city", "carpark", "at"),
        info={"allmende_home": "plugins.parking.tables"},
    )
    with op.batch_alter_table("parking_reading", schema=None) as batch_op:
        batch_op.create_index("ix_parking_reading_at", ["city", "at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("parking_reading", schema=None) as batch_op:
        batch_op.drop_index("ix_parking_reading_at")

    op.drop_table("parking_reading")
    with op.batch_alter_table("parking_carpark", schema=None) as batch_op:
        batch_op.drop_index("ix_parking_carpark_position")
        batch_op.drop_index("ix_parking_carpark_name")

    op.drop_table("parking_carpark")
