"""One file per format; each turns finished results into text and decides nothing.

Not here: verdicts, plans, and where the text goes (inferplan.cli).
"""
