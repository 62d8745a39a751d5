"""The laptop cloud: an emulated account that runs the project's own template, and the commands around it.

Development only: nothing in `functions/` or `containers/` imports it or knows about it.
"""
