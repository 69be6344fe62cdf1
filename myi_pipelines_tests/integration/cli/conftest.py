"""The fixture of the tests of the ``myi`` command."""

from myi_pipelines_tests.support.cli_fixtures import myi as myi
