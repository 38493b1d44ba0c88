"""Only a token that this provider signed for this city and this very sign-in is believed; the rest is refused."""

from __future__ import annotations

import hmac
import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allmende.accounts.audit import entries
from allmende.accounts.oidc import flow as oidc
from allmende.accounts.oidc.arrival import staff_arrive
from allmende.accounts.oidc.claims import claims_of
from allmende.accounts.oidc.provider import ProviderFault, Providers
from allmende.accounts.sessions import Session, find_session
from allmende.accounts.staff import OPERATOR, disable, list_staff, set_roles
from allmende.city.model import CitizenLogin, Login, RoleRule, StaffLogin
from allmende.errors import Denied, InputError
from joserfc import jwt
from joserfc.jwk import RSAKey

from .people import HERE, THERE, World

APP, VERIFIER = "org.example.app:/signed-in", "v" * 50
KEY, OTHER = RSAKey.generate_key(2048, {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "two"})
NONCE = "the nonce"


class Fake:
    """The provider's three addresses, which answer what the test says."""

    def __init__(self) -> None:
        self.keys: list[Any] = [KEY]
        self.asked: list[str] = []
        self.form: dict[str, list[str]] = {}
        self.token = ""
        self.issuer = ""
        self.metadata: dict[str, Any] = {}

    def answer(self, path: str) -> tuple[int, Any]:
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            places = {"authorization_endpoint": "/auth", "token_endpoint": "/token", "jwks_uri": "/keys"}
            return 200, {"issuer": self.issuer, **{k: self.issuer + v for k, v in places.items()}, **self.metadata}
        if path == "/keys":
            return 200, {"keys": [key.as_dict(private=False) for key in self.keys]}
        return (200, {"id_token": self.token}) if self.token else (400, {"error": "invalid_grant"})

    def claims(self, world: World, **changes: Any) -> dict[str, Any]:
        now = int(world.now.timestamp())
        base = {"iss": self.issuer, "aud": "allmende", "sub": "erika", "nonce": NONCE, "iat": now, "exp": now + 300}
        return {key: value for key, value in (base | changes).items() if value is not None}

    def signed(self, world: World, key: Any = KEY, alg: str = "RS256", **changes: Any) -> str:
        return jwt.encode({"alg": alg, "kid": key.kid}, self.claims(world, **changes), key)


@contextmanager
def serving(fake: Fake) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = fake.answer(self.path)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            fake.form = {**parse_qs(body), "authorization": [self.headers.get("authorization") or ""]}
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield
    server.shutdown()
    server.server_close()


@pytest.fixture
def fake(world: World) -> Iterator[Fake]:
    made = Fake()
    with serving(made):
        roles = (
            RoleRule(value="presse", role="publisher"),
            RoleRule(value="amt", role="case_worker", plugin="reports"),
        )
        world.logins[HERE] = Login(
            citizens=CitizenLogin(issuer=made.issuer, client_id="allmende", apps=(APP,)),
            staff=StaffLogin(issuer=made.issuer, client_id="allmende", client_secret="secret:X", roles=roles),
        )
        yield made


@pytest.fixture
def providers(fake: Fake) -> Providers:
    allowed = frozenset({("127.0.0.1", int(fake.issuer.rpartition(":")[2]))})
    return Providers(allowed, secret=lambda reference: f"value of {reference}")


async def test_a_token_of_this_provider_for_this_sign_in_is_believed(
    world: World, fake: Fake, providers: Providers
) -> None:
    citizens = world.logins[HERE].citizens
    assert citizens is not None
    for changes in ({}, {"aud": ["allmende"]}, {"aud": ["allmende", "x"], "azp": "allmende"}, {"azp": "allmende"}):
        token = fake.signed(world, **changes)
        assert (await claims_of(providers, citizens, token, NONCE, world.now))["sub"] == "erika"
    assert fake.asked.count("/keys") == fake.asked.count("/.well-known/openid-configuration") == 1


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"iss": "https://evil.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "another"}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": ["allmende", "another"]}, "azp"),
        ({"azp": "another"}, "azp"),
        ({"nonce": "of another sign-in"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"exp": 1_000_000_000}, "exp"),
        ({"exp": None}, "exp"),
        ({"iat": 9_999_999_999}, "iat"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 5}, "sub"),
    ],
)
async def test_a_token_for_something_else_is_refused_and_the_part_is_named(
    world: World, fake: Fake, providers: Providers, changes: dict[str, Any], part: str
) -> None:
    citizens = world.logins[HERE].citizens
    assert citizens is not None
    with pytest.raises(Denied, match=f"is not for this sign-in: its {part}") as caught:
        await claims_of(providers, citizens, fake.signed(world, **changes), NONCE, world.now)
    assert caught.value.code == "SIGN_IN_FAILED"


