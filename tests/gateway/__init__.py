"""The real proxy, started as the plan says, against stand-ins on loopback (`make test-gateway`).

Not here: what the plan and the components say without running anything (tests/unit).
"""
