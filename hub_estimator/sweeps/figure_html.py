"""Figures in a page: plotly.js once, and a script that draws them."""

from __future__ import annotations

import json

from hub_estimator.reports.html_text import Html, element, join
from hub_estimator.sweeps.figure_style import COLOURS, Picture

# Inline scripts only: plotly.js is in the page. No connection, no frame, no
# font, no picture from elsewhere.
POLICY = (
  "default-src 'none'; script-src 'unsafe-inline'; "
  "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
  "form-action 'none'"
)
PLOT_STYLE = """
.plot-frame { overflow-x: auto; max-width: 100%; }
.plot { width: 100%; }
figure { margin: 0 0 1rem; }
.facts + h3 { margin-top: 0.5rem; }
.scroll td { max-width: 22rem; overflow-wrap: break-word; }
.whole { white-space: nowrap; }
.scroll td span[title] { text-decoration: underline dotted; }
"""
# The colours of the figures are those of light ground; on dark ground the page
# has others under the same names. An SVG is what `img-src data:` lets save.
_DRAW = """
(function () {
  "use strict";
  var names = COLOURS;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var config = {
    responsive: true, displaylogo: false, showSendToCloud: false,
    showEditInChartStudio: false, plotlyServerURL: "",
    displayModeBar: window.matchMedia("(hover: hover)").matches && "hover",
    toImageButtonOptions: {format: "svg"},
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"]
  };
  function coloured(value, key, style) {
    if (Array.isArray(value)) {
      return value.map(function (v) { return coloured(v, key, style); });
    }
    if (value && typeof value === "object") {
      var made = {};
      Object.keys(value).forEach(function (k) {
        made[k] = coloured(value[k], k, style);
      });
      return made;
    }
    if (typeof value === "string" && /color$/.test(key) && names[value]) {
      return style.getPropertyValue(names[value]).trim() || value;
    }
    return value;
  }
  function draw() {
    var style = window.getComputedStyle(document.documentElement);
    document.querySelectorAll(".plot").forEach(function (place) {
      var text = document.getElementById(place.id + "-data").textContent;
      var figure = coloured(JSON.parse(text), "", style);
      window.Plotly.react(place, figure.data, figure.layout, config);
    });
  }
  draw();
  if (dark.addEventListener) { dark.addEventListener("change", draw); }
})();
"""


def picture_html(picture: Picture, anchor: str, title: str) -> Html:
  """Returns a picture with what it says in words; only those if there is none.

  Args:
    picture: what to show.
    anchor: the element's id.
    title: what it is called, for who does not see it.
  """
  if picture.figure is None:
    return element("p", picture.summary)
  width = f"min-width: {picture.min_width}px" if picture.min_width else None
  height = picture.figure.layout.height
  plot = element(
    "div",
    id=anchor,
    class_="plot",
    role="img",
    aria_label=f"{title}. {picture.summary}",
    style=f"height: {height}px{'; ' + width if width else ''}",
  )
  return element(
    "figure",
    element(
      "div",
      plot,
      class_="plot-frame",
      tabindex="0" if width else None,
      role="region" if width else None,
      aria_label=title if width else None,
    ),
    element("p", picture.summary, class_="soft"),
    Html(
      f'<script type="application/json" id="{anchor}-data">'
      f"{_json_in_html(picture.figure.to_json())}</script>"
    ),
  )


def drawing_scripts() -> Html:
  """Returns plotly.js, and the script that draws all figures above it."""
  from plotly import offline

  names = {
    colour: f"--{name}" for name, colour in reversed(list(COLOURS.items()))
  }
  draw = _DRAW.replace("COLOURS", json.dumps(names))
  return join(
    [
      Html(f"<script>{_script_in_html(offline.get_plotlyjs())}</script>"),
      Html(f"<script>{_script_in_html(draw)}</script>"),
    ]
  )


def _json_in_html(text: str) -> str:
  """Escapes what would end the element: texts of users are in the JSON."""
  for character in "<>&\u2028\u2029":
    text = text.replace(character, f"\\u{ord(character):04x}")
  return text


def _script_in_html(text: str) -> str:
  # Strings and regular expressions mean the same with the backslash.
  return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")
