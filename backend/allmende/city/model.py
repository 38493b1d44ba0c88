"""The city as the rest of the system sees it: immutable, typed data, read from cities/<slug>/."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct, field

Slug = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64, description="small letters, digits and single hyphens"),
]
Language = Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$", description="BCP 47 tag such as de or en-GB")]
Ags = Annotated[str, Meta(pattern=r"^\d{8}$", description="Amtlicher Gemeindeschlüssel, 8 digits")]
Ars = Annotated[str, Meta(pattern=r"^\d{12}$", description="Amtlicher Regionalschlüssel, 12 digits")]
Colour = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}$", description="#rrggbb")]
Lat = Annotated[float, Meta(ge=-90, le=90)]
Lon = Annotated[float, Meta(ge=-180, le=180)]
AppVersions = Annotated[
    str,
    Meta(
        pattern=r"^((<=|>=|<|>|=) ?\d+(\.\d+){0,3}(, ?(?=[<>=])|$))*$",
        description='comparisons such as "<2.3" or ">=2.0, <2.3"',
    ),
]
LocalText = str | dict[Language, str]
"""A text in one language, or in several: `"Spielplatz"` or `{de = "Spielplatz", en = "Playground"}`."""


Maintainer = Annotated[
    str,
    Meta(
        pattern=r"^(@[A-Za-z0-9][A-Za-z0-9-]*(/[A-Za-z0-9._-]+)?|[^@\s]+@[^@\s]+)$",
        description="a handle such as @example-org/team, or an e-mail address",
    ),
]
"""Who is asked to review, as CODEOWNERS names them."""


class Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything that is read from a file: unknown keys are errors."""


class Config(Strict, frozen=True, kw_only=True):
    """Base of a plugin's configuration, one instance per city. Subclass it in the plugin's config.py."""


class BBox(Strict, frozen=True, kw_only=True):
    """A bounding box in WGS 84 degrees."""

    south: Lat
    west: Lon
    north: Lat
    east: Lon

    def contains(self, lat: float, lon: float) -> bool:
        return self.south <= lat <= self.north and self.west <= lon <= self.east


class Area(Strict, frozen=True, kw_only=True):
    """Where the municipality lies: its centre (usually the town hall) and the box that its territory fits in."""

    lat: Lat
    lon: Lon
    bbox: BBox
    outline: str = ""
    """GeoJSON file below the city's folder with its polygons (WGS 84); without it, the box stands for the territory."""
    km2: Annotated[float, Meta(gt=0)] | None = None
    population: Annotated[int, Meta(ge=0)] | None = None
    population_date: date | None = None


class Contact(Strict, frozen=True, kw_only=True):
    """The town hall's public address."""

    name: str = ""
    street: str = ""
    postal_code: str = ""
    place: str = ""
    phone: str = ""
    email: str = ""
    website: str = ""


class Imprint(Strict, frozen=True, kw_only=True):
    """Links that the law requires (§ 5 DDG, Art. 13 GDPR)."""

    url: str = ""
    privacy_url: str = ""
    accessibility_url: str = ""


class Privacy(Strict, frozen=True, kw_only=True):
    """`[privacy]` in city.toml: whom to turn to about personal data (Art. 13 GDPR). Offices, not people."""

    officer: str = ""
    """The office of the data protection officer."""
    email: str = ""
    authority: str = ""
    """The supervisory authority (Art. 77), with its address."""


class Switch(Strict, frozen=True, kw_only=True):
    """`[modules.<plugin>]` in city.toml: takes a module off the air with a reason; configuration and data stay."""

    off: bool = True
    reason: LocalText = ""
    """What citizens are told."""
    since: datetime | None = None
    """Without an offset, it is the city's wall-clock time."""
    app_versions: AppVersions = ""
    """Only for apps that send such a header `App-Version`; empty means for everybody."""


Role = Literal["reader", "editor", "publisher", "case_worker", "admin"]
"""What staff are in a city, for one plugin or for all."""


class RoleRule(Strict, frozen=True, kw_only=True):
    """One of `[[login.staff.roles]]`: who has this value in the provider's claim gets this role."""

    value: str
    """Of the claim: the name of a group, usually."""
    role: Role
    plugin: str = "*"
    """The role is for this module only; `*` means for all."""


class Provider(Strict, frozen=True, kw_only=True):
    """An OpenID provider (Keycloak, a broker in front of BundID) and how this city is known there."""

    issuer: Annotated[str, Meta(pattern=r"^https?://[^\s?#]+$", description="the issuer's address, as it writes it")]
    """What stands before `/.well-known/openid-configuration`, exactly as the provider's tokens say it."""
    client_id: str
    client_secret: str = ""
    """`secret:NAME`; empty for a public client (PKCE is used in any case)."""
    scopes: tuple[str, ...] = ("openid",)


LONGEST_DAYS = 365
"""For so long is somebody signed in at most, where the city does not say."""


class CitizenLogin(Provider, frozen=True, kw_only=True):
    """`[login.citizens]`: citizens may sign in there."""

    apps: tuple[str, ...] = ()
    """Addresses of apps (`app.example.org:/signed-in`, or https) to which the browser may come back."""
    longest_days: Annotated[int, Meta(ge=1, le=3650)] = LONGEST_DAYS
    """After so many days somebody has to sign in anew, however often the app has renewed its tokens."""


class StaffLogin(Provider, frozen=True, kw_only=True):
    """`[login.staff]`: staff sign in at the desk there."""

    claim: str = "groups"
    """Claim of the ID token that holds what `roles` speak of: a text, or a list of them."""
    roles: tuple[RoleRule, ...] = ()
    """Who has none of them is not let in."""


