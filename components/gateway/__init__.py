"""The gateway's components: entrance, identity, secrets and stores, and the process on either of its hosts.

Not here: alarms and budget (the whole stack's) and the proxy's configuration (the plan holds it complete).
"""
