"""A mock of Vivado under tclsh: notes every call of the build scripts, and rules judge the notes."""
