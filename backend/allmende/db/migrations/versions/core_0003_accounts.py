"""accounts, tokens, roles and the audit log"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0003"
down_revision = "core_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_account",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("subject", sa.String(length=64), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("password", sa.String(length=200), nullable=False),
        sa.Column("totp", sa.LargeBinary(), nullable=True),
        sa.Column("totp_next", sa.LargeBinary(), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), nullable=False),
        sa.Column("recovery", sa.JSON(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("city", "id"),
    )
    with op.batch_alter_table("account_account", schema=None) as batch_op:
        batch_op.create_index("ix_account_account_kind", ["city", "kind", "name", "id"], unique=False)
        batch_op.create_index("uq_account_account_email", ["city", "email"], unique=True)
        batch_op.create_index("uq_account_account_subject", ["city", "subject"], unique=True)

    op.create_table(
        "account_attempt",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "key"),
    )
    op.create_table(
        "account_audit",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("city", "number"),
    )
    with op.batch_alter_table("account_audit", schema=None) as batch_op:
        batch_op.create_index("ix_account_audit_actor", ["city", "actor", "number"], unique=False)

    op.create_table(
        "account_chain",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("city"),
    )
    op.create_table(
        "account_grant",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("plugin", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "account", "role", "plugin"),
    )
    op.create_table(
        "account_token",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("family", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("challenge", sa.String(length=64), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("city", "hash"),
    )
    with op.batch_alter_table("account_token", schema=None) as batch_op:
        batch_op.create_index("ix_account_token_account", ["city", "account", "family"], unique=False)
        batch_op.create_index("ix_account_token_expires", ["city", "expires"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("account_token", schema=None) as batch_op:
        batch_op.drop_index("ix_account_token_expires")
        batch_op.drop_index("ix_account_token_account")

    op.drop_table("account_token")
    op.drop_table("account_grant")
    op.drop_table("account_chain")
    with op.batch_alter_table("account_audit", schema=None) as batch_op:
        batch_op.drop_index("ix_account_audit_actor")

    op.drop_table("account_audit")
    op.drop_table("account_attempt")
    with op.batch_alter_table("account_account", schema=None) as batch_op:
        batch_op.drop_index("uq_account_account_subject")
        batch_op.drop_index("uq_account_account_email")
        batch_op.drop_index("ix_account_account_kind")

    op.drop_table("account_account")
