"""vLLM's own argument list and start-up checks as judge of command lines, from the pinned wheel.

Not here: the command lines (tests/unit/test_command_lines.py) and what only a GPU can show.
"""
