"""What images of the project's own are made of: a base by digest, packages and models by hash.

Read by hand from public files, at the addresses and on the days that each row states.
Not here: making them (worker.image_builds) and which are needed (inferplan.plan.built_images).
"""
