"""/graphql as a bare ASGI application, and the front that sends requests there past Litestar's router.

The router costs more than an answer from the cache does. The endpoint is the only one that there is: Litestar mounts
the same object where it serves without the front.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from time import perf_counter
from typing import Any

from allmende.errors import Denied, Unavailable
from allmende.graphql.asker import Asker, Headers, asker
from allmende.graphql.cache.entry import Entry
from allmende.graphql.cache.keep import Made, Responses
from allmende.graphql.cache.variant import Reader as Variant
from allmende.graphql.documents import DocumentError, Documents
from allmende.graphql.execute import Engine, Operation
from allmende.graphql.incoming import BadRequest, Incoming, read_request
from allmende.graphql.live.hub import Hub
from allmende.graphql.live.socket import Socket
from allmende.graphql.live.stream import serve_stream
from allmende.graphql.negotiate import GRAPHQL, HTML, JSON
from allmende.graphql.outcome import Outcome, failure
from allmende.graphql.outgoing import CHALLENGE, LATER, Answer, encode, from_made, shown, unkept
from allmende.graphql.parsed import Question
from allmende.graphql.repeated import Repeated
from allmende.graphql.request import RequestContext
from allmende.graphql.subject import subject
from allmende.reader import ANONYMOUS, Reader
from allmende.usage import Usage

Scope = MutableMapping[str, Any]
Receive = Callable[[], Any]
Send = Callable[[Any], Any]
PATH = "/graphql"
STREAM = "/graphql/stream"


class Endpoint:
    """Answers /graphql. `page` is what browsers are shown that open it; nothing if None."""

    def __init__(
        self,
        engine: Callable[[], Engine],
        documents: Documents,
        responses: Responses | None = None,
        page: tuple[bytes, Mapping[str, str]] | None = None,
        usage: Usage | None = None,
    ) -> None:
        self.engine, self.documents, self.responses, self.page = engine, documents, responses, page
        self.usage = usage
        self.repeated = Repeated()

    def at_once(self, scope: Scope, headers: Headers) -> Answer | None:
        """The answer to a GET that is kept and may be shown to anybody."""
        responses, who = self.responses, asker(scope, headers)
        if responses is None or who.wants_page or who.media_type is None or who.question is None:
            return None
        if not responses.usable:
            return None
        entry = responses.find(who.question, who.variant)
        if entry is None:
            return None
        if entry.asked is not None:
            entry.asked.count(who.variant.app_version)
        return shown(entry, responses.clock().timestamp(), who.media_type, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = scope.get("allmende.headers") or dict(scope["headers"])
        status, fields, body = await self.directly(scope, headers, scope.get("allmende.body"), receive)
        length = [] if status == 304 else [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": [*fields, *length]})
        await send({"type": "http.response.body", "body": body})

    def directly(
        self, scope: Scope, headers: Headers, body: bytes | None, receive: Receive | None = None
    ) -> Awaitable[Answer]:
        """The answer, as a whole. `body` is None where nobody has received it yet."""
        who = asker(scope, headers)
        if body is not None and who.is_bare and scope["method"] == "POST":
            engine = self.engine()
            question = self.repeated.find(engine.plans, body)
            if question is not None and who.media_type is not None:
                return self._again(engine, question, who.media_type, who.variant, scope)
        return self._ordinarily(scope, headers, who, body, receive)

    async def _again(
        self, engine: Engine, question: Question, media_type: str, variant: Variant, scope: Scope
    ) -> Answer:
        """The answer to what was asked before."""
        began = perf_counter()
        context = RequestContext(
            engine.services,
            variant.accept_language,
            variant.host,
            variant.app_version,
            charge=scope.get("allmende.charge"),
            client=scope.get("allmende.client", ""),
        )
        outcome = await engine.answer(question, context, began)
        made = self._made(outcome, question.text)
        if made.asked is not None:
            made.asked.count(variant.app_version)
        return from_made(made, media_type)

    async def _ordinarily(
        self, scope: Scope, headers: Headers, who: Asker, body: bytes | None, receive: Receive | None
    ) -> Answer:
        method: str = scope["method"]
        query: bytes = scope.get("query_string", b"")
        media_type, responses = who.media_type, self.responses
        if method == "GET" and who.wants_page and (page := self._page(query)) is not None:
            return page
        try:
            reader = ANONYMOUS
            if (authorization := headers.get(b"authorization")) is not None:
                reader = await self.engine().services.accounts.bearer(authorization)
            if media_type is None:
                raise BadRequest(f"this server writes {GRAPHQL} and {JSON}", 406)
            if who.question is not None and responses is not None and responses.usable:
                return await self._from_cache(responses, who.question, who.variant, media_type, scope, headers, receive)
            asked = await read_request(method, headers, query, receive, body)
            operation, key = self._operation(asked, scope, who.variant, reader)
            made = await self._answer(operation, key)
            if made.asked is not None:
                made.asked.count(operation.app_version)
            question: Question | None = made.outcome.question
            if question is not None and key is None and body is not None and who.is_bare:
                self.repeated.keep(self.engine().plans, body, question)
            return from_made(made, media_type)
        except Denied as error:
            return unkept(401, encode(failure(error.message, error.code)), media_type or JSON, CHALLENGE)
        except Unavailable as error:
            return unkept(503, encode(failure(error.message, error.code)), media_type or JSON, LATER)
        except BadRequest as error:
            body = encode(failure(error.message, "BAD_REQUEST"))
            return unkept(error.status, body, media_type or JSON, error.headers)
        except DocumentError as error:
            status = 400 if media_type == GRAPHQL else 200
            return unkept(status, encode(failure(error.message, error.code)), media_type or JSON, {})

    async def _from_cache(
        self,
        responses: Responses,
        question: bytes,
        variant: Variant,
        media_type: str,
        scope: Scope,
        headers: Headers,
        receive: Receive | None,
    ) -> Answer:
        found: Entry | Made | None = responses.find(question, variant)
        if found is None:
            asked = await read_request("GET", headers, scope["query_string"], receive)
            operation, key = self._operation(asked, scope, variant, ANONYMOUS)
            found = await responses.ask(question, variant, lambda: self._answer(operation, key))
        if found.asked is not None:
            found.asked.count(variant.app_version)
        if isinstance(found, Made):
            return from_made(found, media_type)
        return shown(found, responses.clock().timestamp(), media_type, headers)

    def _operation(
        self, asked: Incoming, scope: Scope, variant: Variant, reader: Reader
    ) -> tuple[Operation, str | None]:
        """The operation, and the hash by which its text is to be remembered if it is valid."""
        text, key = self.documents.resolve(asked.query, asked.extensions)
        operation = Operation(
            query=text,
            variables=asked.variables,
            operation_name=asked.operation_name,
            accept_language=variant.accept_language,
            host=variant.host,
            app_version=variant.app_version,
            read_only=scope["method"] == "GET",
            reader=reader,
            charge=scope.get("allmende.charge"),
            client=scope.get("allmende.client", ""),
        )
        return operation, key

    async def _answer(self, operation: Operation, key: str | None) -> Made:
        outcome = await self.engine().respond(operation)
        if outcome.kind == "executed" and key is not None:
            self.documents.remember(key, operation.query)
        return self._made(outcome, operation.query)

    def _made(self, outcome: Outcome, text: str) -> Made:
        whole = outcome.kind == "executed" and "errors" not in outcome.body
        asked = subject(self.usage, self.documents, text, outcome)
        return Made(outcome, encode(outcome.body) if whole else None, asked)

    def _page(self, query: bytes) -> Answer | None:
        if self.page is not None:
            content, headers = self.page
            return unkept(200, content, HTML, {**headers, "Vary": "Accept"})
        if b"query=" in query or b"extensions=" in query:
            return None
        return unkept(404, encode(failure("there is no GraphiQL in production", "NOT_FOUND")), JSON, {})


class Front:
    """The whole application: /graphql by the endpoint, live connections by the hub, the rest (and the lifespan) by
    `app`."""

    def __init__(self, app: Any, endpoint: Endpoint, hub: Hub | None = None) -> None:
        self.app, self.endpoint, self.hub = app, endpoint, hub
        self.directly = endpoint.directly
        """The answer to an operation; to be asked for a POST to PATH that has arrived as a whole."""

    def at_once(self, scope: Scope, headers: Headers) -> Answer | None:
        """What is kept ready, see the endpoint's; `scope` is a request for PATH without a body."""
        return self.endpoint.at_once(scope, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH:
            await self.endpoint(scope, receive, send)
        elif self.hub is not None and scope["type"] == "websocket" and scope["path"] == PATH:
            await Socket(self.hub, scope, receive, send).serve()
        elif self.hub is not None and scope["type"] == "http" and scope["path"] == STREAM:
            await serve_stream(self.hub, scope, receive, send)
        else:
            await self.app(scope, receive, send)
