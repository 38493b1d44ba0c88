"""content: drafts and their versions, corrections of imported rows, what goes from city to city"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0007"
down_revision = "core_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "content_autosave",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("item", sa.String(length=64), nullable=False),
        sa.Column("editor", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("form", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "item", "editor"),
    )
    op.create_table(
        "content_event",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("item", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("content_event", schema=None) as batch_op:
        batch_op.create_index("ix_content_event_item", ["city", "item", "at"], unique=False)

    op.create_table(
        "content_item",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("plugin", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("live", sa.Integer(), nullable=True),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.Column("publish_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expire_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("content_item", schema=None) as batch_op:
        batch_op.create_index("ix_content_item_expire", ["city", "expire_at"], unique=False)
        batch_op.create_index("ix_content_item_state", ["city", "state", "publish_at"], unique=False)
        batch_op.create_index("ix_content_item_updated", ["city", "plugin", "kind", "updated_at", "id"], unique=False)

    op.create_table(
        "content_offer",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("item", sa.String(length=32), nullable=False),
        sa.Column("to", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("city", "item"),
    )
    op.create_table(
        "content_overlay",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("plugin", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("originals", sa.JSON(), nullable=False),
        sa.Column("current", sa.JSON(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("content_overlay", schema=None) as batch_op:
        batch_op.create_index("ix_content_overlay_source", ["city", "plugin", "source"], unique=False)

    op.create_table(
        "content_parcel",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("item", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "item"),
    )
    op.create_table(
        "content_received",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.Column("item", sa.String(length=32), nullable=False),
        sa.Column("plugin", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("via", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("taken", sa.JSON(), nullable=False),
        sa.Column("local", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("content_received", schema=None) as batch_op:
        batch_op.create_index("ix_content_received_local", ["city", "local"], unique=False)
        batch_op.create_index("ix_content_received_origin", ["city", "origin", "item"], unique=False)
        batch_op.create_index("ix_content_received_state", ["city", "state", "changed_at"], unique=False)

    op.create_table(
        "content_subscription",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.Column("plugin", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=120), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    op.create_table(
        "content_version",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("item", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("city", "item", "number"),
    )


def downgrade() -> None:
    op.drop_table("content_version")
    op.drop_table("content_subscription")
    with op.batch_alter_table("content_received", schema=None) as batch_op:
        batch_op.drop_index("ix_content_received_state")
        batch_op.drop_index("ix_content_received_origin")
        batch_op.drop_index("ix_content_received_local")

    op.drop_table("content_received")
    op.drop_table("content_parcel")
    with op.batch_alter_table("content_overlay", schema=None) as batch_op:
        batch_op.drop_index("ix_content_overlay_source")

    op.drop_table("content_overlay")
    op.drop_table("content_offer")
    with op.batch_alter_table("content_item", schema=None) as batch_op:
        batch_op.drop_index("ix_content_item_updated")
        batch_op.drop_index("ix_content_item_state")
        batch_op.drop_index("ix_content_item_expire")

    op.drop_table("content_item")
    with op.batch_alter_table("content_event", schema=None) as batch_op:
        batch_op.drop_index("ix_content_event_item")

    op.drop_table("content_event")
    op.drop_table("content_autosave")
