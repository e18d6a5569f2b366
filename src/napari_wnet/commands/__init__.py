"""One module for each command: ``add`` declares its flags, ``run`` does it and returns the exit status.

Heavy imports are inside ``run``, so that ``--help`` and mistakes answer at once.
"""
