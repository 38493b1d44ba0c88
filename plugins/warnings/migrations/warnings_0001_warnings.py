"""Warnings"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "warnings_0001"
down_revision = None
branch_labels = ("warnings",)
depends_on = "core_0001"


def upgrade() -> None:
    op.create_table(
        "warnings_warning",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("headline", sa.String(length=500), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("urgency", sa.String(length=16), nullable=False),
        sa.Column("certainty", sa.String(length=16), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("over", sa.Boolean(), nullable=False),
        sa.Column("silent", sa.Boolean(), nullable=False),
        sa.Column("sent", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_sent", sa.DateTime(timezone=True), nullable=False),
        sa.Column("starts", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sender", sa.String(length=300), nullable=False),
        sa.Column("web", sa.String(length=2048), nullable=False),
        sa.Column("contact", sa.String(length=1000), nullable=False),
        sa.Column("areas", sa.JSON(), nullable=False),
        sa.Column("polygons", sa.JSON(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("messages", sa.JSON(), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("warnings_warning", schema=None) as batch_op:
        batch_op.create_index("ix_warnings_warning_sent", ["city", "over", "sent", "id"], unique=False)
        batch_op.create_index("ix_warnings_warning_position", ["city", "lat", "lon"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("warnings_warning", schema=None) as batch_op:
        batch_op.drop_index("ix_warnings_warning_position")
        batch_op.drop_index("ix_warnings_warning_sent")

    op.drop_table("warnings_warning")
