"""cases: the first event of a history stands in the case; the index of submitters holds those who are known only"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from allmende.cases.tables import OPENING_LOCKS

revision = "core_0022"
down_revision = "core_0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("case_case", schema=None) as batch_op:
        batch_op.add_column(sa.Column("opened_by", sa.String(80), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("opened", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("case_case", schema=None) as batch_op:
        batch_op.alter_column("opened_by", existing_type=sa.String(80), server_default=None)
        batch_op.alter_column("opened", existing_type=sa.JSON(), server_default=None)
    op.drop_index("ix_case_case_submitter", table_name="case_case")
    known = sa.text("submitter <> ''")
    columns = ["city", "submitter", "created"]
    op.create_index("ix_case_case_submitter", "case_case", columns, sqlite_where=known, postgresql_where=known)
    for statement in OPENING_LOCKS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Only where no case has been opened since: the first event of its history would be lost."""
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM case_case WHERE opened_by <> ''")):
        raise RuntimeError("there are cases that were opened since; restore a backup of before instead")
    kind = op.get_bind().dialect.name
    if kind == "postgresql":
        op.execute("DROP TRIGGER case_case_opening ON case_case")
        op.execute("DROP FUNCTION case_case_refuse()")
    else:
        op.execute("DROP TRIGGER case_case_opening")
    op.drop_index("ix_case_case_submitter", table_name="case_case")
    op.create_index("ix_case_case_submitter", "case_case", ["city", "submitter", "kind", "created"], unique=False)
    op.drop_column("case_case", "opened")
    op.drop_column("case_case", "opened_by")
