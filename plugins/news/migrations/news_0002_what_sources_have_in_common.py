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
    with op.batch_alter_table("news_item", schema=None) as batch_op:
        batch_op.add_column(sa.Column("same", sa.String(length=32), nullable=True))
        batch_op.create_index("ix_news_item_same", ["city", "same", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("news_item", schema=None) as batch_op:
        batch_op.drop_index("ix_news_item_same")
        batch_op.drop_column("same")
