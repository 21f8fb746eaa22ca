"""Other people's simulators on our echo kernel, for ``spynq bench device``; none is a dependency."""
