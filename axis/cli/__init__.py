"""The command line: `axis …`."""
