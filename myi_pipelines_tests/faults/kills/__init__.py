"""The harness of kills: every operation that changes data is killed at points that a seed chooses, done again, and
compared with the slow reference. `make test-faults KILLS=300` runs it at length, ``test_kills`` a little.

``killable`` is what is killed, ``household`` makes what the operations find, ``operations`` is the table of them,
``harness`` kills and judges.
"""
