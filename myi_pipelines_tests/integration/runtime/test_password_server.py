"""A server that is reached over TCP with passwords, as the one of docker-compose.yml: its owner and its reader."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql

from myi_pipelines.runtime import embedded
from myi_pipelines.runtime.database_urls import with_user
from myi_pipelines.runtime.embedded.postgres import ROLE, SUPERUSER, programs
from myi_pipelines.runtime.embedded.processes import wait_until
from myi_pipelines.runtime.reader import reader_url
from myi_pipelines.settings import PROJECT, Settings, load_settings
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines.warehouse.schema.migrations import migrate
from myi_pipelines_tests.support import compose

pytestmark = pytest.mark.slow

PASSWORD = "ge/he@im"
AUTHENTICATION = "local all all trust\nhost all all all scram-sha-256\n"
"""As PostgreSQL's image sets it up."""


class Server(NamedTuple):
    """A cluster as PostgreSQL's image makes it, before and after the scripts of its first start."""

    port: int
    sockets: Path

    def url(self, role: str, password: str, database: str = "myi") -> str:
        return with_user(f"postgresql://127.0.0.1:{self.port}/{database}", role, password)

    def settings(self, password: str) -> Settings:
        return load_settings(database_url=f"postgresql://myi@127.0.0.1:{self.port}/myi", database_password=password)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(embedded.Cluster, "_confine_everybody", lambda self, *, started: None)
    cluster, port = embedded.Cluster(tmp_path / "server", throwaway=True), compose.free_port()
    cluster.start()
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(ROLE)))
        conn.execute(sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(sql.Literal(PASSWORD)))
    cluster.stop()
    (cluster.folder / "pg_hba.conf").write_text(AUTHENTICATION)
    owner, sockets = cluster.folder.stat(), tmp_path / "sockets"
    sockets.mkdir(mode=0o700)
    os.chown(sockets, owner.st_uid, owner.st_gid)
    options = ["-c", f"port={port}", "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={sockets}"]
    with subprocess.Popen(
        [programs() / "postgres", "-D", cluster.folder, *options],
        cwd=cluster.folder,
        stderr=subprocess.DEVNULL,
        user=owner.st_uid if os.geteuid() == 0 else None,
        group=owner.st_gid if os.geteuid() == 0 else None,
        extra_groups=[] if os.geteuid() == 0 else None,
    ) as process:
        try:
            assert wait_until(lambda: compose.is_open(port), seconds=30)
            started = Server(port, sockets)
            _first_start(started, tmp_path)
            yield started
        finally:
            process.terminate()


def _first_start(server: Server, folder: Path) -> None:
    """Run what the compose file mounts into the image's folder of scripts, as the image does: in the order of names."""
    compose.secrets(folder, PASSWORD)
    mounts = [mount.split(":") for mount in compose.read({})["services"]["postgres"]["volumes"]]
    for _, source in sorted(
        (inside, source) for source, inside, *_ in mounts if "/docker-entrypoint-initdb.d/" in inside
    ):
        _run_inside(server, folder, PROJECT / source)


def _run_inside(server: Server, folder: Path, script: Path) -> None:
    service = compose.read({})["services"]["postgres"]
    here = folder / "script"
    here.write_text(script.read_text().replace("/run/secrets", str(folder / "secrets")))
    environment = {
        "PATH": f"{programs()}{os.pathsep}{os.defpath}",
        "PGHOST": str(server.sockets),
        "PGPORT": str(server.port),
        "POSTGRES_USER": service["environment"]["POSTGRES_USER"],
    }
    done = subprocess.run(["sh", here], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_owner_is_no_superuser_and_the_superuser_logs_in_from_inside_only(server: Server) -> None:
    settings = server.settings(PASSWORD)
    migrate(settings.database_url)
    with connect(settings.database_url) as conn:
        [[is_superuser, creates_databases]] = conn.execute(
            "SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = CURRENT_USER"
        )
        assert (is_superuser, creates_databases) == (False, False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("COPY (SELECT 1) TO PROGRAM 'true'")
    for role, password in ((SUPERUSER, PASSWORD), (SUPERUSER, ""), ("myi", "wrong")):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.url(role, password))


def test_the_readers_password_is_derived_from_the_owners_and_follows_it(server: Server) -> None:
    settings = server.settings(PASSWORD)
    migrate(settings.database_url)
    with connect(settings.database_url) as conn:
        url = reader_url(settings, conn)
        assert psycopg.conninfo.conninfo_to_dict(url)["user"] == "myi_reader"
        assert PASSWORD not in url
        assert _reads(url)
        assert reader_url(settings, conn) == url
        for wrong in (server.url("myi_reader", PASSWORD), server.url("myi_reader", "")):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(wrong)
        conn.execute(sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(sql.Literal("another")))

    changed = server.settings("another")
    with connect(changed.database_url) as conn:
        moved = reader_url(changed, conn)
        assert moved != url
        assert _reads(moved)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url)
        stored = psycopg.connect(f"postgresql://{SUPERUSER}@/postgres?host={server.sockets}&port={server.port}")
        with stored:
            hashes = stored.execute("SELECT rolpassword FROM pg_authid WHERE rolname LIKE 'myi%'").fetchall()
        assert [one[:14] for (one,) in hashes] == ["SCRAM-SHA-256$"] * 2


