"""The sovereignty pack: residency, egress, vendors, routing of data, privacy and sectors.

Not here: how rules are found (policies.packs) and run (policies.evaluate), and the CrossGuard entry point
(__main__).
"""