async def test_a_forged_signature_is_refused(world: World, fake: Fake, providers: Providers) -> None:
    citizens = world.logins[HERE].citizens
    assert citizens is not None

    def part(value: Any) -> str:
        return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims, good = fake.claims(world), fake.signed(world)
    header, _, signature = good.split(".")
    confused = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(claims)}"
    mac = hmac.digest(KEY.as_pem(private=False), confused.encode(), "sha256")
    own = RSAKey.generate_key(2048, {"kid": "one"})
    for forged in (
        f"{part({'alg': 'none'})}.{part(claims)}.",
        f"{header}.{part(fake.claims(world, sub='mayor'))}.{signature}",
        f"{confused}.{urlsafe_b64encode(mac).decode().rstrip('=')}",  # the public key as a secret that both know
        fake.signed(world, own),
        good[:-4] + "AAAA",
        "x.y.z",
        "",
        good + "x" * 60_000,
    ):
        with pytest.raises(Denied, match="its signature"):
            await claims_of(providers, citizens, forged, NONCE, world.now)


async def test_new_keys_of_the_provider_are_found_and_unknown_ones_ask_once_a_minute(world: World, fake: Fake) -> None:
    clock = [0.0]
    allowed = frozenset({("127.0.0.1", int(fake.issuer.rpartition(":")[2]))})
    providers = Providers(allowed, clock=lambda: clock[0])
    citizens = world.logins[HERE].citizens
    assert citizens is not None
    await claims_of(providers, citizens, fake.signed(world), NONCE, world.now)
    fake.keys = [OTHER]
    for seconds, asked in ((61, 2), (62, 2)):
        clock[0] = seconds
        await claims_of(providers, citizens, fake.signed(world, OTHER), NONCE, world.now)
        assert fake.asked.count("/keys") == asked
    for _ in range(5):
        with pytest.raises(Denied):
            await claims_of(providers, citizens, fake.signed(world, KEY), NONCE, world.now)
    assert fake.asked.count("/keys") == 2


async def test_a_provider_that_is_not_what_the_citys_file_says_is_not_used(world: World, fake: Fake) -> None:
    allowed = frozenset({("127.0.0.1", int(fake.issuer.rpartition(":")[2]))})
    for metadata, message in (
        ({"issuer": "https://evil.example"}, "it calls itself 'https://evil.example'"),
        ({"token_endpoint": "ftp://x"}, "is not safe"),
        ({"jwks_uri": 5}, "its metadata cannot be read"),
    ):
        fake.metadata = metadata
        with pytest.raises(ProviderFault, match=message):
            await Providers(allowed).endpoints(fake.issuer)
    with pytest.raises(ProviderFault, match="is not on the public internet"):
        await Providers().endpoints(fake.issuer)
    with pytest.raises(ProviderFault, match="ConnectError"):
        await Providers(frozenset({("127.0.0.1", 9)})).endpoints("http://127.0.0.1:9")


async def begin(world: World, providers: Providers, **changes: str) -> tuple[dict[str, str], str]:
    """What the provider is asked, and the header Cookie of the browser from then on."""
    challenge = oidc.challenge_of(VERIFIER)
    options: Any = {"app": APP, "challenge": challenge, "app_state": "s", **changes}
    city, back = world.cities()[HERE], "https://aue.example/aue/login/callback"
    leaving = await oidc.begin(world.accounts, providers, city, "citizens", back, secure=True, **options)
    assert leaving.cookie.endswith("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure")
    asked = {key: values[0] for key, values in parse_qs(urlsplit(leaving.url).query).items()}
    return asked, leaving.cookie.partition(";")[0]


