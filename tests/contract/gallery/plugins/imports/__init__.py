"""Importers that hang, raise, end the process, or give a million rows."""

import time
from typing import Any, Literal

from allmende import Batch, Config, Context, FeedTable, Importer, Payload, Plugin, Source
from sqlalchemy.orm import Mapped


class Row(FeedTable):
    __tablename__ = "imports_row"

    text: Mapped[str]


class Feed(Source, frozen=True, kw_only=True, tag="bad"):
    how: Literal["hang", "raise", "exit", "million", "nonsense"]


class ImportsConfig(Config, frozen=True, kw_only=True):
    sources: tuple[Feed, ...] = ()


def read(payload: Payload, source: Feed, ctx: Context[Any]) -> Batch:
    if source.how == "hang":
        time.sleep(30)
    if source.how == "raise":
        raise RuntimeError("the importer's own fault")
    if source.how == "exit":
        raise SystemExit(3)
    if source.how == "nonsense":
        return Batch(rows=[5, None, "text"])  # type: ignore[list-item]
    return Batch(rows=[Row(key="x", text="x")] * 1_000_000)


plugin = Plugin(
    name="imports",
    config=ImportsConfig,
    tables=(Row,),
    importers=(Importer(source=Feed, read=read, tables=(Row,)),),
)
