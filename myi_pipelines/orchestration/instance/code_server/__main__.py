"""Apart from the server itself: a run is a process that imports the module which its parent was started with, unless
that is called ``__main__``, and needs no server."""

from myi_pipelines.orchestration.instance.code_server import main

main()