class Login(Strict, frozen=True, kw_only=True):
    """`[login]`: how people sign in. Without it, devices are anonymous and staff have passwords and a second factor."""

    citizens: CitizenLogin | None = None
    staff: StaffLogin | None = None
    passwords: bool = True
    """Whether staff may sign in by password."""
    second_factor: bool = True
    """Whether who has a password must set up a second factor before anything else."""


class Template(Strict, frozen=True, kw_only=True):
    """`[[desk.templates]]`: a text that case workers begin an answer with; `{number}` and `{title}` are the case's."""

    title: LocalText
    text: LocalText


class DeskConfig(Strict, frozen=True, kw_only=True):
    """`[desk]`: what the town hall's staff find at their desk."""

    templates: tuple[Template, ...] = ()


class Brand(Strict, frozen=True, kw_only=True):
    """brand/theme.toml: colours and logo. Contrast against white or black text is checked on loading."""

    primary: Colour = "#1f5f5b"
    accent: Colour = "#b3541e"
    logo: str = ""
    """File name of an SVG or PNG below brand/."""


class WebPush(Strict, frozen=True, kw_only=True):
    """`[notify.webpush]`: browsers, and phones without Google's services through UnifiedPush."""

    private_key: str
    """`secret:NAME` of the VAPID key that `allmende notify keys` makes."""
    public_key: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{87}$", description="65 bytes in base64url")]
    """The other half of the key, for the browsers."""
    subject: Annotated[str, Meta(pattern=r"^(mailto:[^@\s]+@[^@\s]+|https://\S+)$", description="mailto: or https:")]
    """Whom a push service asks when something is wrong (RFC 8292, 2.1)."""


class Fcm(Strict, frozen=True, kw_only=True):
    """`[notify.fcm]`: Android phones, through the app's project at Firebase."""

    credentials: str
    """`secret:NAME` of the service account's JSON file."""


class Apns(Strict, frozen=True, kw_only=True):
    """`[notify.apns]`: iPhones, through the app's key at Apple."""

    private_key: str
    """`secret:NAME` of the .p8 file."""
    key_id: str
    team_id: str
    app: str
    """The app's bundle id."""
    sandbox: bool = False


class Mail(Strict, frozen=True, kw_only=True):
    """`[notify.email]`: the city's own mail server."""

    host: str
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = ""
    """`secret:NAME`."""
    sender: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$", description="an e-mail address")]
    site: Annotated[
        str, Meta(pattern=r"^(https?://[^\s/]+)?$", description="an address such as https://app.example.org")
    ] = ""
    """Where the links in mails lead; the first of `hosts` where nothing stands here."""


class Notify(Strict, frozen=True, kw_only=True):
    """`[notify]` in city.toml: the ways by which citizens can be told of something. What is missing is not offered."""

    webpush: WebPush | None = None
    fcm: Fcm | None = None
    apns: Apns | None = None
    email: Mail | None = None


class City(Struct, frozen=True, kw_only=True):
    """One municipality, effective after layering plugin defaults, _shared/<key>, city and environment."""

    slug: str
    name: str
    official_name: str = ""
    ags: str
    ars: str
    land: str = ""
    kreis: str = ""
    area: Area
    languages: tuple[str, ...] = ("de",)
    """Offered languages, BCP 47; the first is the default."""
    timezone: str = "Europe/Berlin"
    subdivision: str = ""
    """ISO 3166-2 code of the Land (DE-NW), by which public holidays are computed."""
    contact: Contact = field(default_factory=Contact)
    imprint: Imprint = field(default_factory=Imprint)
    privacy: Privacy = field(default_factory=Privacy)
    hosts: tuple[str, ...] = ()
    cors: tuple[str, ...] = ()
    """Origins of other websites whose pages may ask for this city's data."""
    maintainers: tuple[str, ...] = ()
    fictional: bool = False
    login: Login = Login()
    desk: DeskConfig = DeskConfig()
    brand: Brand = field(default_factory=Brand)
    plugins: Mapping[str, Config] = MappingProxyType({})
    """Enabled plugins and their effective configuration; a plugin that is not a key here is off."""
    module_order: tuple[str, ...] = ()
    """What citizens are shown first; modules that are not named follow by name."""
    modules: Mapping[str, Switch] = MappingProxyType({})
    """Plugin → its kill switch. A module that is off for everybody is not in `plugins` either."""
    notify: Notify = field(default_factory=Notify)
    texts: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    """Wording overrides: language → `plugin.key` → text."""
    folder: str = ""

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def language(self) -> str:
        return self.languages[0]

    @property
    def site(self) -> str:
        """Where the city's addresses begin; empty where it has no host name, so that they stay paths."""
        return f"https://{self.hosts[0]}" if self.hosts else ""

    def wording(self, key: str, text: LocalText) -> LocalText:
        """A text that a plugin brings (`news.title`), with the city's own words for it on top, language by language."""
        own = {language: words[key] for language, words in self.texts.items() if key in words}
        return {**(text if isinstance(text, dict) else {"en": text}), **own} if own else text

    def config(self, plugin: str) -> Any | None:
        return self.plugins.get(plugin)


def pick(text: LocalText, language: str, fallback: str = "de") -> str:
    """The text in the language, else without its region (`en-GB` → `en`), else in the fallback, else any."""
    if isinstance(text, str):
        return text
    for tag in (language, language.partition("-")[0], fallback):
        if tag in text:
            return text[tag]
    return next(iter(text.values()), "")
