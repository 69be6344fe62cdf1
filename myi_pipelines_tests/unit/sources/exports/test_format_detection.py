"""The format of a history is detected from its content, not from its name."""

import json
from pathlib import Path
from typing import Any

import pytest

from myi_pipelines.sources.exports import open_upload
from myi_pipelines_tests.support.export_rows import account, as_json, as_zip, extended, no_track, read


@pytest.mark.parametrize("name", ["endsong_0.json", "StreamingHistory0.json", "my own name.txt", "x.zip", "no suffix"])
@pytest.mark.parametrize(("row", "format_"), [(extended(), "extended"), (account(), "account")])
def test_the_format_of_json_is_detected_under_any_name(
    tmp_path: Path, name: str, row: dict[str, Any], format_: str
) -> None:
    path = tmp_path / name
    path.write_bytes(as_json([row]))
    with open_upload(path) as upload:
        assert (upload.format, upload.members, upload.name) == (format_, (name,), name)
        assert upload.total_bytes == path.stat().st_size
        assert len(next(upload.batches()).plays) == 1


def test_a_zip_is_detected_under_any_name(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(as_zip({"data": as_json([extended()])}))
    assert len(read(path).plays) == 1


@pytest.mark.parametrize("indent", [None, 0, 2, 4])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ends", [b"", b"\r\n \t\n"])
def test_layout_and_byte_order_mark_change_nothing(tmp_path: Path, indent: int | None, bom: bytes, ends: bytes) -> None:
    path = tmp_path / "history.json"
    path.write_bytes(bom + ends + as_json([extended()] * 3, indent=indent) + ends)
    assert len(read(path).plays) == 3


def test_a_history_may_have_a_row_in_each_line(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_bytes(b"\n".join(as_json(row, indent=None) for row in (extended(), extended(ts=7), extended())))
    found = read(path)
    assert len(found.plays) == 2
    assert found.rejected == {"bad_timestamp": 1}


@pytest.mark.parametrize(
    "first_rows",
    [
        [{"ts": "2011-01-01T00:00:00Z", "ms_played": 5}],
        [{"ms_played": 5, "spotify_track_uri": None}],
        [no_track(episode_name="E")],
        [{}, [], None, 7] * 20,
        [{"ts": 1, "ms_played": "NUMBER"}],
        [{"ts": "\udc00", "ms_played": None, "\udc00": 1}],
        [extended(user_agent_decrypted="x" * 500_000)],
        [{"deep": [[[]]] * 100, "ts": None, "ms_played": None}],
    ],
)
def test_first_rows_with_few_keys_do_not_prevent_detection(tmp_path: Path, first_rows: list[Any]) -> None:
    path = tmp_path / "history.json"
    text = json.dumps([*first_rows, extended()])
    path.write_text(text.replace('"NUMBER"', "9" * 5_000))
    assert len(read(path).plays) >= 1


@pytest.mark.parametrize("raw", [b"NaN", b"1e999", b'"\xff"', b'"\x00"', b'"\\ud800"'])
def test_a_value_that_is_not_json_in_the_first_row_does_not_prevent_detection(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "history.json"
    path.write_bytes(as_json([extended(something="RAW")] * 2).replace(b'"RAW"', raw))
    assert len(read(path).plays) == 2


def test_accounts_are_told_apart_and_not_named(tmp_path: Path) -> None:
    def accounts(*names: object) -> frozenset[bytes]:
        path = tmp_path / "h.zip"
        rows = [[extended(username=name) if name is not ... else extended()] for name in names]
        path.write_bytes(as_zip({f"{number}.json": as_json(row) for number, row in enumerate(rows)}))
        with open_upload(path) as upload:
            return upload.accounts

    anna = accounts("made_up_anna")
    assert len(anna) == 1
    assert accounts("made_up_anna", " made_up_anna ", ..., None, "", 7) == anna
    assert len(accounts("made_up_anna", "made_up_ben") | anna) == 2
    assert b"made_up_anna" not in b"".join(anna)
    assert accounts(..., None) == frozenset()
