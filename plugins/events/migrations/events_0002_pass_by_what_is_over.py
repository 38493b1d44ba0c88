"""pass by what is over in the index"""

from __future__ import annotations

from alembic import op

revision = "events_0002"
down_revision = "events_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _index(["city", "start", "id", "until"])


def downgrade() -> None:
    _index(["city", "start", "id"])


def _index(columns: list[str]) -> None:
    with op.batch_alter_table("events_occurrence", schema=None) as batch_op:
        batch_op.drop_index("ix_events_occurrence_start")
        batch_op.create_index("ix_events_occurrence_start", columns, unique=False)
