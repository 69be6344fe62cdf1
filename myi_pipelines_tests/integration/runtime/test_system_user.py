"""For root: the user that PostgreSQL runs as reaches its files, and no other user does."""

import os
from pathlib import Path

import pytest

from myi_pipelines.runtime.embedded.system_user import SystemUser, UnreachableFolder, let_reach, user_for_postgres

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user for PostgreSQL")


@pytest.fixture
def user() -> SystemUser:
    found = user_for_postgres()
    assert found is not None
    return found


@pytest.fixture
def data(tmp_path: Path, user: SystemUser) -> Path:
    """A folder of the user's own in a folder that only root may enter."""
    folder = tmp_path / "private" / "data"
    folder.mkdir(parents=True)
    folder.parent.chmod(0o700)
    os.chown(folder, user.uid, user.gid)
    return folder


def test_the_user_of_postgres_may_pass_a_private_folder_and_no_other_user_may(data: Path, user: SystemUser) -> None:
    let_reach(data, user)
    let_reach(data, user)  # Again: the user may pass already.
    assert data.parent.stat().st_mode & 0o007 == 0
    assert may_list(data, user)
    assert not may_list(data.parent, user)
    other = user.uid + 1
    assert not may_list(data, SystemUser("other", other, other))


def test_a_folder_that_another_group_uses_is_left_as_it_is(data: Path, user: SystemUser) -> None:
    os.chown(data.parent, 0, 12_345)
    data.parent.chmod(0o750)
    with pytest.raises(UnreachableFolder, match="run `chmod o\\+x"):
        let_reach(data, user)
    state = data.parent.stat()
    assert (state.st_gid, state.st_mode & 0o777) == (12_345, 0o750)


def may_list(folder: Path, user: SystemUser) -> bool:
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(user.gid)
        os.setuid(user.uid)
        try:
            list(folder.iterdir())
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
