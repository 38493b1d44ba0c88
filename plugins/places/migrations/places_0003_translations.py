"""translations of what the town hall writes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "places_0003"
down_revision = "places_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("places_place", schema=None) as batch_op:
        batch_op.add_column(sa.Column("translations", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("places_place", schema=None) as batch_op:
        batch_op.drop_column("translations")
