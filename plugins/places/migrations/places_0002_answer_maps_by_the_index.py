"""answer maps by the index alone"""

from __future__ import annotations

from alembic import op

revision = "places_0002"
down_revision = "places_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _index(["city", "name", "id", "category", "lat", "lon"])


def downgrade() -> None:
    _index(["city", "name", "id"])


def _index(columns: list[str]) -> None:
    with op.batch_alter_table("places_place", schema=None) as batch_op:
        batch_op.drop_index("ix_places_place_name")
        batch_op.create_index("ix_places_place_name", columns, unique=False)
