"""Reads a form as a browser would."""

from __future__ import annotations

from orgcal.cli.demo_administrator import read_form

PAGE = """<p>before</p><input name="outside" value="no">
<form method="post" action="/go?x=1">
  <input type="hidden" name="state" value="a&amp;b">
  <label><input type="radio" name="account" value="admin@c.example" checked> Admin</label>
  <label><input type="radio" name="account" value="otto@c.example"> Otto</label>
  <button name="decision" value="cancel">Cancel</button>
  <button name="decision" value="accept">Accept</button>
</form>
<form action="/other"><input name="second" value="no"></form>"""


def test_read_form_gives_what_a_browser_would_send() -> None:
    form = read_form(PAGE)

    assert form is not None
    assert form.action == "/go?x=1"
    assert form.values == {"state": "a&b", "account": "admin@c.example"}
    assert form.choices == {"account": ["admin@c.example", "otto@c.example"]}
    assert form.buttons == [("decision", "cancel"), ("decision", "accept")]


def test_read_form_of_a_page_without_one_is_none() -> None:
    assert read_form("<h1>Sorry</h1>") is None
