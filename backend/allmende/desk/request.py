"""What a page of the desk is given: one city, one member of staff, their language, the form; and ways to answer."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, time
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

from litestar import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.accounts.sessions import Session
from allmende.city.model import City, LocalText, pick
from allmende.context import Context
from allmende.desk import flash
from allmende.desk.form import Form
from allmende.desk.office import Office
from allmende.desk.page import Group, Link
from allmende.desk.render import LANGUAGES, TITLES, render, words
from allmende.errors import Denied, NotFound
from allmende.reader import Reader

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every answer of the desk: nothing from elsewhere, no inline scripts or styles, nothing kept."""


@dataclass(slots=True)
class Desk:
    """One request. `desk.city`, `desk.reader`, `desk.form`, `desk.text(…)`, `desk.session()`, `desk.page(…)`."""

    office: Office
    request: Request[Any, Any, Any]
    city: City
    reader: Reader
    language: str
    """`de` or `en`."""
    csrf: str
    """The token that every form of this reader holds."""
    form: Form
    signed: Session | None = None
    """The reader's session; None for those who have not signed in."""
    links: list[tuple[Group, list[Link]]] = field(default_factory=list)
    """The navigation by group, as far as this reader may go."""
    cookies: list[Any] = field(default_factory=list)
    """Cookies that the answer sets, whatever it is."""

    @property
    def path(self) -> Mapping[str, Any]:
        """The parameters of the page's path. Litestar gives the same dict to every request of that path."""
        return MappingProxyType(self.request.path_params)

    @property
    def here(self) -> str:
        """The path of this page below /<city>/desk: `feeds/news/rathaus`."""
        return self.request.url.path.partition("/desk")[2].strip("/")

    def asked(self, name: str, most: int = 200) -> str:
        """A query parameter, trimmed."""
        return str(self.request.query_params.get(name, "")).replace("\x00", "").strip()[:most]

    def address(self, *parts: str, **query: Any) -> str:
        """The address of a page of this desk; empty query values are left out."""
        path = "/".join(quote(part, safe="/") for part in (self.city.slug, "desk", *parts) if part)
        given = {key: value for key, value in query.items() if value not in ("", None)}
        return f"/{path}" + (f"?{urlencode(given, doseq=True)}" if given else "")

    def text(self, key: str, /, **values: Any) -> str:
        """A text of the desk in the reader's language."""
        return words(self.language, key, **values)

    def pick(self, text: LocalText) -> str:
        """A configured text in the reader's language, or the nearest there is."""
        return pick(text, self.language, self.city.language)

    def may(self, permission: str) -> bool:
        return not permission or self.reader.may(permission)

    def need(self, permission: str) -> None:
        """Denied where the reader does not have it."""
        if not self.may(permission):
            raise Denied(f"this needs the permission {permission}")

    @property
    def now(self) -> datetime:
        """The present instant, in the city's time zone."""
        return self.office.clock().astimezone(self.city.tz)

    def local(self, moment: datetime | None) -> datetime | None:
        """An instant in the city's time zone, as pages show it."""
        return moment.astimezone(self.city.tz) if moment else None

    def end_of(self, day: date | None) -> datetime | None:
        """The last minute of this day, by the city's clocks."""
        return datetime.combine(day, time(23, 59), self.city.tz) if day else None

    @property
    def client(self) -> str:
        """Whoever asks, as the door knows it; for limits of attempts only."""
        return str(self.request.scope.get("allmende.client", ""))

    def session(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Reads rows of this city."""
        return self.office.database.session(self.city.slug)

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Writes rows of this city: committed at the end of the block."""
        return self.office.database.transaction(self.city.slug)

    def context(self, plugin: str) -> Context[Any]:
        """What the plugin is given for this reader; NotFound where it is off."""
        office = self.office
        language = self.language if self.language in self.city.languages else self.city.language
        made = office.registry.context(self.city, plugin, office.database, language, office.clock, self.reader)
        if made is None:
            raise NotFound(f"{plugin} is off in {self.city.slug}")
        return made

    def page(self, template: str, status: int = 200, /, **values: Any) -> Response[str]:
        """A template below templates/, with `desk`, `t`, `form` and these values."""
        said, forget = flash.take(self.request.cookies)
        content = render(
            template,
            desk=self,
            t=self.text,
            form=self.form,
            language=self.language,
            languages=[(code, TITLES[code]) for code in LANGUAGES],
            said=[(kind, words(self.language, key, **given)) for kind, key, given in said],
            **values,
        )
        if forget:
            self.cookies.append(flash.cookie(self, ()))
        return Response(content, status_code=status, media_type="text/html")

    def go(
        self, *parts: str, said: str = "", kind: str = "good", query: Mapping[str, Any] | None = None, **values: Any
    ) -> Response[bytes]:
        """Go on to a page of this desk after a form; `said` is the key of the text that it then shows on top."""
        if said:
            self.cookies.append(flash.cookie(self, ((kind, said, values),)))
        return Response(b"", status_code=303, headers={"Location": self.address(*parts, **(query or {}))})

    def file(self, content: bytes | str, name: str, media_type: str) -> Response[bytes]:
        """A file to be saved under this name."""
        body = content.encode() if isinstance(content, str) else content
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
        return Response(body, media_type=media_type, headers=headers)
