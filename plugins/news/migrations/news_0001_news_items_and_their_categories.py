"""News items and their categories"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "news_0001"
down_revision = None
branch_labels = ("news",)
depends_on = "core_0001"


def upgrade() -> None:
    op.create_table(
        "news_category",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("parent", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("news_category", schema=None) as batch_op:
        batch_op.create_index("ix_news_category_name", ["city", "name", "parent"], unique=False)
        batch_op.create_index("ix_news_category_parent", ["city", "parent"], unique=False)

    op.create_table(
        "news_item",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=True),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("stated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "published_at",
            sa.DateTime(timezone=True),
            sa.Computed(
                "CASE WHEN stated_at IS NULL OR stated_at > fetched_at THEN fetched_at ELSE stated_at END",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("images", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("news_item", schema=None) as batch_op:
        batch_op.create_index("ix_news_item_language", ["city", "language", "published_at"], unique=False)
        batch_op.create_index("ix_news_item_published", ["city", "published_at", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("news_item", schema=None) as batch_op:
        batch_op.drop_index("ix_news_item_published")
        batch_op.drop_index("ix_news_item_language")

    op.drop_table("news_item")
    with op.batch_alter_table("news_category", schema=None) as batch_op:
        batch_op.drop_index("ix_news_category_parent")
        batch_op.drop_index("ix_news_category_name")

    op.drop_table("news_category")
