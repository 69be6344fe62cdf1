"""Export files as no download is: cut, with flipped bits, in other encodings, with rows of anything, in broken ZIPs."""

from __future__ import annotations

import gzip
import json
import random
import struct
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from myi_pipelines_tests.support.export_rows import as_zip

Rows = list[Any]

ODD_TEXTS = (
    "", " ", "\0", "\x1b[31mred\x1b[0m", "\x9b", "a\nb", "\r", "\u202eabc", "\u2028", "\ud800", "\udc00\ud800",
    "\ufeff", "\ufffe", "ﷺ", "🎵" * 300, "é", "e\u0301", "İ", "ß", "x" * 100_000, "'; DROP TABLE users; --", "\\N",
    "\\.", "},{", "[{", '"', "\\", "spotify:track:", "spotify:track:" + "é" * 22, "spotify:local:::", "NaN", "=1+1",
)  # fmt: skip
ODD_NUMBERS = (
    0, -1, 1, 4_999, 5_000, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400,
    0.5, -0.0, 1e308, 86_400_000, 86_400_001,
)  # fmt: skip
ODD_TIMES = (
    "0000-00-00T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1999-01-01T00:00:00Z",
    "2008-10-01T00:00:00Z",
    "2023-02-29T00:00:00Z", "2024-02-30T12:00:00Z", "2023-01-01T24:00:00Z", "2023-01-01T23:59:60Z",
    "2023-13-01T00:00:00Z",
    "2038-01-19T03:14:08Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
    "10000-01-01T00:00:00Z", "-2023-01-01T00:00:00Z", "2023-01-01T00:00:00.999999999Z", "2023-01-01T00:00:00+99:99",
    "20230101T000000Z", "2023-01-01", "2023-W01-1", "٢٠٢٣-٠١-٠١T00:00:00Z", "2023-01-01T00:00:00Z\0", "now", "infinity",
    "2023-01-01 00:00", "2023-01-01 24:00",
)  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, [], {}, [[]], [None] * 50, {"a": {"b": {"c": []}}}, "text", 5, -1.5, [{"ts": 1}],
)  # fmt: skip
RAW_VALUES = ("NaN", "Infinity", "-Infinity", "1e999", "01", "+1", "0x10", "'a'", "nul", "tru", "1" * 5_000,
              '"\\ud800"',
              '"\\u00"', '"\\x41"', '"a\tb"', "\x00", "", "1.", ".5", "1e", "[" * 500, "{" * 500)  # fmt: skip
MEMBER_NAMES = (
    "Streaming_History_Audio_2023_0.json", "endsong_0.json", "StreamingHistory0.json", "a\x1b[2Jb.json", "a\nb.json",
    "..\\..\\endsong_0.json", "../../endsong_0.json", "/endsong_0.json", "C:endsong_0.json", "x" * 300 + ".json",
    "endsong_\u202e0.json", "\ud800.json".encode("utf-8", "replace").decode(), "__MACOSX/._endsong_0.json", ".json",
    "endsong_0.json.gz", "endsong_0.JSON",
)  # fmt: skip
FILE_NAMES = (
    "history.json", "history.json", "history.zip", "my_spotify_data.zip", "history", "a\x1b[31mb.json", "a\nb.zip",
    "\x9b2J.json", "ümlaut.json", "-rf.json", " .json", "history.json.gz", "x" * 200 + ".json", "b\udcffd.json",
)  # fmt: skip


TIME_KEYS = ("ts", "endTime", "uts", "listened_at", "time", "played_at", "$date")


class Input(NamedTuple):
    """A damaged file."""

    name: str
    content: bytes
    texts: tuple[bytes, ...]
    """The JSON texts that it was made from, as they are in it before anything that came later."""
    kinds: tuple[str, ...]
    """What was done to it, in order."""
    is_spotifys: bool = True
    """Else it is the export of another service."""


def damaged(
    chance: random.Random, rows: Sequence[dict[str, Any]], write: Callable[[Rows], bytes] | None = None
) -> Input:
    """A file made of some rows, with damages of one to three kinds: to rows, to their text, to what it is packed in.

    ``write`` is how another service lays rows out.
    """
    some, kinds = [dict(row) for row in rows], []
    if chance.random() < 0.6:
        for change in chance.sample(ROW_DAMAGES, chance.choice((1, 1, 2))):
            some = change(chance, some)
            kinds.append(change.__name__)
    text = write(some) if write else as_text(chance, some)
    if chance.random() < 0.5 or not kinds:
        change_text = chance.choice(TEXT_DAMAGES)
        text = change_text(chance, text)
        kinds.append(change_text.__name__)
    texts, content, name = (text,), text, chance.choice(FILE_NAMES)
    if chance.random() < 0.4:
        pack = chance.choice(PACKINGS)
        content = pack(chance, text)
        kinds.append(pack.__name__)
        if chance.random() < 0.5:
            change_bytes = chance.choice(BYTE_DAMAGES)
            content = change_bytes(chance, content)
            kinds.append(change_bytes.__name__)
        name = name if chance.random() < 0.2 else "history.zip"
    return Input(name, content, texts, tuple(kinds), write is None)


