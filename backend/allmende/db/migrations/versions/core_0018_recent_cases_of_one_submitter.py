"""cases: the recent cases of one submitter by an index, and of those without a token by kind"""

from __future__ import annotations

from alembic import op

revision = "core_0018"
down_revision = "core_0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("case_case", schema=None) as batch_op:
        batch_op.drop_index("ix_case_case_submitter")
        batch_op.create_index("ix_case_case_submitter", ["city", "submitter", "kind", "created"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("case_case", schema=None) as batch_op:
        batch_op.drop_index("ix_case_case_submitter")
        batch_op.create_index("ix_case_case_submitter", ["city", "submitter"], unique=False)
