"""The collector is put off by several at once, and goes on after the last of them."""

import gc

import pytest

from axis.collector import collection_put_off


def test_it_goes_on_after_the_last_one_that_put_it_off() -> None:
    assert gc.isenabled()
    with collection_put_off():
        with pytest.raises(RuntimeError):
            _fail()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_where_somebody_else_had_stopped_it_it_stays_so() -> None:
    gc.disable()
    try:
        with collection_put_off():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def _fail() -> None:
    with collection_put_off():
        assert not gc.isenabled()
        raise RuntimeError
