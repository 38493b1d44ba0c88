"""the register of cases, with a history that cannot be changed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0005"
down_revision = "core_0004"
branch_labels = None
depends_on = None

LOCKS = {
    "sqlite": [
        f"CREATE TRIGGER case_event_{verb.lower()} BEFORE {verb} ON case_event"
        " BEGIN SELECT RAISE(ABORT, 'case_event is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE FUNCTION case_event_refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'case_event is append-only'; END $$",
        "CREATE TRIGGER case_event_row BEFORE UPDATE OR DELETE ON case_event"
        " FOR EACH ROW EXECUTE FUNCTION case_event_refuse()",
        "CREATE TRIGGER case_event_all BEFORE TRUNCATE ON case_event"
        " FOR EACH STATEMENT EXECUTE FUNCTION case_event_refuse()",
    ],
}


def upgrade() -> None:
    op.create_table(
        "case_case",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=81), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("category", sa.String(length=80), nullable=False),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("address", sa.String(length=300), nullable=False),
        sa.Column("department", sa.String(length=80), nullable=False),
        sa.Column("assignee", sa.String(length=32), nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("public", sa.JSON(), nullable=False),
        sa.Column("private", sa.JSON(), nullable=False),
        sa.Column("submitter", sa.String(length=32), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("receipt", sa.String(length=64), nullable=False),
        sa.Column("waiting", sa.String(length=10), nullable=False),
        sa.Column("parent", sa.String(length=32), nullable=False),
        sa.Column("merged_into", sa.String(length=32), nullable=False),
        sa.Column("handed_to", sa.String(length=200), nullable=False),
        sa.Column("followers", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("erased", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("city", "id"),
        sa.UniqueConstraint("city", "number", "origin", name="uq_case_case_number"),
    )
    with op.batch_alter_table("case_case", schema=None) as batch_op:
        batch_op.create_index("ix_case_case_closed", ["city", "closed"], unique=False)
        batch_op.create_index("ix_case_case_created", ["city", "created", "id"], unique=False)
        batch_op.create_index("ix_case_case_inbox", ["city", "open", "department", "created"], unique=False)
        batch_op.create_index("ix_case_case_map", ["city", "published", "lat"], unique=False)
        batch_op.create_index("ix_case_case_merged", ["city", "merged_into"], unique=False)
        batch_op.create_index("ix_case_case_parent", ["city", "parent"], unique=False)
        batch_op.create_index("ix_case_case_submitter", ["city", "submitter"], unique=False)

    op.create_table(
        "case_event",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("audience", sa.String(length=10), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("text", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("city", "case_id", "seq"),
    )
    with op.batch_alter_table("case_event", schema=None) as batch_op:
        batch_op.create_index("ix_case_event_at", ["city", "at"], unique=False)

    op.create_table(
        "case_follower",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("receipt", sa.String(length=64), nullable=False),
        sa.Column("submitter", sa.String(length=32), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city", "case_id", "id"),
    )
    with op.batch_alter_table("case_follower", schema=None) as batch_op:
        batch_op.create_index("ix_case_follower_receipt", ["city", "receipt"], unique=False)
        batch_op.create_index("ix_case_follower_submitter", ["city", "submitter"], unique=False)

    op.create_table(
        "case_link",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("other_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("city", "case_id", "other_id"),
    )
    op.create_table(
        "case_text",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("city", "case_id", "seq"),
    )
    op.create_table(
        "case_transfer",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("to_city", sa.String(length=64), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("city", "case_id"),
    )

    for statement in LOCKS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("case_transfer")
    op.drop_table("case_text")
    op.drop_table("case_link")
    with op.batch_alter_table("case_follower", schema=None) as batch_op:
        batch_op.drop_index("ix_case_follower_submitter")
        batch_op.drop_index("ix_case_follower_receipt")

    op.drop_table("case_follower")
    with op.batch_alter_table("case_event", schema=None) as batch_op:
        batch_op.drop_index("ix_case_event_at")

    op.drop_table("case_event")
    with op.batch_alter_table("case_case", schema=None) as batch_op:
        batch_op.drop_index("ix_case_case_submitter")
        batch_op.drop_index("ix_case_case_parent")
        batch_op.drop_index("ix_case_case_merged")
        batch_op.drop_index("ix_case_case_map")
        batch_op.drop_index("ix_case_case_inbox")
        batch_op.drop_index("ix_case_case_created")
        batch_op.drop_index("ix_case_case_closed")

    op.drop_table("case_case")

    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION case_event_refuse()")
