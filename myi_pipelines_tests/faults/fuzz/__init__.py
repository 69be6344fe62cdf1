"""The fuzzer of imports: files of the sample and of other services, damaged in every way that a seed chooses, are
imported as `myi import` does. `make test-fuzz INPUTS=5000` runs it at length, ``test_fuzz`` a little.

``damages`` makes the inputs, ``fuzzer`` imports and judges them.
"""
