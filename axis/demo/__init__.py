"""The demo: a city and a national node of their own, with agencies that talk to them."""
