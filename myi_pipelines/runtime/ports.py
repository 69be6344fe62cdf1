"""TCP ports of this machine: which one is free, and which process uses one that is not."""

import errno
import socket

import psutil

from myi_pipelines.errors import BusyError, ConfigurationError
from myi_pipelines.settings import Settings

HOST = "127.0.0.1"
_SHARED = (HOST, "0.0.0.0", "::")
"""Addresses of the web server that take the port on HOST, where Dagster's UI is, too."""


class PortsEqual(ConfigurationError):
    """One port is set for two servers."""


class PortInUse(BusyError):
    """Another process listens on a port that the settings name."""


def require_free_port(port: int, host: str = HOST, setting: str = "MYI_PORT") -> None:
    """Raises PortInUse, which names the process where the system allows it, and the setting to change."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            return
        except PermissionError:
            raise PortInUse(f"port {port} is reserved for root: set {setting} to 1024 or more") from None
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise PortInUse(f"{host} is no address of this machine: set MYI_WEB_HOST to one that is") from None
    who = f" by {process}" if (process := process_listening_on(port)) else ""
    raise PortInUse(
        f"port {port} is in use{who}: end that process, or choose another port, for example {setting}={port + 10}"
    )


def require_different_ports(settings: Settings) -> None:
    """Raises PortsEqual where Dagster's UI and the web server would listen on one port of one address."""
    if settings.port == settings.web_port and settings.web_host in _SHARED:
        raise PortsEqual(f"MYI_PORT and MYI_WEB_PORT are both {settings.port}: give one of them another port")


def free_port() -> int:
    """A port on which no process listens at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def process_listening_on(port: int) -> str | None:
    """The process that listens on a TCP port, as "name (pid 123)"; None where the system does not say."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})" if connection.pid else None
    except psutil.Error:
        pass
    return None
