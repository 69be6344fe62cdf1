import os
from pathlib import Path

import pytest

from myi_pipelines.runtime.embedded.system_user import open_the_way, run_as

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user for PostgreSQL")


def test_postgres_user_may_pass_a_private_folder_and_nobody_else_may(tmp_path: Path) -> None:
    user = run_as()
    assert user is not None
    private = tmp_path / "private"
    data = private / "data"
    data.mkdir(parents=True)
    private.chmod(0o700)
    os.chown(data, user.uid, user.gid)
    open_the_way(data, user)
    open_the_way(data, user)  # Again: the entry is there already.
    assert private.stat().st_mode & 0o007 == 0
    assert may_list(data, user.uid)
    assert not may_list(private, user.uid)
    assert not may_list(data, user.uid + 1)


def may_list(folder: Path, uid: int) -> bool:
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        try:
            list(folder.iterdir())
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
