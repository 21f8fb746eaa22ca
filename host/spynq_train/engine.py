"""A trained network in the engine's integers: how often it is right, and what it costs there."""
