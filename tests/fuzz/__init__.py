"""Bytes nobody meant, given to every verb: each must end with an answer, by a seed that repeats it.

Not here: tests (tests/unit/test_fuzz.py); a longer run is `make fuzz`.
"""
