"""Secrets in source: which files are nothing else, and where the values stand in a text.

The formats are those of Yelp's detect-secrets 1.5 (Apache-2.0), and a test holds our list against
the installed package. The package itself stays out of the program: importing any of its plugins
imports all of it, with requests, 260 ms long, and its plugins can send what they find to the issuer
to see whether it works. A process that promises to open no connection has no use for that.

A passage is searched on the event loop and every file once for the index, so cheap things come
first (2 µs a line of the standard library). A token is a long run of certain characters with a
digit among them: only lines with such a run are tried for every format. Assignments to telling
names start from the name, credentials in addresses from `://`, keys from `PRIVATE`.

What looks like a secret and mostly is none stays: digests, UUIDs, names, paths, templates.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

MASK = "***"

NAMES = frozenset(
    {
        ".netrc",
        "_netrc",
        ".npmrc",
        ".pypirc",
        ".pgpass",
        ".my.cnf",
        ".htpasswd",
        ".dockercfg",
        ".git-credentials",
        ".boto",
        ".s3cfg",
        ".vault-token",
        "credentials",
        "credentials.json",
        "client_secret.json",
        "service-account.json",
        "kubeconfig",
        "id_rsa",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        "id_ecdsa_sk",
        "id_ed25519_sk",
        "shadow",
        "terraform.tfstate",
        "terraform.tfstate.backup",
    }
)
ENDINGS = (
    *(
        ".pem",
        ".key",
        ".p12",
        ".pfx",
        ".p8",
        ".pkcs12",
        ".jks",
        ".keystore",
        ".bks",
        ".ppk",
        ".kdbx",
    ),
    *(".gpg", ".pgp", ".age", ".asc", ".tfvars", ".tfvars.json", ".ovpn", ".mobileprovision"),
)
# `.env`, `.env.local`, `prod.env`; but the examples people commit on purpose may be read.
ENVIRONMENT = re.compile(r"\.env(?:rc)?(?:[.-].+)?$|.+\.env$")
EXAMPLE = re.compile(r"[._-](?:example|sample|template|dist|defaults?)$")
# `secrets.yml`, `app-secrets.json`: data. `secrets.py` is a module like any other.
SECRETS = re.compile(
    r"(?:.*[._-])?(?:secrets?|credentials)\.(?:ya?ml|json|toml|ini|cfg|conf|txt|xml|enc|properties|env)$"
)


def is_secret_name(path: str) -> bool:
    """Whether a file is taken for secret by its name alone."""
    name = PurePosixPath(path).name.lower()
    if name in NAMES or name.endswith(ENDINGS) or SECRETS.match(name):
        return True
    return ENVIRONMENT.match(name) is not None and not EXAMPLE.search(name)


Format = tuple[tuple[str, ...], re.Pattern[str]]
"""Lower-case texts of which one must occur; the expression. Group `s`, if any, is the secret."""


def _format(needles: str, expression: str, flags: int = 0) -> Format:
    return tuple(needles.split()), re.compile(expression, flags)


FORMATS: tuple[Format, ...] = (
    _format("akia asia abia acca a3t", r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}"),
    _format(
        "aws",
        r"aws.{0,20}?(?:key|pwd|pw|password|pass|token).{0,20}?[\'\"](?P<s>[0-9a-zA-Z/+]{40})[\'\"]",
        re.IGNORECASE,
    ),
    _format("accountkey=", r"AccountKey=(?P<s>[a-zA-Z0-9+\/=]{88})"),
    _format("ghp_ gho_ ghu_ ghs_ ghr_", r"(ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9_]{36}"),
    _format("github_pat_", r"github_pat_[A-Za-z0-9_]{40,}"),
    _format(
        "glpat gldt glft glsoat glrt",
        r"(glpat|gldt|glft|glsoat|glrt)-[A-Za-z0-9_\-]{20,50}(?!\w)",
    ),
    _format("gr1348941", r"GR1348941[A-Za-z0-9_\-]{20,50}(?!\w)"),
    _format("glcbt-", r"glcbt-([0-9a-fA-F]{2}_)?[A-Za-z0-9_\-]{20,50}(?!\w)"),
    _format("glimt-", r"glimt-[A-Za-z0-9_\-]{25}(?!\w)"),
    _format("glptt-", r"glptt-[A-Za-z0-9_\-]{40}(?!\w)"),
    _format("glagent-", r"glagent-[A-Za-z0-9_\-]{50,1024}(?!\w)"),
    _format("gloas-", r"gloas-[A-Za-z0-9_\-]{64}(?!\w)"),
    _format("k_live_ k_test_", r"(?:r|s)k_(?:live|test)_[0-9a-zA-Z]{24,}"),
    _format("whsec_", r"\bwhsec_[A-Za-z0-9+/=]{24,}"),
    _format("pypi-age", r"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9-_]{70,}"),
    _format("pypi-age", r"pypi-AgENdGVzdC5weXBpLm9yZw[A-Za-z0-9-_]{70,}"),
    _format("akc", r"(?:\s|=|:|\"|^)(?P<s>AKC[a-zA-Z0-9]{10,})(?:\s|\"|$)", re.MULTILINE),
    _format("t3blbkfj", r"sk-[A-Za-z0-9-_]{0,80}[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
    _format("sk-ant- sk-proj-", r"sk-(?:ant|proj)-[A-Za-z0-9_-]{32,}"),
    _format("sq0csp-", r"sq0csp-[0-9A-Za-z\\\-_]{43}"),
    _format("sq0atp- sq0idp-", r"sq0(?:atp|idp)-[0-9A-Za-z\-_]{22,}"),
    _format("sg.", r"SG\.[a-zA-Z0-9_-]{22}\.[a-zA-Z0-9_-]{43}"),
    _format("xox", r"xox(?:a|b|p|o|s|r)-(?:\d+-)+[a-z0-9]+", re.IGNORECASE),
    _format("xapp-", r"\bxapp-\d-[A-Z0-9]+-\d+-[a-f0-9]{32,}"),
    _format(
        "hooks.slack.com",
        r"https://hooks\.slack\.com/services/(?P<s>T[a-zA-Z0-9_]+/B[a-zA-Z0-9_]+/[a-zA-Z0-9_]+)",
        re.IGNORECASE,
    ),
    _format("-us", r"(?<![0-9a-z])[0-9a-z]{32}-us[0-9]{1,2}"),
    _format("_authtoken=", r"\/\/.{1,200}\/:_authToken=\s*(?P<s>npm_[\w-]+|[A-Fa-f0-9-]{36})"),
    _format("npm_", r"\bnpm_[A-Za-z0-9]{36}\b"),
    _format("aiza", r"\bAIza[0-9A-Za-z_-]{35}\b"),
    _format("hf_", r"\bhf_[A-Za-z0-9]{34}\b"),
    _format("age-secret-key-", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _format("eyj", r"eyJ[A-Za-z0-9-_=]{10,}\.[A-Za-z0-9-_=]{10,}\.?[A-Za-z0-9-_.+/=]*"),
    _format("ac", r"AC(?<!\wAC)[a-f0-9]{32}\b"),
    _format("sk", r"SK(?<!\wSK)[a-f0-9]{32}\b"),
    _format(".", r"\.(?<=[a-zA-Z\d_-]{24}\.)(?P<s>[a-zA-Z\d_-]{6}\.[a-zA-Z\d_-]{27})(?![\w-])"),
    _format(":a", r"(?<!\d)\d{8,10}:AA[0-9A-Za-z_-]{33}(?![0-9A-Za-z_-])"),
    _format("bearer", r"\b[Bb]earer\s+(?P<s>[A-Za-z0-9_.~+/-]{24,}=*)"),
    _format("authorization", r"\b[Bb]asic\s+(?P<s>[A-Za-z0-9+/]{16,}={0,2})"),
    # What follows is in no list of detect-secrets: the issuers name these prefixes themselves.
    _format("gocspx-", r"\bGOCSPX-[\w-]{20,}"),
    _format("ya29.", r"\bya29\.[\w-]{20,}"),
    _format("dapi", r"\bdapi[0-9a-f]{32}\b"),
    _format("_v1_", r"\bdo[opr]_v1_[0-9a-f]{64}"),
    _format("dckr_", r"\bdckr_[po]at_[\w-]{20,}"),
    _format("shp", r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _format("lin_api_", r"\blin_api_[A-Za-z0-9]{32,}"),
    _format("nrak-", r"\bNRAK-[A-Z0-9]{27}"),
    _format("glsa_ glc_", r"\bgl(?:sa|c)_[A-Za-z0-9+/=]{32,}(?:_[0-9a-fA-F]{8})?"),
    _format("pmak-", r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _format("atlasv1", r"\b[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}"),
    _format("hvs. hvb. hvr.", r"\bhv[sbr]\.[\w-]{24,}"),
    _format("sntry", r"\bsntry[su]_[\w+/=-]{40,}"),
    _format("rubygems_", r"\brubygems_[0-9a-f]{48}"),
    _format("pscale_", r"\bpscale_(?:tkn|pw|oauth)_[\w=.-]{32,}"),
    _format("dp.", r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,}"),
    _format("pul-", r"\bpul-[0-9a-f]{40}\b"),
    _format("key-", r"\bkey-[0-9a-f]{32}\b"),
    _format("figd_", r"\bfigd_[\w-]{36,}"),
    _format("ntn_", r"\bntn_[A-Za-z0-9]{40,}"),
    _format("nfp_", r"\bnfp_[A-Za-z0-9]{36}"),
    _format("sbp_", r"\bsbp_[0-9a-f]{40}"),
    _format("8q~", r"(?<![\w~.-])[\w~.-]{3}8Q~[\w~.-]{31,37}"),
    _format("atatt3", r"\bATATT3[\w=-]{40,}"),
    _format("atbb", r"\bATBB[A-Za-z0-9]{28,}"),
    _format("dt0c01", r"\bdt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    _format("eaacedeose0cba", r"\bEAACEdEose0cBA[0-9A-Za-z]{10,}"),
    _format("/webhooks/", r"discord(?:app)?\.com/api/webhooks/\d+/(?P<s>[\w-]{40,})"),
)

BY_NEEDLE = [(needle, expression) for needles, expression in FORMATS for needle in needles]

TOKEN_CHARACTERS = bytes(
    ord("a") if chr(c).isascii() and (chr(c).isalnum() or chr(c) in "+/=_-") else ord(" ")
    for c in range(256)
)
LONG_RUN = b"a" * 20
DIGIT = re.compile(r"[0-9]")

IN_ADDRESS = re.compile(
    r"://(?:[^:/?#\[\]@!$&'()*+,;={}<>%\s\"`]*|\{[^{}\s]{1,60}\}):(?P<s>[^:/?#\[\]@{}<>$%*\s\"'`]{3,})@[\w\[.{]"
)
HASHED = re.compile(  # as passwords are kept: crypt(3), Apache, bcrypt, Argon2
    r"\$(?:apr1|2[abxy]|[156y]|argon2i?d?)\$(?P<s>[./A-Za-z0-9$=,+]{22,200})"
)
HASHES = ("$apr1$", "$2a$", "$2b$", "$2x$", "$2y$", "$1$", "$5$", "$6$", "$y$", "$argon2")
COMMAND = re.compile(
    r"(?:curl\b[^\n]{0,300}?\s(?:-u|--user)[= ]{0,3}['\"]?[^\s:'\"$]{1,80}:"
    r"|sqlcmd\b[^\n]{0,300}?\s-P\s?['\"]?)(?P<s>[^\s'\"$`]{4,200})"
)
KEY_BLOCK = re.compile(
    r"-----BEGIN (?:[A-Z0-9 ]+ )?PRIVATE KEY(?: BLOCK)?-----(?P<s>.*?)"
    r"(?:-----END (?:[A-Z0-9 ]+ )?PRIVATE KEY|\Z)",
    re.DOTALL,
)
KEY_END = re.compile(r"-----END (?:[A-Z0-9 ]+ )?PRIVATE KEY")
KEY_LINE = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")

PUTTY = re.compile(r"Private-Lines: \d+\s*\n(?P<s>(?:[A-Za-z0-9+/=]+\n?)+)")

# Names whose value is a secret, by the end of the name: `db_password`, `SECRET_KEY`, `apiKey1`.
# detect-secrets allows any ending; then `password_field = "input"` counts too.
TELLING = (
    r"(?:passw(?:or)?d|passphrase|pwd|contrase(?:ñ|n)a|secret|credential"
    r"|(?:db|database|key|my)_?pass"
    r"|(?:api|app|auth|service|account|db|database|priv|private|client|access|secret|encryption"
    r"|signing|master|storage|webhook|hmac|jwt)[_-]?(?:key|token)"
    r"|identified\s+by"
    r"|(?:refresh|bearer|oauth|session|bot|deploy|personal)[_-]?token)"
    r"(?:s|[_-]?(?:key|base|data|value|token|hash|salt|prod|production|dev|test|old|new|\d+))*"
)
# Names that are mostly given something harmless: only a random value counts.
WEAK = r"(?<![a-z])(?:token|auth|(?<!_)sig|(?:key|token|cert)[_-]data)"
# These are matched on lower-case lines: without IGNORECASE they take a sixth of the time.
HINT = re.compile(
    r"(?:pass|pwd|contrase|secret|credential|key|token|sig)"
    r"[\w\[\])'\"`>\\-]{0,26}\s{0,9}[:= ,(<>\"']"
)
# Rarer ones, looked for by themselves: one more first letter above makes all lines slower.
SIGNS = ("identified by", 'auth"', "auth'", '" to ', "' to ")
ASSIGNED = re.compile(
    TELLING + r"(?:\[\d*\]|[\]'\"`])*\s*(?::[\s\w.\[\]|&*?]{0,30}=|:=|=>|={1,3}|!==?|:)\s*"
    r"(?:[bruf@&*]{0,2})(?P<q>['\"`])(?P<s>[^'\"`]{4,200})(?P=q)"
)
BARE = re.compile(  # a line of a .properties, .ini, .yaml or shell file, in a comment too
    r"^[\s#*;/-]{0,80}(?:(?:export|set|env|arg)\s+)?[\w.-]{0,80}?(?:"
    + TELLING
    + "|"
    + WEAK
    + r")\s*[:= ]\s*"
    r"(?P<s>[^\s'\"`(){}\[\],;<>$]{8,200})\s*(?:\s[#;].*)?$"
)
OPTION = re.compile(r"--?(?:password|passwd|token|secret|api-key)[= ](?P<s>[^\s'\"`$<{(\[]{8,200})")
INLINE = re.compile(  # `…&password=x&…`, `PGPASSWORD=x psql`, `failed: password: x`
    "(?:" + TELLING + "|" + WEAK + r")(?:=|\s{0,3}[:=]\s{1,3})"
    r"(?P<s>[^\s'\"`&;,<>${}()\[\]]{8,200})(?=[&;,\s'\"`]|$)"
)
SPOKEN = re.compile(  # `login joe password x`, `the password is x`
    r"(?:passw(?:or)?d|passphrase|secret|token)\s+(?:is\s+)?(?P<s>[^\s'\"`(){}\[\],;:<>$=]{8,200})"
    r"(?=[\s'\"`.,;]|$)"
)
ELEMENT = re.compile("<(?:[\\w.-]{0,40}?)" + TELLING + r">(?P<s>[^<>\s]{4,200})</")
# A literal next to the name, where the syntax says less: arguments, PIC X VALUE, #define, escapes.
NEXT = re.compile(
    "(?:" + TELLING + "|" + WEAK + r")(?:\\?['\"`\])])*"
    r"(?:\s{0,9}(?:[,(:=]|pic\s[^'\"]{0,40}?\bvalue\b|value\s?=?|is\b)|\s)\s{0,9}"
    r"[bruf]?\\?(?:\"\"\"|\'\'\'|['\"`])(?P<s>[^'\"`\\\s]{8,200})(?=\\?['\"`])"
)
BEFORE = re.compile(  # COBOL: the value first
    r"move\s+(?P<q>['\"])(?P<s>[^'\"]{4,200})(?P=q)\s+to\s+[\w-]{0,40}?" + TELLING
)
QUOTED = re.compile(r"(?P<q>['\"`])(?P<s>[A-Za-z0-9+/_=-]{20,128})(?P=q)")

TEMPLATE = re.compile(
    r"[{<$%*]|\.\.\.|^[xX]{3,}|^\[|\bENC\(|^/(?![A-Za-z0-9+/]{40,}={0,2}$)|^~/|^\.|://|\\[nrtx]"
)
PLACEHOLDER = re.compile(
    r"^(?:change.?me|change.?it|your.*|my.?|example.*|dummy.*|placeholder|none|null|nil|true|false"
    r"|undefined|string|text|hidden|required|optional|redacted.*|todo|unknown|default|invalid|empty"
    r"|password|passwd|pass|secret|token|key|value|string|bytes|user(?:name)?)$",
    re.IGNORECASE,
)
NAME_OF_A_SECRET = re.compile(
    r"^[\w.-]*(?:password|passwd|pwd|passphrase|secret|token|credential|key|auth)[\w.-]*$",
    re.IGNORECASE,
)
WORD = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}")
# Two letters that follow each other in nine of ten places in identifiers (of Python's library and
# 1,500 files of packages), and in three of ten in what is random.
# fmt: off
PAIRS = frozenset(
    "ab ac ad ag ai al am an ap ar as at au av ay ba be bi bl bo bu ca ce ch ci ck cl co cr ct cu"
    " da dd de di do ds du ea ec ed ee ef eg el em en ep eq er es et ev ex ey fa fe ff fi fl fo fr"
    " fu ge gh gi gn gr gs ha he hi ho ht ia ib ic id ie if ig il im in io ip ir is it iv iz ke la"
    " ld le li ll lo ls lt lu ly ma mb me mi mm mo mp mu na nc nd ne nf ng ni no ns nt nu nv oa ob"
    " oc od oi ol om on oo op or os ot ou ov ow pa pe pi pl po pp pr ps pt pu py qu ra rc rd re rg"
    " ri rm rn ro rr rs rt ru ry sa sc se sh si so sp ss st su ta tc te th ti tl to tp tr ts tt tu"
    " ty ua ub ue ui ul um un up ur us ut va ve vi wa wh wi wo xe xp xt yp ze".split()
)
# fmt: on
NEAR_A_KEY = re.compile(r"key|secret|token|passw|pwd|auth|cred|signature|salt", re.IGNORECASE)
NEAR_A_DIGEST = re.compile(
    r"sha-?\d|sha[(_ ]|md5|hash|digest|checksum|integrity|fingerprint|commit|revision|etag"
    r"|uuid|guid|slug|alphabet|charset|chars\b|letters",
    re.IGNORECASE,
)
HEX = re.compile(r"[0-9a-fA-F-]+")
RUN = re.compile(r"(.)\1{3,}|01234|12345|abcde|ABCDE|qwert")


def mask(text: str) -> str:
    """The text with every secret value replaced by `***`. The number of lines stays the same."""
    found = spans(text)
    if not found:
        return text
    pieces = []
    done = 0
    for start, end in found:
        pieces += [text[done:start], MASK]
        done = end
    return "".join([*pieces, text[done:]])


def spans(text: str) -> list[tuple[int, int]]:
    """Where the secret values stand: offsets, in order, apart, none of them with a newline."""
    found = list(_found(text))
    if not found:
        return []
    apart: list[tuple[int, int]] = []
    for start, end in sorted(_without_newlines(text, found)):
        if apart and start <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart


def is_key_material(text: str) -> bool:
    """Whether most of a text is secret: a key file under a harmless name."""
    return sum(end - start for start, end in spans(text)) * 2 > len(text.strip())


def _found(text: str) -> Iterator[tuple[int, int]]:
    """Every secret by every rule; they may overlap and hold newlines."""
    for start, end in _lines_with_long_runs(text):
        for begin, stop in _tokens(text[start:end]):
            yield start + begin, start + stop
    if "://" in text and "@" in text:
        for match in IN_ADDRESS.finditer(text):
            yield match.span("s")
    if "curl" in text or "sqlcmd" in text:
        for match in COMMAND.finditer(text):
            yield match.span("s")
    if "$" in text and any(sign in text for sign in HASHES):
        for match in HASHED.finditer(text):
            yield match.span("s")
    if "PRIVATE" in text or "Private-Lines" in text:
        for block in (KEY_BLOCK, PUTTY):
            for match in block.finditer(text):
                yield match.span("s")
        yield from _tails_of_keys(text)
    lower = _lower(text)
    done = 0
    for at in _hints(lower):
        if at < done:
            continue
        start, done = _line_around(text, at)
        for begin, stop in _assigned(text[start:done]):
            yield start + begin, start + stop


def _hints(lower: str) -> list[int]:
    """Where lines may give something to a telling name, in order."""
    found = [hint.start() for hint in HINT.finditer(lower)]
    rare = []
    for sign in SIGNS:
        at = lower.find(sign)
        while at >= 0:
            rare.append(at)
            at = lower.find(sign, at + len(sign))
    return sorted(found + rare) if rare else found


def _tails_of_keys(text: str) -> Iterator[tuple[int, int]]:
    """The lines of keys whose beginnings were cut off with the passage before."""
    for match in KEY_END.finditer(text):
        end = _line_around(text, match.start())[0] - 1
        while end >= 0:
            start = text.rfind("\n", 0, end) + 1
            line = text[start:end].strip().strip("'\"#*+,").strip()
            if not KEY_LINE.fullmatch(line.removesuffix("\\n")):
                break
            yield start, end
            end = start - 1


def _lines_with_long_runs(text: str) -> Iterator[tuple[int, int]]:
    """The lines that have twenty characters of tokens in a row and a digit among them."""
    runs = text.encode("latin-1", "replace").translate(TOKEN_CHARACTERS)  # as long as the text
    at = runs.find(LONG_RUN)
    while at >= 0:
        end = runs.find(b" ", at)
        end = len(text) if end < 0 else end
        if DIGIT.search(text, at, end):
            start, end = _line_around(text, at)
            yield start, end
        at = runs.find(LONG_RUN, end)


def _tokens(line: str) -> Iterator[tuple[int, int]]:
    """The secrets of a line that are known by their shape alone."""
    lower = line.lower()
    for needle, expression in BY_NEEDLE:
        if needle in lower:
            group = "s" if "s" in expression.groupindex else 0
            for match in expression.finditer(line):
                yield match.span(group)
    for match in QUOTED.finditer(line):
        value = match["s"]
        if _is_random(value, named=False) and _is_key(value, _near(line, match.start())):
            yield match.span("s")


def _assigned(line: str) -> Iterator[tuple[int, int]]:
    """The secrets of a line that has a telling name in it."""
    lower = _lower(line)
    for needle, rule in (("", ASSIGNED), ("</", ELEMENT), ("move", BEFORE)):
        for match in rule.finditer(lower) if needle in lower else ():
            begin, end = match.span("s")
            if _is_password(line[begin:end]):
                yield begin, end
    if not DIGIT.search(line):
        return  # the rest must be random, and that has one
    for rule in (BARE, OPTION, INLINE, SPOKEN, NEXT):
        for match in rule.finditer(lower):
            begin, end = match.span("s")
            value = line[begin:end]
            if not TEMPLATE.search(value.replace("%", "")) and _is_random(value):
                yield begin, end


def _is_password(value: str) -> bool:
    """Whether a literal that is given to a telling name is more than a template or a name."""
    if not any(c.isalnum() for c in value) or any(c.isspace() for c in value):
        return False  # a sentence to show, or nothing
    if TEMPLATE.search(value) or PLACEHOLDER.match(value):
        return False
    return not NAME_OF_A_SECRET.match(value) or _is_random(value)


def _is_random(value: str, named: bool = True) -> bool:
    """Letters and digits mixed as nobody would type them: few words, few repetitions.

    Where no name says what it is, every run of letters is taken for a word.
    """
    digits = sum(c.isdigit() for c in value)
    if not digits or digits == len(value) or (len(value) < 40 and RUN.search(value)):
        return False
    words = [run for run in WORD.findall(value) if not named or _is_word(run)]
    if sum(map(len, words)) * 5 > len(value) * 2:
        return False
    most = 3.0 if HEX.fullmatch(value) else 3.6  # sixteen characters say less
    return _entropy(value) > min(most, math.log2(len(value)) * 0.8)


def _is_word(run: str) -> bool:
    """Whether letters follow each other as in words."""
    lower = run.lower()
    common = sum(lower[i : i + 2] in PAIRS for i in range(len(lower) - 1))
    return common * 3 > (len(lower) - 1) * 2


def _is_key(value: str, line: str) -> bool:
    """Whether a random string that nothing names is likely to open something."""
    if NEAR_A_DIGEST.search(line):
        return False
    if HEX.fullmatch(value):  # a digest, a commit or a UUID, unless the line speaks of keys
        return "-" not in value and len(value) >= 32 and NEAR_A_KEY.search(line) is not None
    if "-" in value and value.count("-") > 3:
        return False
    kinds = (str.isupper, str.islower, str.isdigit)
    return all(sum(map(kind, value)) >= 2 for kind in kinds) and _entropy(value) > 4.0


def _entropy(value: str) -> float:
    """Shannon's, in bits a character."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values())


def _lower(text: str) -> str:
    """In lower case and as long as before: the small form of a few letters is two characters."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(c.lower()[0] for c in text)


def _line_around(text: str, offset: int) -> tuple[int, int]:
    """Where the line of an offset begins and ends, without its newline."""
    end = text.find("\n", offset)
    return text.rfind("\n", 0, offset) + 1, len(text) if end < 0 else end


def _near(line: str, offset: int) -> str:
    """What a person would see around a place in a line that may be very long."""
    return line[max(0, offset - 100) : offset + 200]


def _without_newlines(text: str, found: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same places, line by line, without the blanks around each line."""
    for start, end in found:
        for line in re.finditer(r"[^\s].*", text[start:end]):
            stripped = line[0].rstrip()
            yield start + line.start(), start + line.start() + len(stripped)
