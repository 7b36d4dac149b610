"""The files that travel with the software are found."""

import pytest
from axis.errors import Internal
from axis.resources import resource


@pytest.mark.parametrize("name", ["config/organs-demo.csv", "config/demo-pki.toml", "config/samples", "migrations"])
def test_a_file_of_the_installation_is_found(name: str) -> None:
    assert resource(name).exists()


def test_a_file_that_the_installation_lacks_is_our_fault() -> None:
    with pytest.raises(Internal):
        resource("config/nothing")
