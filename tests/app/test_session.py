"""What a session keeps of an address line, and what a client sees of a refusal, in Streamlit without a browser."""

import pytest
from streamlit.testing.v1 import AppTest

from app.session.memory import MAX_REMEMBERED
from app.steps import meeting
from app.steps.meeting import Wishes


def run(script, **address):
    """Run a script at an address line; its return value is told as text."""
    page = AppTest.from_function(script)
    for name, value in address.items():
        page.query_params[name] = value
    return page.run()


def drawing_low():
    from time import monotonic

    import streamlit as st

    from app.panels import frame

    began = monotonic()
    frame.let_draw()
    frame.let_draw()  # another page of the same session
    st.text(f"held back: {monotonic() - began >= 1.0}")


def test_what_stands_low_is_held_back_for_a_second_on_a_sessions_first_page_and_on_no_other():
    page = run(drawing_low)
    assert page.text[0].value == "held back: True"

    page.run()

    assert page.text[0].value == "held back: False"


def picking():
    import streamlit as st

    from app import session
    from engine.domain.errors import DataError

    try:
        st.text(session.pick_account({"A1": "one", "A2": "two"}))
    except DataError as error:
        st.text(f"refused: {error}")


def test_an_unknown_account_of_a_link_is_refused_once_and_not_remembered():
    page = run(picking, account="A9")
    assert page.text[0].value == "refused: account A9: no such account; expected one of 2 of this firm"

    del page.query_params["account"]  # as from the menu
    page.run()

    assert page.text[0].value == "A1"
    assert page.query_params["account"] == "A1"


def test_the_account_looked_at_last_comes_back_until_the_firm_has_it_no_more():
    page = run(picking, account="A2")
    del page.query_params["account"]
    assert page.run().text[0].value == "A2"

    del page.query_params["account"]
    page.session_state["account_on_screen"] = "A9"  # which an import took away
    assert page.run().text[0].value == "A1"


def working_out():
    import streamlit as st

    from app.session import memory

    st.text(memory.known(("key", st.query_params["about"])))
    st.text(memory.made_known(("key", st.query_params["about"]), lambda: st.query_params["by"]))


def working_out_much():
    import streamlit as st

    from app.session import memory

    for number in range(int(st.query_params["much"])):
        memory.made_known(("key", f"{number}"), lambda: "somebody")


def test_what_one_session_has_made_known_the_next_finds_and_does_not_work_out_again():
    first, second = (
        run(working_out, about="one account", by="first"),
        run(working_out, about="one account", by="second"),
    )

    assert [text.value for text in first.text] == ["None", "first"]
    assert [text.value for text in second.text] == ["first", "first"]


def test_of_what_was_made_known_the_oldest_goes_first_and_whoever_made_it_still_has_it():
    first = run(working_out, about="old", by="first")
    run(working_out_much, much=f"{MAX_REMEMBERED}")

    assert run(working_out, about="old", by="second").text[0].value == "None"
    assert run(working_out, about=f"{MAX_REMEMBERED - 1}", by="second").text[0].value == "somebody"
    assert first.run().text[0].value == "first"


def asking():
    import streamlit as st

    from app.session import client_view

    wishes = client_view.wishes(())
    st.text(f"{client_view.lean()} {wishes.deposit} {wishes.withdrawal} {wishes.gains}")


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ({"lean": "20", "add": "999999999999", "take": "7", "gains": "0"}, "20 999999999999 7 0"),
        ({"lean": "007", "add": "1" * 13, "take": "0" * 13, "gains": "9" * 13}, "10 0 0 None"),
        ({"lean": "9" * 5000, "add": "9" * 5000}, "10 0 0 None"),
    ],
)
def test_numbers_of_a_meeting_that_are_too_long_are_as_if_not_given(address, told):
    assert run(asking, **address).text[0].value == told


def giving():
    import streamlit as st

    from app.session import lab_view
    from engine.domain.errors import DataError

    try:
        st.text(lab_view.gift())
    except DataError as error:
        st.text(f"refused: {error}")


@pytest.mark.parametrize("text", ["1e15", "1e400000", "1" * 16, "1e-400000"])
def test_a_gift_of_more_than_fifteen_digits_is_refused(text):
    assert run(giving, gift="999999999999999").text[0].value == "999999999999999"
    assert run(giving, gift=text).text[0].value == (
        f"refused: the link's gift: expected an amount of at most 15 digits, found {text}"
    )


def choosing():
    import streamlit as st

    from app.session import client_view
    from engine.domain.errors import DataError

    try:
        st.text(client_view.pick_account({}))
    except DataError as error:
        st.text(f"refused: {error}")


def test_a_meeting_about_a_household_without_accounts_is_refused_in_a_sentence():
    page = run(choosing, meeting="on", household="H7")

    assert page.text[0].value == "refused: household H7: expected an account to speak about, found none"


def taking_away(services, found, user):
    from app import session
    from app.panels import frame
    from app.panels.meeting import take_away

    if session.in_meeting():
        take_away(services, found, found.balanced, user)
    else:
        frame.after_meeting()


def test_a_refusal_is_not_shown_to_a_client_and_is_told_once_the_meeting_has_ended(desk):
    services = desk.services()
    found = meeting.meet(services, "T1", Wishes())
    arguments = {"services": services, "found": found, "user": services.users.user("cora")}  # who may not propose
    page = AppTest.from_function(taking_away, kwargs=arguments)
    page.query_params.update(meeting="on", household="H1")
    page.run()

    page.button("save_proposal").click().run()

    assert not page.exception
    assert not page.error
    assert not page.warning
    assert [each.value.split(".")[0] for each in page.info] == ["This cannot be shown now"]

    del page.query_params["meeting"]
    page.run()
    assert ["Cora Compliance may not propose a plan" in each.value for each in page.warning] == [True]
    page.run()
    assert len(page.warning) == 1  # it stays until it was read
    page.button("read_withheld").click().run()
    assert not page.warning
    services.database.close()
