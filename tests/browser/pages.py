"""The page of `chatlog browse` in a window, for tests."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode

from playwright.sync_api import Page

from chatlog.browse import BrowseServer
from tests.browser.chromium import Window, until

Open = Callable[..., Window]


def opened(window: Open, server: BrowseServer, address: str = "", **how: object) -> tuple[Window, Page]:
    """The page, by the link and then at an address of its own, when its list is there."""
    shown = window(**how)
    shown.page.goto(server.door.link)
    shown.page.wait_for_selector("#list li")
    if address:
        shown.page.goto(f"{server.door.link.partition('?')[0]}{address}")
    settled(shown.page)
    return shown, shown.page


def settled(page: Page) -> None:
    until(
        page,
        "!document.querySelector('[aria-busy=true]') && "
        "Boolean(document.querySelector('#list li') || document.querySelector('.choices'))",
    )


def total(page: Page) -> int:
    return int(re.sub(r"\D", "", page.inner_text("#count")))


def ran(page: Page) -> object:
    return page.evaluate("[window.stolen, parent.stolen, document.title.includes('stolen')]")


def query(text: str) -> str:
    """The address's parameters of a search for a phrase."""
    return urlencode({"q": f'"{text}"'})


CONTRAST = """() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, place) => sum + v * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const weak = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    const hidden = !node.checkVisibility() || node.closest(".skip, .off, :disabled, option");
    if (hidden || !walk.currentNode.data.trim()) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) weak.add(node.tagName + "." + node.className);
  }
  return [...weak];
}"""
"""Names what is weaker than WCAG's 4.5 to 1, of every text on a page."""