def as_text(chance: random.Random, rows: Rows) -> bytes:
    layout: dict[str, Any] = chance.choice(({"indent": 2}, {}, {"separators": (",", ":")}))
    return json.dumps(rows, ensure_ascii=chance.random() < 0.5, **layout).encode("utf-8", "surrogatepass")


# Rows


def any_row(chance: random.Random, rows: Rows) -> dict[str, Any]:
    """A row, or an object in one: rows of other services have some."""
    of_keys = [row for row in rows if isinstance(row, dict)]
    if not of_keys:
        rows.append({})
        of_keys = [rows[-1]]
    row = chance.choice(of_keys)
    objects = [value for value in row.values() if isinstance(value, dict)]
    return chance.choice(objects) if objects and chance.random() < 0.5 else row


def any_key(chance: random.Random, row: dict[str, Any]) -> str:
    return chance.choice(sorted(row)) if row else "ts"


def odd_value(chance: random.Random) -> Any:
    return deepcopy(chance.choice((*ODD_VALUES, *ODD_TEXTS[:20], *ODD_NUMBERS)))  # what is put in may be changed next


def wrong_types(chance: random.Random, rows: Rows) -> Rows:
    for _ in range(chance.randint(1, 6)):
        row = any_row(chance, rows)
        row[any_key(chance, row)] = odd_value(chance)
    return rows


def huge_numbers(chance: random.Random, rows: Rows) -> Rows:
    for _ in range(chance.randint(1, 4)):
        row = any_row(chance, rows)
        row[chance.choice(("ms_played", "msPlayed", "offline_timestamp"))] = chance.choice(ODD_NUMBERS)
    return rows


def odd_texts(chance: random.Random, rows: Rows) -> Rows:
    for _ in range(chance.randint(1, 4)):
        row = any_row(chance, rows)
        row[any_key(chance, row)] = chance.choice(ODD_TEXTS)
    return rows


def odd_times(chance: random.Random, rows: Rows) -> Rows:
    for _ in range(chance.randint(1, 4)):
        row = any_row(chance, rows)
        row[chance.choice([key for key in TIME_KEYS if key in row] or TIME_KEYS[:2])] = chance.choice(ODD_TIMES)
    return rows


def many_keys(chance: random.Random, rows: Rows) -> Rows:
    any_row(chance, rows).update({f"key {number}": number for number in range(10_000)})
    return rows


def missing_keys(chance: random.Random, rows: Rows) -> Rows:
    for _ in range(chance.randint(1, 12)):
        row = any_row(chance, rows)
        row.pop(any_key(chance, row), None)
    return rows


def stray_values(chance: random.Random, rows: Rows) -> Rows:
    for _ in range(chance.randint(1, 5)):
        rows.insert(chance.randint(0, len(rows)), odd_value(chance))
    return rows


def nested_rows(chance: random.Random, rows: Rows) -> Rows:
    nested: Any = rows
    for _ in range(chance.choice((1, 2, 100, 900))):
        nested = [nested] if chance.random() < 0.7 else {"items": nested}
    return [nested] if chance.random() < 0.5 else [*rows, nested]


def repeated_rows(chance: random.Random, rows: Rows) -> Rows:
    return [chance.choice(rows) for _ in range(len(rows) * 2)]


def mixed_formats(chance: random.Random, rows: Rows) -> Rows:
    """Rows that are of the extended history and of the account data at once."""
    row = any_row(chance, rows)
    row.update({"endTime": "2024-01-01 10:00", "artistName": "A", "trackName": "B", "msPlayed": 60_000})
    return rows


ROW_DAMAGES = (
    wrong_types, wrong_types, huge_numbers, odd_texts, odd_times, odd_times, many_keys, missing_keys, stray_values,
    nested_rows, repeated_rows, mixed_formats,
)  # fmt: skip

# Text


def cut(chance: random.Random, text: bytes) -> bytes:
    return text[: chance.randrange(len(text) + 1)]


def flip_bits(chance: random.Random, text: bytes) -> bytes:
    changed = bytearray(text)
    for _ in range(chance.choice((1, 1, 2, 10, 100))):
        if changed:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def remove_some(chance: random.Random, text: bytes) -> bytes:
    begin = chance.randrange(len(text) + 1)
    return text[:begin] + text[begin + chance.choice((1, 10, 1_000)) :]


