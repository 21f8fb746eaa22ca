"""Harnesses that state what each block of the shell promises; run by ``tests/formal``."""
