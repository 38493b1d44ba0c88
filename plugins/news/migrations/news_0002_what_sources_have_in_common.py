"""What several sources have in common

What is there already gets its fingerprint when its source is read again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "news_0002"
down_revision = "news_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("news_item", sa.Column("same", sa.String(length=32), nullable=True))
    op.create_index("ix_news_item_same", "news_item", ["city", "same", "id"], unique=False)


def downgrade() -> None:
    """Without a batch, which would copy the table, and cannot copy a column that the database computes."""
    op.drop_index("ix_news_item_same", table_name="news_item")
    op.drop_column("news_item", "same")
