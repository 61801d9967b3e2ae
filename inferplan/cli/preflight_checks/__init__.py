"""Questions to an account before a stack is made in it: one module per subject.

Not here: putting the questions (questioning) and telling what they bring (inferplan.report).
"""
