"""Which ports two servers of one machine can have."""

import pytest

from myi_pipelines.runtime.ports import PortsEqual, require_different_ports
from myi_pipelines.settings import load_settings


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])
def test_one_port_cannot_serve_two(host: str) -> None:
    with pytest.raises(PortsEqual, match="are both 3000"):
        require_different_ports(load_settings(port=3000, web_port=3000, web_host=host))
    require_different_ports(load_settings(port=3000, web_port=3001, web_host=host))


def test_one_port_of_another_address_can() -> None:
    require_different_ports(load_settings(port=3000, web_port=3000, web_host="192.0.2.7"))