async def test_the_way_there_and_back(world: World, fake: Fake, providers: Providers) -> None:
    asked, cookie = await begin(world, providers)
    assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == ("code", "S256", "openid")
    flow = oidc.found_flow(world.accounts, HERE, cookie, asked["state"], secure=True)
    assert oidc.challenge_of(flow.verifier) == asked["code_challenge"]
    for secret in (flow.verifier, flow.nonce, flow.state):
        assert secret not in cookie
    fake.token = fake.signed(world, nonce=asked["nonce"])
    city = world.cities()[HERE]
    claims = await oidc.finish(world.accounts, providers, city, flow, {"code": "c", "iss": fake.issuer})
    assert claims["sub"] == "erika"
    assert (fake.form["code"], fake.form["code_verifier"], fake.form["client_id"]) == (
        ["c"], [flow.verifier], ["allmende"]
    )  # fmt: skip
    with pytest.raises(Denied, match="another provider"):
        await oidc.finish(world.accounts, providers, city, flow, {"code": "c", "iss": "https://evil.example"})
    with pytest.raises(Denied) as caught:
        await oidc.finish(world.accounts, providers, city, flow, {"error": "access_denied"})
    assert caught.value.code == "SIGN_IN_REFUSED"
    fake.token = ""
    with pytest.raises(ProviderFault, match="answered 400"):
        await oidc.finish(world.accounts, providers, city, flow, {"code": "used"})


async def test_an_answer_fits_the_browser_that_began_and_no_other(world: World, providers: Providers) -> None:
    asked, cookie = await begin(world, providers)
    other, others_cookie = await begin(world, providers)
    name, _, value = cookie.partition("=")
    for city, cookies, state in (
        (HERE, cookie, other["state"]),
        (HERE, others_cookie, asked["state"]),
        (HERE, "", asked["state"]),
        (HERE, f"{name}={value[:-6]}AAAAA=", asked["state"]),
        (HERE, f"{name}=x", asked["state"]),
        (HERE, cookie, ""),
        (HERE, cookie, "ä"),
        (THERE, f"__Host-login-{THERE}={value}", asked["state"]),
    ):
        with pytest.raises(Denied) as caught:
            oidc.found_flow(world.accounts, city, cookies, state, secure=True)
        assert caught.value.code == "SIGN_IN_FAILED"
    world.wait(minutes=10)
    with pytest.raises(Denied, match="too long"):
        oidc.found_flow(world.accounts, HERE, cookie, asked["state"], secure=True)


@pytest.mark.parametrize(
    "changes", [{"app": "https://evil.example/"}, {"app": ""}, {"challenge": "x"}, {"app_state": "\n"}]
)
async def test_an_app_that_the_city_does_not_name_or_without_pkce_is_refused(
    world: World, providers: Providers, changes: dict[str, str]
) -> None:
    with pytest.raises(InputError):
        await begin(world, providers, **changes)


async def arrive(world: World, **claims: Any) -> Session:
    login = world.logins[HERE].staff
    assert login is not None
    told = {"iss": login.issuer, "sub": "ada", "name": "Ada", "groups": ["presse"], **claims}
    token = await staff_arrive(world.accounts, world.cities()[HERE], login, told)
    return await find_session(world.accounts, HERE, f"__Host-desk-{HERE}={token}", secure=True)


async def test_staff_have_the_roles_that_their_groups_give_each_time_they_sign_in(world: World, fake: Fake) -> None:
    session = await arrive(world, groups=["presse", "amt", "kantine"])
    assert session.reader.may("content.publish")
    assert session.reader.may("cases.work", "reports")
    assert not session.reader.may("cases.work")
    await set_roles(world.accounts, HERE, session.reader.id, [("admin", "*")], by=OPERATOR)
    again = await arrive(world, groups="amt")
    assert again.reader.id == session.reader.id
    assert not again.reader.may("content.publish")
    assert again.reader.may("desk.users")  # given at the desk
    with pytest.raises(Denied):
        await arrive(world, groups=["kantine"])
    with pytest.raises(Denied):
        await arrive(world, groups=None)
    actions = [one.action for one in await entries(world.database, HERE)]
    assert actions == ["session.open", "user.roles", "user.roles", "session.open", "user.roles"]


async def test_an_account_made_at_the_desk_is_found_by_a_verified_address_only(world: World, fake: Fake) -> None:
    account = await world.staff(("reader", "*"), password=False)
    with_address = {"email": "Ada@aue.example", "email_verified": True}
    stranger = await arrive(world, sub="eve", email="ada@aue.example")
    assert stranger.reader.id != account
    session = await arrive(world, **with_address)
    assert session.reader.id == account
    assert session.reader.may("content.read")
    with pytest.raises(Denied, match="another account"):
        await arrive(world, sub="eve2", **with_address)
    assert [one.by_provider for one in await list_staff(world.accounts, HERE, account=account)] == [True]
    await disable(world.accounts, HERE, account, by=OPERATOR)
    with pytest.raises(Denied, match="disabled"):
        await arrive(world, **with_address)
