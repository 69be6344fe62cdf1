"""``python -m myi_pipelines.cli``: the ``myi`` command where its script is not on the path."""

from myi_pipelines.cli import main

if __name__ == "__main__":
    main()
