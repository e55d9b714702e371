"""Secrets of many kinds, made from a seed when a test runs: none of them opens anything.

No token stands here in one piece, so that no scanner is upset by this file. A `Secret` is what must
not be seen again, whole or in its telling parts; a carrier is the text that somebody wrote it into.
"""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable, Iterator
from typing import NamedTuple

_ALNUM = string.ascii_letters + string.digits
_LOWER = string.ascii_lowercase + string.digits
_UPPER = string.ascii_uppercase + string.digits
_HEX = "0123456789abcdef"


class Secret(NamedTuple):
    """One secret. `needles` are the parts of which none may be seen; `text` is how it is written.

    `line`, where there is one, is the whole line by which it is known: a password is nothing
    without its name.
    """

    kind: str
    text: str
    needles: tuple[str, ...]


class Seeded:
    """Random texts, the same ones for a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def of(self, alphabet: str, n: int) -> str:
        """A text that has a digit and, where the alphabet does, both cases, as real ones have."""
        kinds = [k for k in (str.isdigit, str.isupper, str.islower) if any(map(k, alphabet))]
        while True:
            text = "".join(self._random.choices(alphabet, k=n))
            if n < 6 or all(sum(map(kind, text)) >= min(2, n // 4) for kind in kinds):
                return text

    def alnum(self, n: int) -> str:
        return self.of(_ALNUM, n)

    def lower(self, n: int) -> str:
        return self.of(_LOWER, n)

    def upper(self, n: int) -> str:
        return self.of(_UPPER, n)

    def hex(self, n: int) -> str:
        return self.of(_HEX, n)

    def digits(self, n: int) -> str:
        return self.of(string.digits, n)

    def uuid(self) -> str:
        return "-".join(self.hex(n) for n in (8, 4, 4, 4, 12))

    def base64(self, n_bytes: int) -> str:
        return base64.b64encode(self._random.randbytes(n_bytes)).decode()

    def password(self) -> str:
        """What a generator of passwords makes, without what ends a word in a shell."""
        return self.alnum(9) + self._random.choice("!.-_+~^") + self.alnum(7)


def join(*parts: str) -> str:
    return "".join(parts)


# Tokens that are known by their shape, wherever they stand.
TOKENS: dict[str, Callable[[Seeded], str]] = {
    "aws access key": lambda s: join("AK", "IA", s.upper(16)),
    "aws session key": lambda s: join("AS", "IA", s.upper(16)),
    "github": lambda s: join("gh", "p_", s.alnum(36)),
    "github oauth": lambda s: join("gh", "o_", s.alnum(36)),
    "github user": lambda s: join("gh", "u_", s.alnum(36)),
    "github server": lambda s: join("gh", "s_", s.alnum(36)),
    "github refresh": lambda s: join("gh", "r_", s.alnum(36)),
    "github fine grained": lambda s: join("github", "_pat_", s.alnum(22), "_", s.alnum(59)),
    "gitlab": lambda s: join("gl", "pat-", s.alnum(20)),
    "gitlab deploy": lambda s: join("gl", "dt-", s.alnum(20)),
    "gitlab feed": lambda s: join("gl", "ft-", s.alnum(20)),
    "gitlab runner": lambda s: join("gl", "rt-", s.alnum(20)),
    "gitlab registration": lambda s: join("GR13", "48941", s.alnum(20)),
    "gitlab job": lambda s: join("gl", "cbt-", "64_", s.alnum(20)),
    "gitlab mail": lambda s: join("gl", "imt-", s.alnum(25)),
    "gitlab trigger": lambda s: join("gl", "ptt-", s.hex(40)),
    "gitlab agent": lambda s: join("gl", "agent-", s.alnum(50)),
    "gitlab oauth": lambda s: join("gl", "oas-", s.hex(64)),
    "discord": lambda s: join("M", s.alnum(23), ".", s.alnum(6), ".", s.alnum(27)),
    "jwt": lambda s: join("ey", "JhbGciOiJIUzI1NiJ9", ".ey", "J", s.alnum(40), ".", s.alnum(43)),
    "mailchimp": lambda s: join(s.hex(32), "-us", "12"),
    "npm": lambda s: join("np", "m_", s.alnum(36)),
    "openai": lambda s: join("sk", "-", s.alnum(20), "T3Blbk", "FJ", s.alnum(20)),
    "openai project": lambda s: join("sk", "-proj-", s.alnum(48)),
    "anthropic": lambda s: join("sk", "-ant-", "api03-", s.alnum(80)),
    "pypi": lambda s: join("py", "pi-AgEIcHlwaS5vcmc", s.alnum(75)),
    "pypi test": lambda s: join("py", "pi-AgENdGVzdC5weXBpLm9yZw", s.alnum(75)),
    "sendgrid": lambda s: join("S", "G.", s.alnum(22), ".", s.alnum(43)),
    "slack bot": lambda s: join("xo", "xb-", s.digits(12), "-", s.digits(12), "-", s.alnum(24)),
    "slack user": lambda s: join("xo", "xp-", s.digits(12), "-", s.digits(12), "-", s.lower(32)),
    "slack app": lambda s: join("xa", "pp-1-A", s.upper(10), "-", s.digits(13), "-", s.hex(64)),
    "slack hook": lambda s: join(
        "https://hooks.slack.com/services/T", s.upper(8), "/B", s.upper(8), "/", s.alnum(24)
    ),
    "square": lambda s: join("sq0", "csp-", s.alnum(43)),
    "square access": lambda s: join("sq0", "atp-", s.alnum(22)),
    "stripe": lambda s: join("sk", "_live_", s.alnum(24)),
    "stripe restricted": lambda s: join("rk", "_live_", s.alnum(24)),
    "stripe test": lambda s: join("sk", "_test_", s.alnum(24)),
    "stripe hook": lambda s: join("wh", "sec_", s.alnum(32)),
    "telegram": lambda s: join("1", s.digits(8), ":AA", s.alnum(33)),
    "twilio": lambda s: join("S", "K", s.hex(32)),
    "twilio account": lambda s: join("A", "C", s.hex(32)),
    "google api": lambda s: join("AI", "za", s.alnum(35)),
    "google oauth": lambda s: join("GOC", "SPX-", s.alnum(28)),
    "google access": lambda s: join("ya", "29.", s.alnum(60)),
    "hugging face": lambda s: join("h", "f_", s.alnum(34)),
    "age": lambda s: join("AGE-SECRET", "-KEY-1", s.upper(58)),
    "databricks": lambda s: join("da", "pi", s.hex(32)),
    "digital ocean": lambda s: join("do", "p_v1_", s.hex(64)),
    "docker hub": lambda s: join("dc", "kr_pat_", s.alnum(27)),
    "shopify": lambda s: join("sh", "pat_", s.hex(32)),
    "linear": lambda s: join("lin", "_api_", s.alnum(40)),
    "new relic": lambda s: join("NR", "AK-", s.upper(27)),
    "grafana": lambda s: join("gl", "sa_", s.alnum(32), "_", s.hex(8)),
    "postman": lambda s: join("PM", "AK-", s.hex(24), "-", s.hex(34)),
    "terraform": lambda s: join(s.alnum(14), ".atlas", "v1.", s.alnum(64)),
    "vault": lambda s: join("hv", "s.", s.alnum(90)),
    "sentry": lambda s: join("sntry", "s_", "ey", "J", s.alnum(60), "_", s.alnum(43)),
    "rubygems": lambda s: join("ruby", "gems_", s.hex(48)),
    "planetscale": lambda s: join("pscale", "_tkn_", s.alnum(43)),
    "doppler": lambda s: join("dp", ".pt.", s.alnum(43)),
    "pulumi": lambda s: join("pu", "l-", s.hex(40)),
    "mailgun": lambda s: join("ke", "y-", s.hex(32)),
    "figma": lambda s: join("fi", "gd_", s.alnum(40)),
    "notion": lambda s: join("nt", "n_", s.alnum(46)),
    "netlify": lambda s: join("nf", "p_", s.alnum(36)),
    "supabase": lambda s: join("sb", "p_", s.hex(40)),
    "azure client": lambda s: join(s.alnum(3), "8Q", "~", s.alnum(34)),
    "atlassian": lambda s: join("AT", "ATT3xFfGF0", s.alnum(60)),
    "dynatrace": lambda s: join("dt0", "c01.", s.upper(24), ".", s.upper(64)),
    "facebook": lambda s: join("EA", "ACEdEose0cBA", s.alnum(40)),
    "bitbucket": lambda s: join("AT", "BB", s.alnum(32)),
}

# Secrets that are known by what stands around them.
SETTINGS: dict[str, Callable[[Seeded], tuple[str, str]]] = {
    "azure storage": lambda s: (
        join("DefaultEndpointsProtocol=https;Account", "Key={};"),
        s.base64(64),
    ),
    "artifactory": lambda s: ('artifactory = "{}"', join("AK", "Cp", s.alnum(60))),
    "basic auth": lambda s: ('fetch("https://joe:{}@example.org/x")', s.password()),
    "postgres": lambda s: ('DB = "postgres://app:{}@db.example.org:5432/main"', s.password()),
    "mysql": lambda s: ('DB = "mysql+pymysql://root:{}@127.0.0.1/main?charset=utf8"', s.password()),
    "mongodb": lambda s: ('DB = "mongodb+srv://app:{}@cluster0.example.net/x"', s.password()),
    "redis": lambda s: ('CACHE = "redis://:{}@cache.example.org:6379/0"', s.password()),
    "amqp": lambda s: ('BROKER = "amqps://svc:{}@mq.example.org/%2f"', s.password()),
    "jdbc": lambda s: (
        'url = "jdbc:postgresql://db.example.org/x?user=app&password={}&ssl=true"',
        s.alnum(16),
    ),
    "ado": lambda s: (
        'c = "Server=db;Database=x;User Id=app;Password={};Encrypt=True"',
        s.password(),
    ),
    "aws secret": lambda s: ('aws_secret_access_key = "{}"', s.alnum(40)),
    "aws secret bare": lambda s: ("aws_secret_access_key = {}", s.alnum(40)),
    "npm rc": lambda s: (join("//registry.example.org/:_auth", "Token={}"), s.uuid()),
    "bearer": lambda s: ("curl -H 'Authorization: Bearer {}' https://example.org", s.alnum(40)),
    "basic header": lambda s: ("curl -H 'Authorization: Basic {}' https://e.org", s.base64(24)),
    "curl user": lambda s: ("curl -u deploy:{} https://example.org/up", s.password()),
    "pg password": lambda s: ("PGPASSWORD={} psql -h db", s.alnum(16)),
    "option": lambda s: ("mysql --password={} < dump.sql", s.alnum(14)),
    "option apart": lambda s: ("vault login --token {}", s.alnum(26)),
    "sql": lambda s: ("CREATE USER app IDENTIFIED BY '{}';", s.password()),
    "sql role": lambda s: ("ALTER ROLE app WITH PASSWORD '{}';", s.password()),
    "xml element": lambda s: ("<password>{}</password>", s.password()),
    "xml attribute": lambda s: ('<add key="DbPassword" value="{}"/>', s.password()),
    "properties": lambda s: ("spring.datasource.password={}", s.password()),
    "netrc": lambda s: ("machine example.org login joe password {}", s.password()),
    "sas": lambda s: (
        'u = "https://x.blob.example.net/c?sv=2021-08-06&sp=r&sig={}"',
        s.alnum(43) + "%3D",
    ),
    "heroku": lambda s: ("HEROKU_API_KEY={}", s.uuid()),
    "datadog": lambda s: ('DD_API_KEY: "{}"', s.hex(32)),
    "cloudant": lambda s: ('cloudant_password = "{}"', s.hex(64)),
    "softlayer": lambda s: ('softlayer_api_key = "{}"', s.hex(64)),
    "ibm iam": lambda s: ('ibm_cloud_iam_api_key = "{}"', s.alnum(44)),
    "ibm cos": lambda s: ('"secret_access_key": "{}"', s.hex(48)),
    "kubernetes": lambda s: ("    client-key-data: {}", s.base64(60)),
    "kubernetes token": lambda s: ("    token: {}", s.alnum(48)),
    "docker auth": lambda s: ('{{"auths": {{"r.example.org": {{"auth": "{}"}}}}}}', s.base64(33)),
    "htpasswd": lambda s: ("joe:{}", join("$ap", "r1$", s.alnum(8), "$", s.alnum(22))),
    "crypt": lambda s: (
        "root:{}:19000:0:99999:7:::",
        join("$6", "$", s.alnum(8), "$", s.alnum(86)),
    ),
    "webhook": lambda s: ('HOOK = "https://discord.com/api/webhooks/1234567890/{}"', s.alnum(68)),
    "django": lambda s: ("SECRET_KEY = 'django-insecure-{}'", s.lower(40)),
    "rails": lambda s: ("  secret_key_base: {}", s.hex(128)),
    "laravel": lambda s: ("APP_KEY=base64:{}", s.base64(32)),
    "flask": lambda s: ("app.secret_key = b'{}'", s.alnum(24)),
    "wireguard": lambda s: ("PrivateKey = {}", s.base64(32)),
    "cobol value": lambda s: ('       01  WS-DB-PASSWORD  PIC X(17) VALUE "{}".', s.password()),
    "cobol move": lambda s: ('           MOVE "{}" TO WS-PASSWORD', s.password()),
    "cobol comment": lambda s: ("      * PASSWORD: {}", s.alnum(16)),
    "comment": lambda s: ("# the password is {}", s.alnum(16)),
    "java": lambda s: ('private static final String PASSWORD = "{}";', s.password()),
    "java call": lambda s: ('ds.setPassword("{}");', s.password()),
    "java map": lambda s: ('props.put("db.password", "{}");', s.password()),
    "go": lambda s: ('cfg := Config{{Password: "{}"}}', s.password()),
    "python kwarg": lambda s: ('connect(host, password="{}")', s.password()),
    "python dict": lambda s: ('settings["password"] = "{}"', s.password()),
    "python default": lambda s: ('def login(user, password="{}"):', s.password()),
    "python environ": lambda s: ('os.environ["DB_PASSWORD"] = "{}"', s.password()),
    "python getenv": lambda s: ('pw = os.getenv("DB_PASSWORD", "{}")', s.password()),
    "python triple": lambda s: ('PASSWORD = """{}"""', s.password()),
    "python f-string": lambda s: ('url = f"https://{{user}}:{}@{{host}}/"', s.password()),
    "python long": lambda s: ("x = [" + "1, " * 3000 + '"a"]; password = "{}"', s.password()),
    "toml": lambda s: ('password = "{}"', s.password()),
    "ini": lambda s: ("password = {}", s.alnum(16)),
    "ini plain": lambda s: ("password={}", s.password()),
    "yaml": lambda s: ("  password: {}", s.alnum(16)),
    "yaml quoted": lambda s: ("  password: '{}'", s.password()),
    "yaml list": lambda s: ("  - DB_PASSWORD={}", s.alnum(16)),
    "yaml comment": lambda s: ("  api_key: {}  # production", s.alnum(32)),
    "json": lambda s: ('  "password": "{}",', s.password()),
    "json nested": lambda s: ('{{"db": {{"user": "app", "passwd": "{}"}}}}', s.password()),
    "json escaped": lambda s: ('body = "{{\\"password\\": \\"{}\\"}}"', s.alnum(17)),
    "env": lambda s: ("DB_PASSWORD={}", s.alnum(16)),
    "env quoted": lambda s: ('export API_SECRET="{}"', s.alnum(32)),
    "shell": lambda s: ("TOKEN={}", s.alnum(32)),
    "dockerfile": lambda s: ("ENV DB_PASSWORD {}", s.alnum(16)),
    "dockerfile arg": lambda s: ("ARG NPM_TOKEN={}", s.alnum(36)),
    "hcl": lambda s: ('  master_password = "{}"', s.password()),
    "powershell": lambda s: ('$password = "{}"', s.password()),
    "php": lambda s: ("define('DB_PASSWORD', '{}');", s.password()),
    "ruby": lambda s: ("  password: '{}',", s.password()),
    "perl": lambda s: ("my $password = '{}';", s.password()),
    "c define": lambda s: ('#define WIFI_PASSWORD "{}"', s.password()),
    "rust": lambda s: ('const API_KEY: &str = "{}";', s.alnum(32)),
    "typescript": lambda s: ('const apiKey: string = "{}";', s.alnum(32)),
    "vue": lambda s: ("  accessToken: `{}`,", s.alnum(32)),
    "sql server": lambda s: ("sqlcmd -S db -U sa -P {}", s.password()),
    "connection": lambda s: ('dsn = "host=db user=app password={} dbname=x"', s.alnum(16)),
}

KEYS = ("RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ", "")


def _block(s: Seeded, kind: str) -> tuple[str, list[str]]:
    body = s.base64(48 * 6 - 5)
    return kind, [body[i : i + 64] for i in range(0, len(body), 64)]


def keys(seeded: Seeded) -> Iterator[Secret]:
    """Private keys, in the ways that they are put into source."""
    for kind in KEYS:
        _, lines = _block(seeded, kind)
        begin, end = (
            f"-----BEGIN {kind}PRIVATE" + " KEY-----",
            f"-----END {kind}PRIVATE" + " KEY-----",
        )
        needles = tuple(lines)
        name = f"{kind.strip().lower() or 'pkcs8'} key"
        yield Secret(name, "\n".join([begin, *lines, end]), needles)
        yield Secret(
            f"{name} in a string", "KEY = '''" + "\n".join([begin, *lines, end]) + "'''", needles
        )
        yield Secret(
            f"{name} in JSON",
            '{"private_key": "' + "\\n".join([begin, *lines, end]) + '\\n"}',
            needles,
        )
        yield Secret(
            f"{name} concatenated",
            "KEY = (\n" + "\n".join(f'    "{x}\\n"' for x in [begin, *lines, end]) + "\n)",
            needles,
        )
        yield Secret(
            f"{name} in YAML",
            "key: |\n" + "\n".join(f"  {x}" for x in [begin, *lines, end]),
            needles,
        )
        yield Secret(
            f"{name} in comments", "\n".join(f"# {x}" for x in [begin, *lines, end]), needles
        )
        yield Secret(
            f"{name} in Java",
            "String k =\n" + "\n".join(f'        "{x}" +' for x in [begin, *lines, end]),
            needles,
        )
        yield Secret(f"{name} with CRLF", "\r\n".join([begin, *lines, end]), needles)
        yield Secret(f"{name} cut off", "\n".join([begin, *lines[:3]]), needles[:3])
        yield Secret(f"{name} without its beginning", "\n".join([*lines[2:], end]), needles[2:])
    _, lines = _block(seeded, "")
    yield Secret(
        "putty key", "Private-Lines: 6\n" + "\n".join(lines) + "\nPrivate-MAC: ab", tuple(lines)
    )
    begin, end = (
        "-----BEGIN PGP PRIVATE" + " KEY BLOCK-----",
        "-----END PGP PRIVATE" + " KEY BLOCK-----",
    )
    yield Secret("pgp key", "\n".join([begin, "", *lines, end]), tuple(lines))


def tokens(seeded: Seeded) -> Iterator[Secret]:
    for kind, make in TOKENS.items():
        text = make(seeded)
        yield Secret(kind, text, (_core(text),))


def settings(seeded: Seeded) -> Iterator[Secret]:
    for kind, make in SETTINGS.items():
        template, value = make(seeded)
        yield Secret(kind, template.format(value), (_core(value),))


def _core(text: str) -> str:
    """The part of a secret that must not be seen: without what all of its kind begin with."""
    return text[-max(8, len(text) * 2 // 3) :]


def all_secrets(seed: int) -> list[Secret]:
    seeded = Seeded(seed)
    return [*tokens(seeded), *settings(seeded), *keys(seeded)]


# What is around a token: text with `{}` where it stands.
AROUND = {
    "python": 'value = call("{}", other)',
    "python kwarg": "client = Client(token='{}')",
    "f-string": 'header = f"X-Key {} {{name}}"',
    "comment": "# use {} until Monday",
    "docstring": '"""Connects.\n\n    Example: {}\n    """',
    "yaml": "  key: {}",
    "json": '  "k": "{}",',
    "toml": "k = '{}'",
    "ini": "k={}",
    "java": 'String k = "{}";',
    "shell": "export K={}",
    "shell call": "run --with {} -v",
    "cobol": '           MOVE "{}" TO WS-K.',
    "cobol comment": "      * {}",
    "markdown": "Use `{}` here.",
    "url": "https://example.org/x?key={}&v=1",
    "csv": "a,{},b",
    "brackets": "[{}]",
    "crlf": "a = 1\r\nk = '{}'\r\nb = 2\r\n",
    "unicode": "Schlüssel → „{}“ für ǅ",
    "long line": "x" + " y" * 20_000 + " '{}' " + "z " * 20_000,
    "sql": "INSERT INTO k VALUES ('{}');",
    "html": "<meta content={}>",
    "log": "2026-01-01T00:00:00Z INFO sent {} to host",
}
