"""In a real browser, the join page says the truth in every state, on every screen.

With SCREENSHOTS=<folder> the pictures are kept there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.browser import Browser
from support.checkout import until
from support.site import Site, open_site

LONG = "Quarterly-all-hands-of-every-region-and-department-" * 3
PEOPLE = ["You", "dana.poe@example.org", "a-very-long-external-user-id-" * 2 + "0123456", "語" * 64]


@pytest.fixture(scope="module")
def site(aws: Any) -> Iterator[Site]:
    """A desk that serves."""
    with open_site(aws) as found:
        yield found


def ahead(hours: float) -> dict[str, str]:
    start = datetime.now(UTC) + timedelta(hours=hours)
    times = {"opens": -0.25, "start": 0, "end": 1, "closes": 1.5}
    return {n: (start + timedelta(hours=h)).isoformat() for n, h in times.items()}


def text(browser: Browser) -> tuple[str, str]:
    seen = browser.do("look")
    assert seen["errors"] == []
    return seen["state"], seen["text"]


def test_an_open_meeting_is_ready_to_join(site: Site, browser: Browser) -> None:
    """With its title."""
    site.put("11111111-1111-4111-8111-111111111111")
    browser.do("open", url=site.link())
    state, said = text(browser)
    assert state == "ready"
    assert "Stand-up" in said
    assert "Ready to join." in said


def test_a_meeting_that_is_not_open_yet_says_when_it_opens(site: Site, browser: Browser) -> None:
    """In the visitor's own zone; and it is ready by itself once it is open."""
    site.put(None, next=ahead(48))
    browser.do("open", url=site.link())
    state, said = text(browser)
    assert state == "upcoming"
    assert "This meeting opens on" in said
    assert "Ready" not in said
    site.put("11111111-1111-4111-8111-111111111111")
    browser.do("pass", seconds=61)
    browser.do("wait", state="ready")


def test_a_meeting_that_has_ended_says_so_and_the_next_one_is_ready_by_itself(
    site: Site, browser: Browser
) -> None:
    """While the desk still has the ended one, the page does not say that one could join."""
    site.put("11111111-1111-4111-8111-111111111111")
    browser.do("open", url=site.link(), ended=True)
    browser.do("click", name="Join")
    browser.do("wait", state="reopening")
    browser.do("pass", seconds=40)
    state, said = text(browser)
    assert state == "reopening"
    assert "This is taking longer than usual." in said
    assert "contact the organizer" in said
    assert "Ready to join" not in said
    browser.do("click", name="Cancel")
    site.put("33333333-3333-4333-8333-333333333333")
    browser.do("wait", state="ready")
    assert browser.do("look")["shown"]["meetingId"].startswith("33333333")


def test_a_meeting_that_ended_for_good_says_so(site: Site, browser: Browser) -> None:
    """Once the event has no meeting any more, and no later one."""
    site.put("11111111-1111-4111-8111-111111111111")
    browser.do("open", url=site.link(), ended=True)
    browser.do("click", name="Join")
    browser.do("wait", state="reopening")
    site.put(None)
    browser.do("wait", state="ended")
    assert "This meeting has ended." in text(browser)[1]


def test_a_request_without_an_answer_does_not_stop_the_page(site: Site, browser: Browser) -> None:
    """It is given up, and the page asks again. Here it waits 100 milliseconds, to save time."""
    site.put("11111111-1111-4111-8111-111111111111")
    browser.do("open", url=site.link(), ended=True)
    browser.do("click", name="Join")
    browser.do("wait", state="reopening")
    browser.do("click", name="Cancel")
    browser.do(
        "evaluate",
        script="""new Promise((isSent) => {
            const [real, patience] = [fetch, AbortSignal.timeout];
            AbortSignal.timeout = () => patience.call(AbortSignal, 100);
            globalThis.fetch = (_, { signal }) => {
                globalThis.fetch = real;
                isSent();
                return new Promise((_, reject) => signal?.addEventListener('abort', reject));
            };
        })""",
    )
    site.put("33333333-3333-4333-8333-333333333333")
    browser.do("wait", state="ready")


def menus(browser: Browser) -> dict[str, list[str]]:
    """For each menu of devices, the chosen one and then all."""
    found: dict[str, list[str]] = browser.do(
        "evaluate",
        script="""Object.fromEntries([...document.querySelectorAll('#devices select')].map(
            (menu) => [menu.id, [menu.value, ...[...menu.options].map(({ value }) => value)]]
        ))""",
    )
    return found