def test_the_reader_can_only_read_there_too(server: Server, tmp_path: Path) -> None:
    settings = server.settings(PASSWORD)
    migrate(settings.database_url)
    with connect(settings.database_url) as conn:
        url = reader_url(settings, conn)
    for database in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(f"{url.rpartition('/')[0]}/{database}")
    _run_inside(server, tmp_path, PROJECT / "deploy/postgres/public.sh")  # Again: an older volume is mended by hand.
    with psycopg.connect(url, autocommit=True) as reader:
        reader.execute("SET default_transaction_read_only = off")
        for attempt in (
            "CREATE TEMPORARY TABLE mine ()",
            "SELECT lo_create(0)",
            "SELECT lo_from_bytea(0, 'x')",
            "SELECT pg_logical_emit_message(false, 'x', 'x')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(attempt.encode())


def test_a_password_that_the_reader_gave_itself_is_taken_back(server: Server) -> None:
    settings = server.settings(PASSWORD)
    migrate(settings.database_url)
    with connect(settings.database_url) as conn:
        url = reader_url(settings, conn)
        with psycopg.connect(url, autocommit=True) as reader:
            reader.execute("SET default_transaction_read_only = off")
            reader.execute("ALTER ROLE CURRENT_USER PASSWORD 'x'")
        assert reader_url(settings, conn) == url
        assert _reads(url)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url("myi_reader", "x"))


@pytest.mark.thorough
def test_a_volume_whose_owner_was_the_superuser_is_made_again_as_the_docs_say(server: Server, tmp_path: Path) -> None:
    def superuser_url(database: str) -> str:
        return f"postgresql://{SUPERUSER}@/{database}?host={server.sockets}&port={server.port}"

    with psycopg.connect(superuser_url("postgres"), autocommit=True) as conn:
        conn.execute("CREATE DATABASE old TEMPLATE template0")
        migrate(superuser_url("old"))
        conn.execute("CREATE ROLE old_reader")
    with psycopg.connect(superuser_url("old"), autocommit=True) as conn:
        conn.execute("INSERT INTO users (name) VALUES ('anna')")
        conn.execute("GRANT SELECT ON users TO old_reader")
    dump = subprocess.check_output([programs() / "pg_dump", "--format=custom", superuser_url("old")])
    with psycopg.connect(superuser_url("old"), autocommit=True) as conn:
        conn.execute("DROP OWNED BY old_reader")
        conn.execute("DROP ROLE old_reader")

    page = (PROJECT / "docs/operations/deploying.md").read_text()
    [options] = re.findall(r"pg_restore ([^<]*?)[\s\\]*<", page)
    command = [programs() / "pg_restore", *options.split(), f"--host={server.sockets}", f"--port={server.port}"]
    subprocess.run(command, input=dump, check=True)
    with connect(server.settings(PASSWORD).database_url) as conn:
        owners = conn.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'").fetchall()
        assert owners == [("myi",)]
        assert conn.execute("SELECT name FROM users").fetchall() == [("anna",)]
    assert migrate(server.settings(PASSWORD).database_url) == []


def _reads(url: str) -> bool:
    with psycopg.connect(url) as conn:
        assert conn.pgconn.used_password
        conn.execute("SELECT FROM listening_events")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT FROM spotify_auth")
    return True
