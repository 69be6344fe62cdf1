"""The uploads folder."""

import os
import time
from pathlib import Path

from myi_pipelines.ingest.uploads import waiting_files
from myi_pipelines.ingest.uploads.waiting_files import FileSignature, fingerprint, is_in_dropped_folder, owner, scan


def put(folder: Path, name: str, content: str = "[]") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert scan(tmp_path / "uploads", settle_seconds=0, now=time.time()) == ({}, [], [])


def test_uploads_are_found_by_user_at_any_depth(tmp_path: Path) -> None:
    for name in (
        "anna/b.zip", "anna/A.JSON", "anna/my_data/Streaming_History_Audio_2020.json", "ben/x.json",
        "anna/readme.pdf", "anna/.hidden.json", "anna/.Trash/y.json", "anna/imported/old.zip", "anna/failed/bad.zip",
        ".stray/z.json", "lost.zip", "notes.txt",
    ):  # fmt: skip
        put(tmp_path, name)
    inbox = scan(tmp_path, settle_seconds=0, now=time.time() + 1)
    found = {user: [str(path.relative_to(tmp_path)) for path in paths] for user, paths in inbox.waiting.items()}
    assert found == {
        "anna": ["anna/A.JSON", "anna/b.zip", "anna/my_data/Streaming_History_Audio_2020.json"],
        "ben": ["ben/x.json"],
    }
    assert inbox.misplaced == [tmp_path / "lost.zip"]
    assert inbox.unsettled == []


def test_a_file_settles_when_nothing_changes_it_whatever_its_modification_time(tmp_path: Path) -> None:
    copied = put(tmp_path, "anna/copied.zip")
    os.utime(copied, (0, 0))
    ahead = put(tmp_path, "anna/clock_ahead.zip")
    os.utime(ahead, (time.time() + 9_999, time.time() + 9_999))
    now = time.time()
    assert scan(tmp_path, settle_seconds=5, now=now).unsettled == [ahead, copied]
    assert scan(tmp_path, settle_seconds=5, now=now + 6).waiting == {"anna": [ahead, copied]}


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
    assert not is_in_dropped_folder(folder, folder / "anna/1.zip")
    assert is_in_dropped_folder(folder, folder / "anna/deep/1.zip")


def test_moved_files_keep_their_place_and_never_replace_another(tmp_path: Path) -> None:
    for content in ("first", "second", "third"):
        moved = waiting_files.move_to_imported(tmp_path, put(tmp_path, "anna/my_data/history.json", content))
        assert moved.read_text() == content
    assert names(tmp_path) == [
        "anna/imported/my_data/history (2).json",
        "anna/imported/my_data/history (3).json",
        "anna/imported/my_data/history.json",
    ]
    assert not (tmp_path / "anna/my_data").exists()


def test_a_dropped_folder_stays_while_something_is_in_it(tmp_path: Path) -> None:
    put(tmp_path, "anna/my_data/ReadMe.pdf")
    waiting_files.move_to_imported(tmp_path, put(tmp_path, "anna/my_data/history.json"))
    assert names(tmp_path) == ["anna/imported/my_data/history.json", "anna/my_data/ReadMe.pdf"]


def test_failed_files_have_the_reason_beside_them(tmp_path: Path) -> None:
    waiting_files.move_to_failed(tmp_path, put(tmp_path, "anna/x.zip"), "x.zip: is not a ZIP")
    waiting_files.move_to_failed(tmp_path, put(tmp_path, "anna/x.zip"), "x.zip: is encrypted")
    failed = tmp_path / "anna/failed"
    assert names(failed) == ["x (2).zip", "x (2).zip.error.txt", "x.zip", "x.zip.error.txt"]
    assert (failed / "x.zip.error.txt").read_text() == "x.zip: is not a ZIP\n"
    assert (failed / "x (2).zip.error.txt").read_text() == "x.zip: is encrypted\n"


def test_a_link_is_moved_and_its_target_is_not(tmp_path: Path) -> None:
    target = put(tmp_path, "elsewhere/history.zip")
    folder = tmp_path / "uploads"
    link = folder / "anna" / "history.zip"
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    assert scan(folder, settle_seconds=0, now=time.time() + 1).waiting == {"anna": [link]}
    waiting_files.move_to_imported(folder, link)
    assert target.exists()
    assert (folder / "anna/imported/history.zip").is_symlink()
