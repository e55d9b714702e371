"""Secrets are masked, and what only looks like one stays.

No token stands here in one piece: they are put together at run time, so that no scanner of
somebody else's is upset by this file.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys

import detect_secrets.plugins
import pytest
from detect_secrets.plugins.base import RegexBasedDetector

from slmcode.index.secrets import is_key_material, is_secret_name, mask, spans

MIXED = "aZ3kQ9xT7bLm2WcV8nRy5JdP1sHf6GuE4tKo0iXwBqYzMvNrCjDlSgUpAeOhTf"
HEX = "9f2c47d1be80a35624f7c1093ed8ab5f" * 2
LOWER = "k3jx9q2mz7wv5t8rb1ny6cdp4hgs0fel"
BASE64 = [MIXED[i:] + MIXED[:i] for i in range(0, 60, 12)]  # lines as in a key


def made(*parts: str) -> str:
    return "".join(parts)


# One token for every format that detect-secrets knows by its shape.
SAMPLES = {
    "AWSKeyDetector": made("AK", "IA", "Q3EGVJT2XWBN5LRD"),
    "AzureStorageKeyDetector": made("Account", "Key=", (MIXED * 2)[:86], "=="),
    "ArtifactoryDetector": made('"AK', "C", MIXED[:20], '"'),
    "BasicAuthDetector": made("https://joe:", "h7tr3ee", "@example.org/x"),
    "DiscordBotTokenDetector": made("M", MIXED[:23], ".", MIXED[3:9], ".", MIXED[5:32]),
    "GitHubTokenDetector": made("gh", "p_", MIXED[:36]),
    "GitLabTokenDetector": made("gl", "pat-", MIXED[:20]),
    "JwtTokenDetector": made("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiJqb2UifQ", ".", MIXED[:43]),
    "MailchimpDetector": made(LOWER, "-us", "12"),
    "NpmDetector": made("//registry.example.org/:_auth", "Token=npm_", MIXED[:36]),
    "OpenAIDetector": made("sk", "-", MIXED[:20], "T3Blbk", "FJ", MIXED[20:40]),
    "PypiTokenDetector": made("py", "pi-AgEIcHlwaS5vcmc", (MIXED * 2)[:75]),
    "SendGridDetector": made("S", "G.", MIXED[:22], ".", MIXED[5:48]),
    "SlackDetector": made("xox", "b-", "123456789012-", LOWER[:24]),
    "SquareOAuthDetector": made("sq0", "csp-", MIXED[:43]),
    "StripeDetector": made("sk", "_live_", MIXED[:24]),
    "TelegramBotTokenDetector": made("110201543", ":AA", MIXED[:33]),
    "TwilioKeyDetector": made("S", "K", HEX[:32]),
}
NOT_OURS = {
    "IPPublicDetector": "an address is no secret",
    "PrivateKeyDetector": "finds a line; we mask the block, tested below",
    "CloudantDetector": "a telling name with 64 hex digits, tested below",
    "SoftlayerDetector": "the same",
    "IbmCloudIamDetector": "the same with 44 characters",
    "IbmCosHmacDetector": "the same with 48 characters",
}


def plugins() -> dict[str, type[RegexBasedDetector]]:
    found = {}
    for module in pkgutil.iter_modules(detect_secrets.plugins.__path__):
        loaded = importlib.import_module(f"detect_secrets.plugins.{module.name}")
        for name, value in vars(loaded).items():
            if isinstance(value, type) and issubclass(value, RegexBasedDetector):
                found[name] = value
    del found["RegexBasedDetector"]
    return found


def test_every_format_of_detect_secrets_is_ours_or_left_out_for_a_reason() -> None:
    assert set(plugins()) == set(SAMPLES) | set(NOT_OURS)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_what_detect_secrets_finds_by_its_shape_is_masked(name: str) -> None:
    line = f"x = call({SAMPLES[name]}, other)  # kept"
    found = list(plugins()[name]().analyze_string(line))
    assert found, "the sample is one"
    masked = mask(line)
    assert "***" in masked
    assert max(found, key=len) not in masked
    assert masked.startswith("x = call(")
    assert masked.endswith(", other)  # kept")


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ('password = "', "hunter2", '"  # kept'),
        ("db_password: '", "correct-horse", "',"),
        ('"client_secret": "', LOWER[:20], '"}'),
        ("SECRET_KEY = '", "dj@ngo&" + LOWER, "'"),
        ('const apiKey: string = "', MIXED[:30], '";'),
        ('char db_password[16] = "', "s3cr3tPW", '";'),
        ('if (password === "', "hunter2!", '") return'),
        ('config := Config{Password: "', "s3cr3tPW", '"}'),
        ("'api_key' => '", HEX[:32], "',"),
        ('self.cloudant_password = "', HEX, '"'),
        ("DB_PASSWORD=", "x7Kq2mZ9pT4w", ""),
        ("  - api-key: ", MIXED[:24], ""),
        ("mysql --password=", "x7Kq2mZ9pT4w", " < dump"),
        ("curl -H 'Authorization: Bearer ", MIXED[:40], "' https://example.org"),
        ('client = Client("', MIXED[:40], '")'),
        ('aws_secret_access_key = "', MIXED[:40], '"'),
        ("redis://:", "Tr0ub4dor", "@cache.example.org:6379/0"),
        ('token = sign("', HEX[:40], '")  # key'),
    ],
)
def test_the_value_goes_and_its_neighbours_stay(before: str, value: str, after: str) -> None:
    above, below = "value = compute(left, right)\n", "\nreturn value\n"
    assert mask(above + before + value + after + below) == above + before + "***" + after + below


@pytest.mark.parametrize(
    "line",
    [
        f'"integrity": "sha512-{(MIXED * 2)[:86]}==",',
        f'    {{file = "a.whl", hash = "sha256:{HEX}"}},',
        f'assert digest == "{HEX}"',
        'request_id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"',
        f'COMMIT = "{HEX[:40]}"',
        f'base = checkout("{HEX[:40]}")',
        'raise ValueError("AbstractSingletonProxyFactoryBeanConfiguration2Test")',
        'import { x } from "components/Header2/NavigationMenu3/useDropdownState"',
        'ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"',
        'password = os.environ["DB_PASSWORD"]',
        "password = getpass.getpass()",
        'password = "${DB_PASSWORD}"',
        'password = "<your password>"',
        'password = "changeme"',
        'label = {"password": "Password", "secret": "client_secret"}',
        'password_field = "input"',
        'prompt = "Enter the password: "',
        "def login(user: str, password: str = '') -> None:",
        "interface Login { password: string; token: string }",
        "token: TokenKind.STRING",
        "password: user.password_hash",
        'url = "postgres://user:${PASSWORD}@host/db"',
        'url = f"postgres://{user}:{password}@{host}/db"',
        "http://example.org:8080/path@2x.png",
        'key = "sort_by_created_at_desc"',
        "git clone git@github.com:owner/project.git",
        "-----BEGIN PUBLIC KEY-----",
        "if line.startswith('-----BEGIN CERTIFICATE-----'):",
        'data = "data:image/png;base64,iVBORw0KGgo="',
        "#define AP_MODE_PASSTHROUGH 1",
        "",
    ],
)
def test_what_only_looks_like_a_secret_stays(line: str) -> None:
    assert mask(line) == line


def key_block(kind: str) -> list[str]:
    return [made("-----BEGIN ", kind, "-----"), *BASE64, made("-----END ", kind, "-----")]


@pytest.mark.parametrize("kind", ["RSA PRIVATE KEY", "PRIVATE KEY", "PGP PRIVATE KEY BLOCK"])
def test_every_line_of_a_private_key_is_masked(kind: str) -> None:
    lines = ["KEY = '''", *("  " + line for line in key_block(kind)), "'''", "def f(): pass"]
    masked = mask("\n".join(lines)).split("\n")
    body = ["  ***"] * len(BASE64)
    assert masked == [*lines[:2], *body, *lines[-3:]]


def test_a_key_cut_off_by_the_end_of_the_passage_is_masked() -> None:
    block = key_block("EC PRIVATE KEY")
    assert mask("\n".join(block[:3])) == "\n".join([block[0], "***", "***"])
    tail = "\n".join([*block[3:], "after = 1"])
    assert mask(tail) == "\n".join(["***"] * 3 + [block[-1], "after = 1"])


def test_a_certificate_stays() -> None:
    text = "\n".join(key_block("CERTIFICATE"))
    assert mask(text) == text


def test_lines_stay_lines_whatever_ends_them() -> None:
    secret = SAMPLES["GitHubTokenDetector"]
    text = f"a = '{secret}'\r\nİ password = 'hunter2'\r\n\f\x0b\u2028b = 1\r\n"
    assert mask(text) == "a = '***'\r\nİ password = '***'\r\n\f\x0b\u2028b = 1\r\n"


def test_spans_are_in_order_apart_and_hold_no_newline() -> None:
    text = "\n".join(
        [
            *key_block("PRIVATE KEY"),
            *(f"x = '{token}'" for token in SAMPLES.values()),
            "password='h2h2'",
        ]
    )
    found = spans(text)
    assert all(
        a < b <= c for (a, b), (c, _) in zip(found, [*found[1:], (len(text), 0)], strict=True)
    )
    assert not any("\n" in text[a:b] for a, b in found)
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize(
    "path",
    [
        *(".env", "api/.env", ".env.local", ".env.production", "prod.env", ".envrc", "id_rsa"),
        *("keys/id_ed25519", "server.pem", "server.KEY", "a.p12", "a.pfx", "a.jks", "a.keystore"),
        *(".netrc", ".npmrc", ".pypirc", ".aws/credentials", "secrets.yml", "app-secrets.json"),
    ],
)
def test_secret_by_name(path: str) -> None:
    assert is_secret_name(path)


@pytest.mark.parametrize(
    "path",
    [
        *("env.py", ".env.example", ".env.sample", "environment.ts", "secrets.py", "secret/a.go"),
        *("id_rsa.pub", "keys.py", "credentials.go", "monkey.c", "Makefile", "test_secrets.py"),
        *("venv.md", "credentials_test.rb", "Key.java", "secrets.go"),
    ],
)
def test_not_secret_by_name(path: str) -> None:
    assert not is_secret_name(path)


def test_a_key_under_a_harmless_name_is_known_by_what_it_holds() -> None:
    block = "\n".join(key_block("OPENSSH PRIVATE KEY"))
    assert is_key_material(block)
    assert not is_key_material("def parse(text: str) -> Key: ...\n" * 30 + block)
    assert not is_key_material("")


def test_no_client_of_the_network_is_imported() -> None:
    check = "import sys, slmcode.index.secrets; print(sorted(sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    assert not {"requests", "urllib3", "http.client"} & set(ast.literal_eval(answer.stdout))


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [
        "\n".join(BASE64 * 2800) + "\nPRIVATE KEY",
        made("sk", "-") * 200_000 + "T3BlbkFJ1",
        '"' + MIXED + '"' + "-----BEGIN PRIVATE KEY-----\n" * 20_000,
        "key" + " " * 1_000_000 + "= 'a'",
    ],
    ids=["base64", "one run", "beginnings", "blanks"],
)
def test_odd_texts_of_a_megabyte_take_no_more_than_a_second_or_two(text: str) -> None:
    """Regular expressions that try again from every place took minutes on these."""
    assert mask(text).count("\n") == text.count("\n")
