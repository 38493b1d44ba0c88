"""files and idempotency keys"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0004"
down_revision = "core_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "file_upload",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("sizes", sa.JSON(), nullable=False),
        sa.Column("alt", sa.String(length=500), nullable=False),
        sa.Column("focal_x", sa.Double(), nullable=False),
        sa.Column("focal_y", sa.Double(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("secret", sa.String(length=32), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("file_upload", schema=None) as batch_op:
        batch_op.create_index("ix_file_upload_expires", ["city", "expires"], unique=False)
        batch_op.create_index("ix_file_upload_owner", ["city", "owner", "purpose"], unique=False)

    op.create_table(
        "once_key",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("once_key", schema=None) as batch_op:
        batch_op.create_index("ix_once_key_created", ["city", "created"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("once_key", schema=None) as batch_op:
        batch_op.drop_index("ix_once_key_created")

    op.drop_table("once_key")
    with op.batch_alter_table("file_upload", schema=None) as batch_op:
        batch_op.drop_index("ix_file_upload_owner")
        batch_op.drop_index("ix_file_upload_expires")

    op.drop_table("file_upload")
