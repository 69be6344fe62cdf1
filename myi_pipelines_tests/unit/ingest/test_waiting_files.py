"""The uploads folder."""

import os
import time
from pathlib import Path

import pytest

from myi_pipelines.ingest.uploads import waiting_files
from myi_pipelines.ingest.uploads.waiting_files import (
    FAILED,
    IMPORTED,
    FileSignature,
    fingerprint,
    move_away,
    owner,
    protect_moved,
    scan,
)


def put(folder: Path, name: str, content: str = "[]") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def waiting(folder: Path, now: float | None = None) -> dict[str, list[str]]:
    """Names of what waits, by user."""
    inbox = scan(folder, settle_seconds=0, now=now or time.time() + 1)
    return {user: [str(one.path.relative_to(folder / user)) for one in found] for user, found in inbox.waiting.items()}


def test_a_folder_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert scan(tmp_path / "uploads", settle_seconds=0, now=time.time()) == ({}, [], [], [], [], [], [])


def test_files_of_any_kind_and_whole_folders_are_found_by_user(tmp_path: Path) -> None:
    for name in (
        "anna/b.zip", "anna/A.JSON", "anna/readme.pdf", "anna/no suffix", "anna/my_data/deep/er/endsong.json",
        "anna/my_data/ReadMe.pdf", "ben/x.json.gz", "anna/imported/old.zip", "anna/failed/bad.zip", "lost.zip", "notes",
    ):  # fmt: skip
        put(tmp_path, name)
    inbox = scan(tmp_path, settle_seconds=0, now=time.time() + 1)
    assert waiting(tmp_path) == {
        "anna": ["A.JSON", "b.zip", "my_data", "no suffix", "readme.pdf"],
        "ben": ["x.json.gz"],
    }
    [folder] = [one for one in inbox.waiting["anna"] if one.path.name == "my_data"]
    assert [path.name for path in folder.files] == ["ReadMe.pdf", "endsong.json"]
    assert inbox.misplaced == [tmp_path / "lost.zip", tmp_path / "notes"]
    assert inbox.unsettled == inbox.downloads == []


def test_hidden_files_and_those_of_the_system_are_left_alone(tmp_path: Path) -> None:
    for name in (
        "anna/.hidden.json", "anna/.Trash/y.json", "anna/desktop.ini", "anna/Thumbs.db", "anna/@eaDir/z.json",
        "anna/d/.x", "anna/__MACOSX/a.json", "anna/~$list.xlsx", "anna/bad.zip.error.txt", ".stray/z.json", ".gitkeep",
    ):  # fmt: skip
        put(tmp_path, name)
    assert scan(tmp_path, settle_seconds=0, now=time.time() + 1) == ({}, [], [], [], [], [], [])


@pytest.mark.parametrize(
    "partial",
    ["a.zip.crdownload", "a.zip.part", "Unconfirmed 1.crdownload", "x.tmp", "a.zip.aria2", "b.Download/a.zip"],
)
def test_downloads_that_have_not_ended_are_left_alone(tmp_path: Path, partial: str) -> None:
    put(tmp_path, f"anna/{partial}")
    put(tmp_path, "anna/done.json")
    put(tmp_path, f"ben/data/{partial}")
    put(tmp_path, "ben/data/Userdata.json", "{}")
    inbox = scan(tmp_path, settle_seconds=0, now=time.time() + 1)
    assert waiting(tmp_path) == {"anna": ["done.json"]}
    assert len(inbox.downloads) == 2


@pytest.mark.parametrize("partial", ["a.zip.part", "a.x1y2.zip.part"])
def test_the_empty_file_that_firefox_keeps_for_a_download_is_left_alone(tmp_path: Path, partial: str) -> None:
    put(tmp_path, "anna/a.zip", "")
    part = put(tmp_path, f"anna/{partial}")
    assert waiting(tmp_path) == {}
    part.rename(tmp_path / "anna/a.zip")
    assert waiting(tmp_path) == {"anna": ["a.zip"]}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_folders_that_may_not_be_read_are_named(tmp_path: Path) -> None:
    closed = [put(tmp_path, "anna/data/1.json").parent, put(tmp_path, "ben/2.json").parent]
    for folder in closed:
        folder.chmod(0)
    try:
        inbox = scan(tmp_path, settle_seconds=0, now=time.time() + 1)
        assert (inbox.waiting, inbox.unreadable) == ({}, closed)
    finally:
        for folder in closed:
            folder.chmod(0o700)


