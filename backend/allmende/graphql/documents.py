"""Documents: GraphQL operations known by the SHA-256 of their text, so that phones send 64 digits instead of them.

Registered ones come from the folder of client operations and stay; others are remembered for clients that follow
Apollo's protocol (automatic persisted queries), as many as fit. An instance can refuse all that are not registered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import structlog
from graphql import GraphQLError, parse, print_ast

from allmende.errors import AllmendeError
from allmende.graphql.recent import Recent

log = structlog.get_logger(__name__)
REMEMBERED = 2_000_000
"""Characters of automatic documents that each worker keeps, the latest used."""
LONGEST = 20_000
"""Characters of an automatic document; longer ones are answered and not remembered."""
NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
NOT_REGISTERED = "DOCUMENT_NOT_REGISTERED"
MISMATCH = "PERSISTED_QUERY_MISMATCH"


class DocumentError(AllmendeError):
    """No document to answer. The messages of Apollo's protocol are those that its clients look for."""

    code = NOT_FOUND


class Documents:
    """What one worker knows."""

    def __init__(self, registered: Mapping[str, str] | None = None, *, only_registered: bool = False) -> None:
        self.registered = dict(registered or {})
        self.only_registered = only_registered
        self._texts = frozenset(self.registered.values())
        self._remembered: Recent[str, str] = Recent(REMEMBERED)

    def registers(self, text: str) -> bool:
        """Whether this is an operation of a registered app, in one of its forms."""
        return text in self._texts

    def resolve(self, query: Any, extensions: Any) -> tuple[str, str | None]:
        """The text to answer, and the hash to remember it by if it turns out to be valid.

        Raises DocumentError where there is none, or where this one may not be asked.
        """
        asked = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
        if asked is None:
            text = str(query)
            if self.only_registered and _hash(text) not in self.registered:
                raise _unregistered()
            return text, None
        if not isinstance(asked, dict) or asked.get("version") != 1 or not _is_hash(asked.get("sha256Hash")):
            raise DocumentError("PersistedQueryNotSupported", code=NOT_SUPPORTED)
        key: str = asked["sha256Hash"]
        known = self.registered.get(key) or self._remembered.get(key)
        if not query:
            if known is None:
                raise _unregistered() if self.only_registered else DocumentError("PersistedQueryNotFound")
            return known, None
        if _hash(query) != key:
            raise DocumentError("provided sha does not match query", code=MISMATCH)
        if self.only_registered and key not in self.registered:
            raise _unregistered()
        return query, None if known is not None else key

    def remember(self, key: str, text: str) -> None:
        """Keep a document that has proved to be valid; registered ones are never pushed out by it."""
        if len(text) > LONGEST or self.only_registered or key in self._remembered:
            return
        self._remembered.put(key, text, text)


def load_documents(folder: Path, valid: Callable[[str], bool]) -> dict[str, str]:
    """The operations below `folder/<app>/<version>/`, by the hash of each form in which a client may send them.

    One that is not valid (any more) is named in the log and left out.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*/*/*.graphql")) if folder.is_dir() else ():
        text = path.read_text()
        if not valid(text):
            log.warning("document_invalid", document=str(path.relative_to(folder)))
            continue
        found |= {_hash(form): form for form in _forms(text)}
    return found


def _forms(text: str) -> Iterator[str]:
    """As it is in the file; without the blank line at its end; and as GraphQL's own printer writes it."""
    yield text
    yield text.strip()
    try:
        yield print_ast(parse(text))
    except (GraphQLError, RecursionError):
        return


def _hash(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and all(digit in "0123456789abcdef" for digit in value)


def _unregistered() -> DocumentError:
    return DocumentError("this instance answers the operations of registered apps only", code=NOT_REGISTERED)
