"""cases: the index of pictures that wait begins with the city, as all do"""

from __future__ import annotations

from alembic import op

revision = "core_0019"
down_revision = "core_0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("case_fetch", schema=None) as batch_op:
        batch_op.drop_index("ix_case_fetch_due")
        batch_op.create_index("ix_case_fetch_due", ["city", "due"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("case_fetch", schema=None) as batch_op:
        batch_op.drop_index("ix_case_fetch_due")
        batch_op.create_index("ix_case_fetch_due", ["due"], unique=False)