def test_a_file_settles_when_nothing_changes_it_whatever_its_modification_time(tmp_path: Path) -> None:
    copied = put(tmp_path, "anna/copied.zip")
    os.utime(copied, (0, 0))
    ahead = put(tmp_path, "anna/clock_ahead.zip")
    os.utime(ahead, (time.time() + 9_999, time.time() + 9_999))
    now = time.time()
    assert scan(tmp_path, settle_seconds=5, now=now).unsettled == [ahead, copied]
    assert waiting(tmp_path, now + 6) == {"anna": ["clock_ahead.zip", "copied.zip"]}


def test_a_folder_waits_until_all_of_its_files_have_settled(tmp_path: Path) -> None:
    early = put(tmp_path, "anna/data/1.json")
    while (late := put(tmp_path, "anna/data/2.json")).stat().st_ctime == early.stat().st_ctime:
        time.sleep(0.001)  # the clock of the file system moves in steps
    now = late.stat().st_ctime
    inbox = scan(tmp_path, settle_seconds=now - early.stat().st_ctime, now=now)
    assert (inbox.waiting, inbox.unsettled) == ({}, [late])
    assert waiting(tmp_path) == {"anna": ["data"]}


def test_a_file_in_the_uploads_folder_itself_gets_a_text_until_it_is_moved(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    lost = put(folder, "lost.zip")
    own = put(folder, "my.error.txt", "written by the user")
    waiting_files.explain_misplaced(folder, [lost])
    text = folder / "lost.zip.error.txt"
    assert text.read_text().startswith(
        "lost.zip: lies in the folder of the uploads, not in that of a user; move it into"
    )
    assert scan(folder, settle_seconds=0, now=time.time() + 1).misplaced == [lost]
    lost.unlink()
    waiting_files.explain_misplaced(folder, [])
    assert not text.exists()
    assert own.exists()


def test_fingerprints_distinguish_sets_of_files(tmp_path: Path) -> None:
    one, two = put(tmp_path, "anna/1.json"), put(tmp_path, "anna/2.json")
    both = fingerprint([one, two])
    assert both == fingerprint([two, one])
    assert len({both, fingerprint([one]), fingerprint([])}) == 3
    os.utime(two, ns=(5, 5))
    assert fingerprint([one, two]) != both
    two.unlink()
    assert fingerprint([one, two]) == fingerprint([one])


def test_a_replaced_file_has_another_signature(tmp_path: Path) -> None:
    path = put(tmp_path, "anna/1.json")
    signature = FileSignature.of(path)
    assert FileSignature.of(path) == signature
    put(tmp_path, "anna/new.json").rename(path)
    assert FileSignature.of(path) != signature
    path.unlink()
    assert FileSignature.of(path) is None


def test_only_waiting_files_have_an_owner(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    assert owner(folder, put(folder, "anna/1.zip")) == "anna"
    assert owner(folder, put(folder, "anna/deep/er/1.zip")) == "anna"
    assert owner(folder, put(folder, "anna/imported/1.zip")) is None
    assert owner(folder, put(folder, "1.zip")) is None
    assert owner(folder, put(tmp_path, "elsewhere/anna/1.zip")) is None


def test_moved_files_keep_their_place_and_never_replace_another(tmp_path: Path) -> None:
    for content in ("first", "second", "third"):
        moved = move_away(tmp_path, put(tmp_path, "anna/my_data/history.json", content), IMPORTED, [])
        assert moved.read_text() == content
    assert names(tmp_path) == [
        "anna/imported/my_data/history (2).json",
        "anna/imported/my_data/history (3).json",
        "anna/imported/my_data/history.json",
    ]
    assert not (tmp_path / "anna/my_data").exists()


def test_a_dropped_folder_stays_while_something_is_in_it(tmp_path: Path) -> None:
    put(tmp_path, "anna/my_data/ReadMe.pdf")
    move_away(tmp_path, put(tmp_path, "anna/my_data/history.json"), IMPORTED, [])
    assert names(tmp_path) == ["anna/imported/my_data/history.json", "anna/my_data/ReadMe.pdf"]


def test_failed_files_have_the_reason_beside_them_and_imported_ones_the_notes(tmp_path: Path) -> None:
    move_away(tmp_path, put(tmp_path, "anna/x.zip"), FAILED, ["x.zip: is not a ZIP"])
    move_away(tmp_path, put(tmp_path, "anna/x.zip"), FAILED, ["x.zip: is encrypted"])
    move_away(tmp_path, put(tmp_path, "anna/y.zip"), IMPORTED, ["one", "two"])
    failed = tmp_path / "anna/failed"
    assert names(failed) == ["x (2).zip", "x (2).zip.error.txt", "x.zip", "x.zip.error.txt"]
    assert (failed / "x.zip.error.txt").read_text() == "x.zip: is not a ZIP\n"
    assert (failed / "x (2).zip.error.txt").read_text() == "x.zip: is encrypted\n"
    assert (tmp_path / "anna/imported/y.zip.notes.txt").read_text() == "one\ntwo\n"


def test_only_the_owner_may_read_what_was_imported_or_failed(tmp_path: Path) -> None:
    move_away(tmp_path, put(tmp_path, "anna/my_data/history.json"), IMPORTED, ["a note"])
    move_away(tmp_path, put(tmp_path, "anna/x.zip"), FAILED, ["x.zip: is not a ZIP"])
    for where in (IMPORTED, FAILED):
        folder = tmp_path / "anna" / where
        for path in (folder, *folder.rglob("*")):
            assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_what_lay_there_open_is_closed_and_nothing_else_changes(tmp_path: Path) -> None:
    uploads, elsewhere = tmp_path / "uploads", put(tmp_path, "elsewhere/imported/history.zip").parent
    kept = [
        elsewhere,
        elsewhere / "history.zip",
        put(uploads, "anna/waits.zip"),
        put(uploads, "anna/my imported/imported/waits.zip"),
    ]
    closed = [put(uploads, f"anna/{where}/a/old.zip{end}") for where in (IMPORTED, FAILED) for end in ("", ".txt")]
    os.mkfifo(uploads / "anna/imported/pipe")
    (uploads / "anna/imported/a/link.zip").symlink_to(elsewhere / "history.zip")
    (uploads / "anna/imported/folder").symlink_to(elsewhere)
    (uploads / "anna/imported/nowhere").symlink_to(tmp_path / "nowhere")
    (uploads / "bob").symlink_to(elsewhere.parent)
    (uploads / "cleo").mkdir()
    (uploads / "cleo/failed").symlink_to(elsewhere)
    private = {uploads / "anna" / name for name in ("imported", "imported/a", "failed", "failed/a")}
    for path in [*private, *kept, *closed]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert protect_moved(uploads) == (8, [])
    assert {path: mode(path) for path in (*private, *closed)} == dict.fromkeys(private, 0o700) | dict.fromkeys(
        closed, 0o600
    )
    assert {path: mode(path) for path in kept} == {path: 0o755 if path.is_dir() else 0o644 for path in kept}
    assert protect_moved(uploads) == (0, [])
    assert protect_moved(tmp_path / "nowhere") == (0, [])


def test_what_belongs_to_another_or_cannot_be_closed_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [put(tmp_path, f"anna/imported/{name}.zip") for name in ("a", "b", "c")]
    closes = os.fchmod

    def refuse_second(opened: int, wanted: int) -> None:
        if os.fstat(opened).st_ino == files[1].stat().st_ino:
            raise PermissionError(1, "Operation not permitted")
        closes(opened, wanted)

    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        assert protect_moved(tmp_path) == (0, [])
    assert [mode(path) & 0o044 for path in files] == [0o044] * 3
    monkeypatch.setattr(os, "fchmod", refuse_second)
    assert protect_moved(tmp_path) == (3, [f"{files[1]}: Operation not permitted"])
    assert [mode(path) for path in files] == [0o600, 0o644, 0o600]


def test_a_folder_that_was_there_is_closed_with_the_next_file(tmp_path: Path) -> None:
    put(tmp_path, "anna/imported/my_data/old.json")
    for folder in ("anna", "anna/imported", "anna/imported/my_data"):
        (tmp_path / folder).chmod(0o755)
    move_away(tmp_path, put(tmp_path, "anna/my_data/new.json"), IMPORTED, [])
    assert [mode(tmp_path / path) for path in ("anna", "anna/imported", "anna/imported/my_data")] == [
        *(0o755, 0o700, 0o700)
    ]


def test_a_link_is_moved_and_its_target_is_not(tmp_path: Path) -> None:
    target = put(tmp_path, "elsewhere/history.zip")
    folder = tmp_path / "uploads"
    link = folder / "anna" / "history.zip"
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    assert waiting(folder) == {"anna": ["history.zip"]}
    move_away(folder, link, IMPORTED, [])
    assert target.exists()
    assert (folder / "anna/imported/history.zip").is_symlink()


def test_a_link_in_place_of_a_users_folder_is_named_and_not_read(tmp_path: Path) -> None:
    elsewhere = put(tmp_path, "elsewhere/history.zip").parent
    put(tmp_path, "uploads/bert/history.zip")
    link = tmp_path / "uploads/anna"
    link.symlink_to(elsewhere)
    inbox = scan(tmp_path / "uploads", settle_seconds=0, now=time.time() + 1)
    assert [*inbox.waiting] == ["bert"]
    assert inbox.not_files == [link]


def test_an_odd_entry_stops_nothing_else_and_is_named(tmp_path: Path) -> None:
    put(tmp_path, "anna/history.json")
    put(tmp_path, "zoe/folder/history.json")
    put(tmp_path, "odd\x85name/history.json")
    put(tmp_path, "odd/history.json")
    put(tmp_path, os.fsdecode(b"caf\xe9/history.json"))
    put(tmp_path, f"anna/{os.fsdecode(b'caf' + bytes([0xE9]))}.json")
    odd = [tmp_path / "long", tmp_path / "odd/long", tmp_path / "odd/nowhere", tmp_path / "zoe/folder/loop"]
    for link, target in zip(odd, ["x" * 300, "y" * 4_000, "nowhere at all", "loop"], strict=True):
        link.symlink_to(target)
    os.mkfifo(tmp_path / "odd/pipe")
    inbox = scan(tmp_path, settle_seconds=0, now=time.time() + 1)
    assert {user: len(found) for user, found in inbox.waiting.items()} == {
        "anna": 1, "zoe": 1, "odd": 1, "odd\x85name": 1, os.fsdecode(b"caf\xe9"): 1,
    }  # fmt: skip
    assert sorted(inbox.not_files) == sorted([*odd, tmp_path / "odd/pipe"])
    assert [path.parent.name for path in inbox.nameless] == ["anna"]
    waiting_files.explain_misplaced(tmp_path, inbox.misplaced)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can take another user's place")
def test_folders_that_cannot_be_searched_or_listed_stop_nobody(tmp_path: Path) -> None:
    """As another user, in a process of its own: root may search everything."""
    for name in ("anna/history.json", "ben/history.json", "cleo/folder/history.json", "dora/history.json"):
        put(tmp_path, name)
    for name, mode in {"ben": 0o444, "cleo/folder": 0o444, "dora": 0o000}.items():
        (tmp_path / name).chmod(mode)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(folder.stat().st_mode | 0o055)
    child = os.fork()
    if not child:
        try:
            os.setgid(65534)
            os.setuid(65534)
            inbox = scan(tmp_path, settle_seconds=0, now=time.time() + 1)
            expected = list(inbox.waiting) == ["anna"], inbox.unreadable == [tmp_path / "dora"]
            seen = {path.name for path in inbox.not_files} == {"history.json"}
            os._exit(0 if all(expected) and seen else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
