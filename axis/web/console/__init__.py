"""The console: server-rendered pages for clerks, auditors and operators."""
