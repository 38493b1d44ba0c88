"""A browser's session at the desk: a token in a cookie that scripts cannot read, and a CSRF token derived from it.

The pages of the desk use nothing else of this room to know who asks:

    session = await find_session(accounts, city, cookies, secure=…)   # Denied: show the page for signing in
    check_csrf(accounts, session, form["csrf"])                       # before every POST
"""

from __future__ import annotations

from datetime import datetime, timedelta
from http.cookies import CookieError, SimpleCookie

from msgspec import Struct
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.accounts.service import Accounts
from allmende.accounts.tables import Token
from allmende.accounts.tokens import IDLE, LIVES, city_of, fingerprint, invalid, issue
from allmende.errors import Denied
from allmende.reader import Reader

NOTICE = timedelta(minutes=5)
"""How exactly it is known when a session was last used: a write per session and so many minutes."""
_QUIET = {"synchronize_session": False}


class Session(Struct, frozen=True, kw_only=True):
    """Somebody of the staff who has signed in at the desk of one city."""

    reader: Reader
    """With what they may do; with nothing while `must_enrol`."""
    csrf: str
    """Put it into every form as the hidden field `csrf`."""
    token: str
    """The cookie's value. Never write it anywhere."""
    family: str
    """The session as the list of sessions names it."""
    email: str = ""
    expires: datetime
    must_enrol: bool = False
    """The city asks for a second factor and this account has none yet: show nothing but its enrolment."""


def cookie_name(city: str, *, secure: bool) -> str:
    """One for each city, since one host may serve many. `__Host-` keeps it to this very host, by HTTPS only."""
    return f"__Host-desk-{city}" if secure else f"desk-{city}"


def session_cookie(city: str, token: str, *, secure: bool) -> str:
    """The header Set-Cookie after signing in; with an empty token, the one after signing out.

    `secure` is whether the instance is in production (then the desk is there by HTTPS only).
    """
    age = int(LIVES["session"].total_seconds()) if token else 0  # type: ignore[union-attr]
    end = "; Secure" if secure else ""
    return f"{cookie_name(city, secure=secure)}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{end}"


async def find_session(accounts: Accounts, city: str, cookies: str, *, secure: bool) -> Session:
    """The session of a request's header Cookie, in this city. One statement. Denied (UNAUTHENTICATED) without one."""
    token = _from(cookies, cookie_name(city, secure=secure))
    if city_of(token) != city:
        raise invalid()
    rows = await accounts.look_up(token, ("session",))
    first, now = rows[0], accounts.clock()
    seen = first.seen or first.created
    if seen <= now - IDLE or first.kind != "staff":
        raise invalid()
    if seen <= now - NOTICE:
        await accounts.touch(city, token, first.account)
    reader = accounts.made(city, rows)
    must_enrol = bool(first.password) and first.totp is None and accounts.city(city).login.second_factor
    if must_enrol:
        reader = Reader(kind="staff", id=reader.id, city=city, name=reader.name)
    return Session(
        reader=reader,
        csrf=accounts.sealer.sign(token, "csrf"),
        token=token,
        family=first.family,
        email=first.email or "",
        expires=min(first.expires, now + IDLE),
        must_enrol=must_enrol,
    )


def check_csrf(accounts: Accounts, session: Session, given: str) -> None:
    """Denied (CSRF) where a form does not hold the token of this session."""
    if not accounts.sealer.is_signed(given[:100], session.token, "csrf"):
        raise Denied("the form is too old, or comes from another page; load it again", code="CSRF")


async def open_session(accounts: Accounts, session: AsyncSession, city: str, account: str) -> str:
    """A new session; the token for the cookie. Always a new one, so that nobody can plant one (session fixation)."""
    return await issue(session, city, account, "session", accounts.clock())


async def sign_out(accounts: Accounts, session: Session) -> None:
    """End this session; its cookie opens nothing any more."""
    async with accounts.database.transaction(session.reader.city) as db:
        mine = delete(Token).where(Token.hash == fingerprint(session.token))
        await db.execute(mine, execution_options=_QUIET)


async def end_tokens(session: AsyncSession, account: str, family: str = "") -> int:
    """End everything that this account holds (or that came from one sign-in); how many tokens that were."""
    mine = delete(Token).where(Token.account == account)
    if family:
        mine = mine.where(Token.family == family)
    ended = await session.execute(mine.returning(Token.hash), execution_options=_QUIET)
    return len(ended.all())


def _from(cookies: str, name: str) -> str:
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(cookies[:8000])
    except CookieError:
        raise invalid() from None
    return jar[name].value if name in jar else ""
