"""events and their dates"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "events_0001"
down_revision = None
branch_labels = ("events",)
depends_on = "core_0001"


def upgrade() -> None:
    op.create_table(
        "events_event",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("free", sa.Boolean(), nullable=True),
        sa.Column("price", sa.String(length=200), nullable=True),
        sa.Column("organizer", sa.String(length=300), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("image", sa.JSON(), nullable=True),
        sa.Column("venue_name", sa.String(length=300), nullable=True),
        sa.Column("venue_address", sa.Text(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("last", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("events_event", schema=None) as batch_op:
        batch_op.create_index("ix_events_event_last", ["city", "last"], unique=False)
        batch_op.create_index("ix_events_event_place", ["city", "lat", "lon"], unique=False)

    op.create_table(
        "events_occurrence",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("parent", sa.String(length=32), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("all_day", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("moved_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["city", "parent"], ["events_event.city", "events_event.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("events_occurrence", schema=None) as batch_op:
        batch_op.create_index("ix_events_occurrence_parent", ["city", "parent", "start"], unique=False)
        batch_op.create_index("ix_events_occurrence_start", ["city", "start", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("events_occurrence", schema=None) as batch_op:
        batch_op.drop_index("ix_events_occurrence_start")
        batch_op.drop_index("ix_events_occurrence_parent")

    op.drop_table("events_occurrence")
    with op.batch_alter_table("events_event", schema=None) as batch_op:
        batch_op.drop_index("ix_events_event_place")
        batch_op.drop_index("ix_events_event_last")

    op.drop_table("events_event")
