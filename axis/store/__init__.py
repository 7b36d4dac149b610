"""Tables, queries and bytes: the only room that knows SQL.

`store.Store` is its door. Reads are functions on a connection (`queries`, `registry`, `accounts`), run by `Store.read`;
writes are values (`hot.Hot`, by `Store.submit`) or functions (by `Store.write`). Only the writer commits.
"""
