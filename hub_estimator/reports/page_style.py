"""The style sheet of a report.

Colours of lines are those of Okabe and Ito, which people of all kinds of colour
vision tell apart (https://jfly.uni-koeln.de/color/), lighter on dark ground.
"""

NUM_COLOURS = 7

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #fff; --card: #f5f6f7; --line: #d4d8dc; --text: #1b1f23;
  --soft: #59636e; --link: #0059a8;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #b0578d; --c4: #b87a00;
  --c5: #3a93c4; --c6: #1b1f23;
  --right: 0 114 178; --wrong: 213 94 0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #15181c; --card: #1f2429; --line: #3a4149; --text: #e6e9ec;
    --soft: #a3adb8; --link: #7cc0f2;
    --c0: #56b4e9; --c1: #f0803c; --c2: #2cc295; --c3: #e48cbf; --c4: #e6b000;
    --c5: #9ad4f5; --c6: #e6e9ec;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem; max-width: 78rem; background: var(--ground);
  color: var(--text); font: 16px/1.5 system-ui, sans-serif;
  overflow-wrap: anywhere;
}
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0; }
h2 { font-size: 1.25rem; margin: 2.25rem 0 0.75rem; padding-top: 0.75rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.25rem 0 0.4rem; }
p, ul { margin: 0.4rem 0; }
a { color: var(--link); }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; padding: 0;
  list-style: none; }
.soft { color: var(--soft); font-size: 0.875rem; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.875rem; }
pre { margin: 0; padding: 0.75rem; white-space: pre; overflow-wrap: normal; }
.facts { display: grid; gap: 0.75rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 10rem), 1fr)); }
.facts > div { background: var(--card); border-radius: 0.5rem;
  padding: 0.6rem 0.8rem; }
.facts .wide { grid-column: span 2; }
.facts dt { color: var(--soft); font-size: 0.875rem; }
.facts dd { margin: 0; }
.facts .main dd { font-size: 1.75rem; line-height: 1.2; font-weight: 600; }
.grid { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); }
.cards { display: grid; gap: 0.75rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); }
.parts { margin-top: 1rem; }
figure, .card { margin: 0; min-width: 0; background: var(--card);
  border-radius: 0.5rem; padding: 0.75rem; }
figcaption { font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 0.1rem 0.9rem; padding: 0;
  margin: 0.2rem 0 0.4rem; list-style: none; font-size: 0.875rem; }
.legend svg { width: 1.6rem; height: 0.6rem; margin-right: 0.35rem; }
.chart { display: block; width: 100%; height: auto; max-width: 34rem; }
.chart text { fill: var(--soft); font-size: 13px; }
.chart .rule { stroke: var(--line); stroke-width: 1; }
.chart .ideal { stroke: var(--text); stroke-width: 1.5;
  stroke-dasharray: 5 4; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
.faint { opacity: 0.35; stroke-width: 1.25; }
.dot { stroke: var(--card); stroke-width: 1; }
.bar { fill: var(--c0); opacity: 0.6; }
.share { fill: var(--c1); }
.cloud { fill: var(--c0); opacity: 0.45; }
.scroll { overflow: auto; max-width: 100%; border: 1px solid var(--line);
  border-radius: 0.5rem; background: var(--card); width: fit-content; }
.scroll:focus-visible, summary:focus-visible, a:focus-visible {
  outline: 3px solid var(--c1); outline-offset: 2px; }
.tall { max-height: 30rem; }
table { border-collapse: collapse; font-size: 0.9rem;
  font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: 0.3rem 0.7rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 0; }
thead th { position: sticky; top: 0; background: var(--card); z-index: 1; }
th { font-weight: 600; }
tbody th { font-weight: 400; max-width: 24rem; overflow-wrap: break-word; }
.n { text-align: right; white-space: nowrap; }
.matrix td { text-align: right; min-width: 2.6rem; padding: 0.3rem 0.45rem;
  border: 1px solid var(--line); }
.matrix th { white-space: nowrap; min-width: 0; max-width: none; }
.matrix thead th { vertical-align: bottom; text-align: right; }
.matrix tbody th { position: sticky; left: 0; background: var(--card);
  text-align: right; }
.matrix .up span { writing-mode: vertical-rl; transform: rotate(180deg); }
.many td { min-width: 1.9rem; padding: 0.15rem 0.3rem; font-size: 0.75rem; }
.many th { padding: 0.15rem 0.3rem; font-size: 0.75rem; }
.r { background: rgb(var(--right) / var(--a)); }
.w { background: rgb(var(--wrong) / var(--a)); }
.card img { display: block; width: 100%; max-width: 10rem; height: auto;
  border-radius: 0.25rem; background: #888; margin-bottom: 0.4rem; }
.card .small { image-rendering: pixelated; }
.card blockquote { margin: 0 0 0.5rem; white-space: pre-wrap;
  max-height: 14rem; overflow: auto; }
.card dl { display: grid; grid-template-columns: auto 1fr; margin: 0;
  gap: 0 0.6rem; font-size: 0.9rem; }
.card dt { color: var(--soft); }
.card dd { margin: 0; }
details { margin: 0.4rem 0; }
summary { cursor: pointer; color: var(--link); font-size: 0.9rem; }
.notes { padding-left: 1.2rem; }
@media print { .tall, .scroll { max-height: none; } }
"""