def test_chosen_devices_stay_chosen(site: Site, browser: Browser) -> None:
    """And they are used when the person joins again."""
    site.put("11111111-1111-4111-8111-111111111111")
    browser.do("open", url=site.link())
    browser.do("click", name="Join")
    until(lambda: all(len(found) > 1 for found in menus(browser).values()), "the menus are filled")
    last = {menu: found[-1] for menu, found in menus(browser).items()}
    assert last["microphone"] != menus(browser)["microphone"][0]
    browser.do(
        "evaluate",
        script="""{
            globalThis.used = [];
            const { mediaDevices } = navigator;
            const real = mediaDevices.getUserMedia.bind(mediaDevices);
            mediaDevices.getUserMedia = (constraints) => {
                globalThis.used.push(JSON.stringify(constraints));
                return real(constraints);
            };
            document.querySelectorAll('#devices select').forEach((menu) => {
                menu.value = menu.lastChild.value;
                menu.lastChild.className = 'before';
            });
        }""",
    )
    browser.do("click", name="Cancel")
    browser.do("click", name="Join again")
    renewed = "!document.querySelector('.before')"
    until(lambda: browser.do("evaluate", script=renewed), "the menus are filled again")
    assert {menu: found[0] for menu, found in menus(browser).items()} == last
    microphone, speaker = browser.do(
        "evaluate", script="[globalThis.used.at(-1), document.getElementById('audio').sinkId]"
    )
    assert last["microphone"] in microphone
    assert last["speaker"] == speaker


def test_without_a_camera_the_button_says_so(site: Site, browser: Browser) -> None:
    site.put("11111111-1111-4111-8111-111111111111")
    browser.do("open", url=site.link())
    browser.do(
        "evaluate",
        script="""{
            const { mediaDevices } = navigator;
            const real = mediaDevices.enumerateDevices.bind(mediaDevices);
            mediaDevices.enumerateDevices = async () =>
                (await real()).filter(({ kind }) => kind !== 'videoinput');
        }""",
    )
    browser.do("click", name="Join")
    until(lambda: len(menus(browser)["microphone"]) > 1, "the menus are filled")
    said = browser.do(
        "evaluate",
        script="""new Promise((done) => {
            const detail = document.getElementById('detail');
            new MutationObserver(() => detail.textContent && done(detail.textContent))
                .observe(detail, { childList: true });
            document.getElementById('camera').click();
        })""",
    )
    assert said == "There is no camera, or this page may not use it."


def test_joining_for_long_says_so_and_can_be_left(site: Site, browser: Browser) -> None:
    """Where the service doesn't answer."""
    site.put("11111111-1111-4111-8111-111111111111")
    browser.do("open", url=site.link())
    browser.do("click", name="Join")
    browser.do("wait", state="joining")
    browser.do("pass", seconds=11)
    browser.do("wait", state="joining-slowly")
    browser.do("click", name="Cancel")
    browser.do("wait", state="left")
    assert "You have left the meeting." in text(browser)[1]


def test_what_is_over_or_somebody_elses_says_so(site: Site, browser: Browser) -> None:
    """No "try again" where that wouldn't help."""
    site.put(None, open=[{}])
    browser.do("open", url=site.link())
    assert text(browser)[0] == "not_invited"
    site.forget()
    browser.do("open", url=site.link())
    state, said = text(browser)
    assert state == "over"
    assert "no other one is scheduled" in said
    assert "Try again" not in said


def test_a_wrong_link_the_front_and_unknown_paths_have_pages(site: Site, browser: Browser) -> None:
    """Each says what this is and what to do."""
    for url, status, expected in (
        (site.link(key="another"), 403, "Wrong link"),
        (f"{site.url}/", 200, "Join desk"),
        (f"{site.url}/nowhere/at/all", 404, "Not found"),
    ):
        browser.do("open", url=url)
        seen = browser.do("look")
        assert expected in seen["text"]
        assert status in seen["answers"].values()
        assert (seen["violations"], seen["errors"]) == ([], [])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    "state",
    ["ready", "joining", "joining-slowly", "joined", "reconnecting", "left", "upcoming",
     "reopening", "ended", "over", "not_invited", "wrong_link", "unavailable", "failed",
     "elsewhere", "removed"],
)  # fmt: skip
def test_every_state_fits_every_screen_and_is_accessible(
    site: Site, browser: Browser, pictures: Path, state: str, width: int, dark: bool
) -> None:
    """At 1280 and 390 pixels, light and dark, with long names: nothing overflows, axe is clean."""
    site.put("11111111-1111-4111-8111-111111111111")
    browser.do("open", url=site.link(), width=width, dark=dark)
    in_meeting = state in ("joined", "reconnecting")
    facts = {"title": LONG, "description": "Line one.\nLine two.", "microphone": True, **ahead(48)}
    found = [{"deviceId": "a", "label": "A microphone with quite a long name " * 3}]
    browser.do(
        "render",
        state=state,
        facts=facts,
        tiles=PEOPLE if in_meeting else [],
        devices=[{"id": i, "found": found} for i in ("microphone", "speaker", "webcam")]
        if in_meeting
        else [],
    )
    shade = "dark" if dark else "light"
    seen = browser.do("look", screenshot=str(pictures / f"{state}-{width}-{shade}.png"))
    assert seen["state"] == state
    assert seen["violations"] == []
    assert seen["overflows"] is False
    assert (seen["background"] == "rgb(255, 255, 255)") is not dark
    assert seen["title"] == LONG