def repeat_some(chance: random.Random, text: bytes) -> bytes:
    begin = chance.randrange(len(text) + 1)
    return text[:begin] + text[begin : begin + chance.choice((1, 10, 1_000))] * 2 + text[begin:]


def insert_bytes(chance: random.Random, text: bytes) -> bytes:
    begin = chance.randrange(len(text) + 1)
    return text[:begin] + chance.randbytes(chance.choice((1, 4, 400))) + text[begin:]


def raw_value(chance: random.Random, text: bytes) -> bytes:
    """Something that is no JSON value, in the place of one."""
    at = text.find(b": ", chance.randrange(len(text) + 1))
    end = min((found for found in (text.find(b",", at), text.find(b"\n", at)) if found > 0), default=len(text))
    return text[: at + 2] + chance.choice(RAW_VALUES).encode() + text[end:] if at > 0 else text


def other_encoding(chance: random.Random, text: bytes) -> bytes:
    kind = chance.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1", "cp1252", "utf-7"))
    return text.decode("utf-8", "replace").encode(kind, "replace")


def repeated_keys(chance: random.Random, text: bytes) -> bytes:
    return text.replace(b"{", b'{"ts": 1, "ts": [], ', chance.randint(1, 3))


def deep_nesting(chance: random.Random, text: bytes) -> bytes:
    opened = chance.choice((b"[", b'{"a":', b"[{", b'[{"ts":['))
    return opened * chance.choice((100, 10_000, 200_000)) + text


def other_json(chance: random.Random, text: bytes) -> bytes:
    return chance.choice((b"{}", b"[]", b"null", b"5", b'"text"', b"", b" \n", b"\xef\xbb\xbf", b"[5", b"[[]]",
                          b"[{}]",
                          b"[" + b"0," * 50_000 + b"0]", text + text, text + b"]", b'{"history": ' + text + b"}",
                          b"<html>", b"%PDF-1.4", b"\x1f\x8b\x08", b"PK\x03\x04",
                          b"PK\x05\x06" + b"\0" * 18))  # fmt: skip


def same_text(chance: random.Random, text: bytes) -> bytes:
    return text


TEXT_DAMAGES = (
    cut, cut, flip_bits, flip_bits, remove_some, repeat_some, insert_bytes, raw_value, raw_value, other_encoding,
    repeated_keys, deep_nesting, other_json, same_text,
)  # fmt: skip

# What the text is packed in


def in_zip(chance: random.Random, text: bytes) -> bytes:
    return as_zip([(chance.choice(MEMBER_NAMES[:3]), text), ("ReadMe.pdf", b"%PDF")])


def in_zip_of_odd_names(chance: random.Random, text: bytes) -> bytes:
    return as_zip([(name, text) for name in chance.sample(MEMBER_NAMES, 3)])


def in_nested_zip(chance: random.Random, text: bytes) -> bytes:
    packed = as_zip([("endsong_0.json", text)])
    for number in range(chance.choice((1, 2, 12))):
        packed = as_zip([(f"{number}.zip", packed)])
    return packed


def in_zip_twice(chance: random.Random, text: bytes) -> bytes:
    return as_zip([("endsong_0.json", text), ("endsong_1.json", cut(chance, text))])


def in_gzip(chance: random.Random, text: bytes) -> bytes:
    return gzip.compress(text)


def in_bomb(chance: random.Random, text: bytes) -> bytes:
    return as_zip([("endsong_0.json", text), ("endsong_1.json", b"[" + b" " * 5_000_000 + b"]")])


PACKINGS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    in_zip, in_zip, in_zip_of_odd_names, in_nested_zip, in_zip_twice, in_gzip, in_bomb,
)  # fmt: skip


def change_header(chance: random.Random, packed: bytes) -> bytes:
    """A field of a ZIP's header says something else: a method, a size, a flag, a checksum."""
    places = [at for at in range(len(packed) - 46) if packed[at : at + 4] in (b"PK\x01\x02", b"PK\x03\x04")]
    if not places:
        return flip_bits(chance, packed)
    at = chance.choice(places) + chance.randrange(6, 44)
    value = struct.pack("<H", chance.choice((0, 1, 8, 9, 12, 99, 0xFFFF, chance.randrange(0x10000))))
    return packed[:at] + value + packed[at + 2 :]


def junk_around(chance: random.Random, packed: bytes) -> bytes:
    junk = chance.randbytes(chance.choice((1, 100, 70_000)))
    return junk + packed if chance.random() < 0.5 else packed + junk


BYTE_DAMAGES = (cut, flip_bits, flip_bits, change_header, change_header, remove_some, insert_bytes, junk_around)
