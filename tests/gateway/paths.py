"""Prints the proxy's own route table as JSON: method and path of everything that it serves.

Not here: asking them. It runs in the proxy's environment, which has LiteLLM.
"""
