"""Every dialect of the outside, one folder each, both ends of it."""
