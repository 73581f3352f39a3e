"""FIX framing: length, checksum and characters are right when written, and checked when read."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.fix.wire import decode, encode, read_utc_timestamp, utc_timestamp
from engine.domain.errors import DataError

# Body 35=0|49=A|56=B|34=1|52=20240304-15:04:05| is 5+5+5+5+21 = 41 bytes.
FIELDS = ((35, "0"), (49, "A"), (56, "B"), (34, "1"), (52, "20240304-15:04:05"))


def test_a_message_states_its_length_and_the_sum_of_its_bytes():
    data = encode(FIELDS)

    assert data.startswith(b"8=FIX.4.4\x019=41\x0135=0\x01")
    assert data.endswith(b"\x0110=%03d\x01" % (sum(data[: data.index(b"10=")]) % 256))


@pytest.mark.parametrize("value", ["", "A\x01B", "Zürich", "two\nlines", "\x00"])
def test_text_that_fix_cannot_carry_is_refused(value):
    with pytest.raises(DataError, match="FIX tag 58: expected printable ASCII"):
        encode((*FIELDS, (58, value)))


def test_messages_are_read_with_and_without_line_breaks_between():
    one = encode(FIELDS)

    assert [m.fields for m in decode(one + one + b"\n" + one + b"\r\n")] == [FIELDS] * 3
    assert decode(b"") == ()


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda data: data.replace(b"49=A", b"49=C"), "expected checksum"),
        (lambda data: data.replace(b"9=41", b"9=40"), "after a body of 40 bytes"),
        (lambda data: data.replace(b"9=41", b"9=4100"), "after a body of 4100 bytes"),
        (lambda data: data[:-3], "after a body of 41 bytes"),
        (lambda data: b"x" + data, "byte 0: expected 8=FIX.4.2, FIX.4.4 or FIXT.1.1"),
        (lambda data: data + data[:5], "byte 63: expected 8=FIX.4.2, FIX.4.4 or FIXT.1.1"),
        (lambda data: data.replace(b"FIX.4.4", b"FIX.4.0"), "expected 8=FIX.4.2, FIX.4.4 or FIXT.1.1"),
    ],
)
def test_a_damaged_file_is_refused_with_its_place(damage, found):
    assert len(encode(FIELDS)) == 63  # 10 + 5 + 41 + 7

    with pytest.raises(DataError, match=found):
        decode(damage(encode(FIELDS)))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_are_the_messages_that_they_are_read_as(data):
    try:
        found = decode(data)
    except DataError:
        return
    assert b"".join(encode(m.fields) for m in found) == data.replace(b"\r", b"").replace(b"\n", b"")


PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)


@given(st.lists(st.tuples(st.integers(1, 9999), PRINTABLE), min_size=1))
def test_what_is_written_is_read_back(fields):
    assert decode(encode(fields))[0].fields == tuple(fields)


def test_times_are_utc_with_milliseconds():
    new_york = timezone(timedelta(hours=-5))

    assert utc_timestamp(datetime(2024, 3, 4, 23, 30, 1, 999_999, tzinfo=new_york)) == "20240305-04:30:01.999"
    assert read_utc_timestamp("20240305-04:30:01.250") == datetime(2024, 3, 5, 4, 30, 1, 250_000, tzinfo=UTC)
    assert read_utc_timestamp("20240305-04:30:01") == datetime(2024, 3, 5, 4, 30, 1, tzinfo=UTC)


def test_a_time_without_zone_or_sense_is_refused():
    with pytest.raises(ValueError, match="with a zone"):
        utc_timestamp(datetime.fromisoformat("2024-03-04"))
    with pytest.raises(DataError, match="expected YYYYMMDD"):
        read_utc_timestamp("2024-03-04")
