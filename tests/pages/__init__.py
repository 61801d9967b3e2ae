"""The generated pages of docs/, one module per page, and the commands of hand-written pages.

Not here: which file each page goes to (tests.documentation).
"""
