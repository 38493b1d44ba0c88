"""Errors with a stable code, and problems that name the place and the fix."""

from __future__ import annotations

from msgspec import Struct


class Problem(Struct, frozen=True, kw_only=True):
    """One thing wrong in one place, printed as `file:line:column key: what is wrong; expected …`."""

    file: str
    line: int = 1
    column: int = 1
    key: str = ""
    message: str
    expected: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        key = f" {self.key}" if self.key else ""
        expected = f"; expected {self.expected}" if self.expected else ""
        return f"{place}{key}: {self.message}{expected}"


class AllmendeError(Exception):
    """Base of every error that may be shown to whoever asked; `code` is part of the public contract."""

    code = "INTERNAL"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class InputError(AllmendeError):
    """An argument that cannot be used; the message names the argument and what is expected."""

    code = "BAD_INPUT"


class NotFound(AllmendeError):
    """What was asked for by key does not exist (for this reader)."""

    code = "NOT_FOUND"


class Denied(AllmendeError):
    """Whoever asks may not see or do this: UNAUTHENTICATED without a token of the city, FORBIDDEN with one."""

    code = "FORBIDDEN"


class Unavailable(AllmendeError):
    """Nothing is wrong with what was asked: the same may work later."""

    code = "UNAVAILABLE"


class ScopeError(AllmendeError):
    """A statement touched a city's rows without saying which city, or another city's. Always a bug."""

    code = "SCOPE"


class FeedError(AllmendeError):
    """A feed that cannot be used as a whole: the last good data stays.

    `place` is where in the feed ("line 3", "features[7]", "the header"), the message what is wrong there.
    """

    code = "FEED"

    def __init__(self, message: str, *, place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.place = place


class ConfigError(AllmendeError):
    """Everything that is wrong in a set of configuration files, all of it at once."""

    code = "CONFIG"

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
