"""Exchange by files, for a DMS that can only read and write files: the rules, whatever the place they lie in.

`place` is the port to a place; `adapters.folder`, `adapters.sftp` and `adapters.webdav` are three of them.
`publishing` brings packages to the DMS, `collecting` takes what it has for us, `peer` is both as a partner's other end.
"""
