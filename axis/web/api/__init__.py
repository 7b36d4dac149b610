"""The REST API, version 1: what a connected system's programs call with a token.

One table of operations (`axis.web.api.table`) makes the routes, the OpenAPI description and the docs page.
"""
