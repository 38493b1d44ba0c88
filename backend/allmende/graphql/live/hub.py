"""All live connections of one worker: what they share, and how they end when the server does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from typing import Any

from graphql import OperationType, get_operation_ast

from allmende.graphql.documents import Documents
from allmende.graphql.execute import Engine, Operation
from allmende.graphql.incoming import Incoming
from allmende.graphql.live.model import LiveRules
from allmende.graphql.live.shared import Streams
from allmende.graphql.outcome import Outcome
from allmende.graphql.subject import subject
from allmende.reader import ANONYMOUS, Reader
from allmende.usage import Usage
from allmende.wire.waiting import Waiting

GRACE = 2.0
"""Seconds in which connections may say goodbye when the server stops."""


class Hub:
    """Made once per worker. `engine` gives the current one."""

    def __init__(
        self,
        engine: Callable[[], Engine],
        documents: Documents | None = None,
        rules: LiveRules | None = None,
        usage: Usage | None = None,
    ) -> None:
        self.usage = usage
        self.engine, self.documents, self.rules = engine, documents or Documents(), rules or LiveRules()
        self.stopping = asyncio.Event()
        self.streams = Streams(self)
        self.waiting = Waiting(self.rules.all_waiting, lambda outbox: outbox.give_up())
        """What waits for all clients of this worker."""
        self._open = 0
        self._empty = asyncio.Event()
        self._working = asyncio.Semaphore(self.rules.working)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """A connection is served until the block ends."""
        self._open += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._empty.set()

    def __len__(self) -> int:
        return self._open

    async def stop(self) -> None:
        """Close every connection, and wait until that is done."""
        self.stopping.set()
        if self._open:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), GRACE)

    async def answers(self, operation: Operation, key: str | None) -> AsyncGenerator[Outcome, None]:
        """Every answer to the operation. Subscriptions mostly wait; everything else waits for its turn."""
        engine = self.engine()
        if not _is_subscription(engine, operation):
            yield await self._answer(operation, key)  # it is nobody's here: clients may be slow to take it
            return
        counted = False
        async with aclosing(engine.stream(operation)) as outcomes:
            async for outcome in outcomes:
                if not counted:
                    self._count(operation, outcome)
                    counted = True
                yield outcome

    async def _answer(self, operation: Operation, key: str | None) -> Outcome:
        async with self._working:
            outcome = await self.engine().respond(operation)
            await asyncio.sleep(0)  # it may not have waited for anything, and there may be thousands
        if outcome.kind == "executed" and key is not None:
            self.documents.remember(key, operation.query)
        self._count(operation, outcome)
        return outcome

    def _count(self, operation: Operation, outcome: Outcome) -> None:
        """Once for each operation, also where it is answered again and again."""
        asked = subject(self.usage, self.documents, operation.query, outcome)
        if asked is not None:
            asked.count(operation.app_version)

    async def reader(self, authorization: bytes | str | None) -> Reader:
        """Who asks; Denied for a token that is not valid (any more)."""
        return ANONYMOUS if authorization is None else await self.engine().services.accounts.bearer(authorization)

    def operation(
        self, asked: Incoming, scope: Mapping[str, Any], *, read_only: bool = False, reader: Reader = ANONYMOUS
    ) -> tuple[Operation, str | None]:
        """The operation as it is executed, and the hash to remember its document by. Raises DocumentError."""
        headers = dict(scope["headers"])
        text, key = self.documents.resolve(asked.query, asked.extensions)
        operation = Operation(
            query=text,
            variables=asked.variables,
            operation_name=asked.operation_name,
            accept_language=headers.get(b"accept-language", b"").decode("latin-1"),
            host=headers.get(b"host", b"").decode("latin-1").rpartition("@")[2].split(":")[0].lower(),
            app_version=headers.get(b"app-version", b"").decode("latin-1")[:50],
            read_only=read_only,
            reader=reader,
            charge=scope.get("allmende.charge"),
            client=scope.get("allmende.client", ""),
        )
        return operation, key


def _is_subscription(engine: Engine, operation: Operation) -> bool:
    document = engine.prepare(operation.query).document
    selected = get_operation_ast(document, operation.operation_name) if document is not None else None
    return selected is not None and selected.operation is OperationType.SUBSCRIPTION
