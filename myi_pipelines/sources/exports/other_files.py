"""What a file is that holds no history that is read: recognized from its first bytes, and from its name only where all
files of its kind begin alike. Knows nothing of histories."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

ASK_SPOTIFY: Final = 'request "Extended streaming history" at spotify.com/account/privacy and import what Spotify sends'
_UNPACK: Final = "unpack it and import what is in it"
_AGAIN: Final = "download or copy it again"
_UNCHANGED: Final = "import the JSON files that Spotify sent, or their ZIP"
_OTHER_SERVICE: Final = (
    "it is not read; what is read: Spotify, MYI, Last.fm as CSV or JSON, ListenBrainz, Maloja, Koito, your_spotify"
)
_WHOLE: Final = "put its parts together (`{}`, or with 7-Zip) and import the whole"


class OtherFile(NamedTuple):
    """A kind of file that is not read."""

    what: str
    """What to call it, such as `a RAR archive`."""
    advice: str
    """What the user can do."""
    may_hold_plays: bool = False
    """Whether plays may be lost if it is left out: an archive, or the history of another service."""


_SPLIT_NAME: Final = re.compile(r".*\.(z\d\d|zip\.\d\d\d)", re.IGNORECASE)
_PLAIN_NAME: Final = re.compile(r"[\w.-]+")
_SPLIT_MARK: Final = b"PK\x07\x08"
"""APPNOTE.TXT 6.3.10, section 8.5.4: the first part of a split ZIP begins with it."""
_TAR_NAME: Final = re.compile(r".*\.(tar|tgz|tbz2?|txz|tar\.\w+)", re.IGNORECASE)
_TAR_MARK: Final = b"ustar"
_TAR_MARK_AT: Final = 257

_PACKED: Final = (
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"BZh", "a file packed with bzip2"),
    (b"\xfd7zXZ\x00", "a file packed with xz"),
    (b"\x28\xb5\x2f\xfd", "a file packed with Zstandard"),
)
_BINARY: Final = (
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"RIFF", "an image, an audio or a video file"),
    (b"ID3", "an audio file"),
    (b"OggS", "an audio file"),
    (b"fLaC", "an audio file"),
    (b"\x00\x00\x00\x18ftyp", "a video or an image"),
    (b"\x00\x00\x00\x1cftyp", "a video or an image"),
    (b"\x00\x00\x00\x20ftyp", "a video or an image"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"bplist00", "a file of macOS"),
)


def recognize(head: bytes, name: str) -> OtherFile | None:
    """The kind of a file with these first bytes; None if they say nothing, as those of damaged JSON.

    >>> recognize(b"%PDF-1.7", "ReadMe.pdf").what
    'a PDF document'
    """
    if part := split_part(head, name):
        return part
    if _TAR_NAME.fullmatch(name) or head[_TAR_MARK_AT:].startswith(_TAR_MARK):
        return OtherFile("a tar archive", _UNPACK, may_hold_plays=True)
    for mark, what in _PACKED:
        if head.startswith(mark):
            return OtherFile(what, _UNPACK, may_hold_plays=True)
    for mark, what in _BINARY:
        if head.startswith(mark):
            return OtherFile(what, ASK_SPOTIFY)
    if head and not head.strip(b"\x00"):
        return OtherFile("filled with zero bytes, as if never written to the end", _AGAIN)
    text = _text(head)
    if text is None:
        return None
    if _is_table_of_spotify(text):
        return OtherFile("a table that was made of a Spotify history", _UNCHANGED, may_hold_plays=True)
    for service, is_theirs in _SERVICES:
        if is_theirs(text):
            return OtherFile(f"an export of {service}", _OTHER_SERVICE, may_hold_plays=True)
    return _recognized_text(text)


def split_part(head: bytes, name: str) -> OtherFile | None:
    """A part of a split ZIP, if the name or the first bytes say that it is one."""
    is_part = _SPLIT_NAME.fullmatch(name) or head.startswith(_SPLIT_MARK)
    return part_of_split_zip(name) if is_part else None


def part_of_split_zip(name: str) -> OtherFile:
    """A file of this name that is a part of a split ZIP.

    >>> part_of_split_zip("data.z01").advice
    'put its parts together (`zip -s 0 data.zip --out whole.zip`, or with 7-Zip) and import the whole'
    """
    stem, _, ending = name.rpartition(".")
    shown = stem if _PLAIN_NAME.fullmatch(stem) else "NAME"
    command = f"cat {shown}.* > whole.zip" if ending.isdigit() else f"zip -s 0 {shown}.zip --out whole.zip"
    return OtherFile("one part of a split ZIP", _WHOLE.format(command), may_hold_plays=True)


def _recognized_text(text: str) -> OtherFile | None:
    start = text[:64].lower()
    if start.startswith(("<!doctype html", "<html")):
        return OtherFile("a web page, perhaps in place of a download that needed a login", _AGAIN)
    if start.startswith("<"):
        return OtherFile("an XML file", ASK_SPOTIFY)
    if start.startswith("{\\rtf"):
        return OtherFile("a text document (RTF)", "if an editor made it of a history, import the unchanged file")
    if start.startswith("list(map("):
        return OtherFile("one of the other files of Spotify's account data", ASK_SPOTIFY)
    if start.startswith(("[", "{", '"')):
        return None
    return OtherFile("a text file", ASK_SPOTIFY)


def _text(head: bytes) -> str | None:
    """The first bytes as text, without the space before it; None if they are no text."""
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").lstrip()
    is_text = text and not any(sign < " " and sign not in "\t\r\n\f\x1b" for sign in text)
    # A character that the end of the head cuts becomes one replacement, so a few of them are no proof.
    return text if is_text and text.count("\N{REPLACEMENT CHARACTER}") <= 1 else None


def _is_table_of_spotify(text: str) -> bool:
    first_line = text.partition("\n")[0]
    return not text.startswith(("[", "{")) and ("msPlayed" in first_line or "ms_played" in first_line)


def _is_last_fm(text: str) -> bool:
    return text.startswith("<") and ("<recenttracks" in text or "<lfm" in text)


def _is_scrobbler_log(text: str) -> bool:
    return text.startswith("#AUDIOSCROBBLER/")


def _is_youtube(text: str) -> bool:
    return '"header"' in text and '"titleUrl"' in text and "youtube.com" in text


def _is_apple_music(text: str) -> bool:
    first_line = text.partition("\n")[0]
    is_played = "Play Duration Milliseconds" in first_line and ("Event" in first_line or "Date Played" in first_line)
    return is_played or first_line.startswith("Track Name,Last Played Date")


_SERVICES: Final[tuple[tuple[str, Callable[[str], bool]], ...]] = (
    ("Last.fm as XML", _is_last_fm),
    ("an audio player (.scrobbler.log)", _is_scrobbler_log),
    ("YouTube", _is_youtube),
    ("Apple Music", _is_apple_music),
)
