"""The frame of a page: what every report has around its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub_estimator.reports.html_text import Html, element, escape, join


def create_page(
  title: str,
  facts: Any,
  sections: Mapping[str, Any],
  style: str,
  policy: str,
  *behind: Any,
) -> str:
  """Returns a page as HTML.

  Args:
    title: of the page.
    facts: what stands below the title.
    sections: heading -> what stands below it; the page begins with links to
      them.
    style: the style sheet.
    policy: what the page may load and run: a Content-Security-Policy.
    *behind: what stands behind the sections.
  """
  ids = {name: f"part-{number}" for number, name in enumerate(sections)}
  main = (
    element(
      "section",
      element("h2", name, id=ids[name]),
      part,
      aria_labelledby=ids[name],
    )
    for name, part in sections.items()
  )
  header = element("header", element("h1", title), facts, _navigation(ids))
  body = join([header, element("main", *main), *behind])
  return (
    "<!DOCTYPE html>\n"
    '<html lang="en"><head><meta charset="utf-8">\n'
    f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    f"<title>{escape(title)}</title>\n"
    f"<style>{style}</style></head>\n"
    f"<body>{body}</body></html>\n"
  )


def _navigation(ids: Mapping[str, str]) -> Html:
  links = (
    element("li", element("a", name, href=f"#{anchor}"))
    for name, anchor in ids.items()
  )
  return element("nav", element("ul", *links), aria_label="Parts")
