"""How the report looks: one style sheet for screens, light or dark, narrow or wide, and for paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --card: #ffffff; --ink: #1c2429; --soft: #56626a; --rule: #e2dfd8; --track: #eceae4;
  --main: #2d6a8e; --other: #c4762b; --faint: #b9c7cf; --good: #23734f; --wait: #9a6200; --bad: #ab2f26;
  --good-wash: #e6f1ea; --wait-wash: #faf0d9; --bad-wash: #f9e5e2; --zone: #ab2f2614; --band: #2d6a8e26;
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans",
    sans-serif;
  --serif: "Iowan Old Style", Charter, "Palatino Linotype", Palatino, Georgia, "Liberation Serif", serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12171a; --card: #1a2125; --ink: #e8e6e1; --soft: #9fabb2; --rule: #2d373d; --track: #273036;
    --main: #6cb0d6; --other: #e3a15c; --faint: #4c5d67; --good: #6ac598; --wait: #e0b252; --bad: #ef8a80;
    --good-wash: #1b2f26; --wait-wash: #332a16; --bad-wash: #3a211f; --zone: #ef8a801f; --band: #6cb0d62e;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 var(--sans);
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
main, header.top, footer { max-width: 1080px; margin: 0 auto; padding: 0 28px; }
header.top { padding-top: 40px; }
a { color: inherit; text-decoration-color: var(--faint); text-underline-offset: 3px; }
.eyebrow { margin: 0 0 20px; color: var(--soft); font-size: 13px; display: flex; flex-wrap: wrap; gap: 4px 18px; }
.eyebrow b { color: var(--ink); font-weight: 600; }
.verdict { background: var(--wash); border-left: 5px solid var(--tone); border-radius: 4px 10px 10px 4px;
  padding: 26px 32px 24px; }
.accepted { --tone: var(--good); --wash: var(--good-wash); }
.held { --tone: var(--wait); --wash: var(--wait-wash); }
.refused, .empty { --tone: var(--bad); --wash: var(--bad-wash); }
.verdict .state { margin: 0; color: var(--tone); font-weight: 700; font-size: 12.5px; letter-spacing: .09em;
  text-transform: uppercase; display: flex; gap: 12px; align-items: center; flex-wrap: wrap; }
.verdict h1 { font: 400 31px/1.22 var(--serif); margin: 8px 0 10px; letter-spacing: -.005em; text-wrap: balance; }
.verdict p { margin: 8px 0 0; max-width: 78ch; }
.verdict ul, .verdict ol { margin: 8px 0 0; padding-left: 22px; max-width: 78ch; }
.code { white-space: nowrap;
  font: 600 12px/1 var(--mono); letter-spacing: 0; text-transform: none; padding: 4px 7px; border-radius: 4px;
  border: 1px solid currentColor; }
pre { font: 13px/1.6 var(--mono); background: var(--card); border: 1px solid var(--rule); border-radius: 8px;
  padding: 14px 18px; margin: 14px 0 0; overflow-x: auto; white-space: pre; }
.figures { display: flex; flex-wrap: wrap; margin: 26px 0 0; padding: 0; gap: 1px; background: var(--rule);
  border: 1px solid var(--rule); border-radius: 10px; overflow: hidden; }
.figures div { background: var(--card); padding: 14px 18px 12px; flex: 1 1 128px; }
.figures dt { color: var(--soft); font-size: 13px; }
.figures dd { margin: 0; font: 400 27px/1.25 var(--serif); }
.figures .bad dd { color: var(--bad); }
.figures dd small { font: 13px var(--sans); color: var(--soft); }
nav { margin: 22px 0 0; display: flex; flex-wrap: wrap; gap: 4px 20px; font-size: 14px;
  border-bottom: 1px solid var(--rule);
  padding-bottom: 14px; }
nav a { text-decoration: none; color: var(--soft); }
nav a:hover { color: var(--ink); text-decoration: underline; }
section { margin-top: 52px; scroll-margin-top: 20px; }
h2 { font: 400 26px/1.25 var(--serif); margin: 0 0 10px; padding-top: 14px; border-top: 2px solid var(--ink); }
h3 { font-size: 16px; margin: 30px 0 4px; }
h4 { font-size: 14px; margin: 0; font-weight: 600; }
.lede { color: var(--soft); margin: 0 0 18px; max-width: 76ch; }
.told { margin: 0 0 12px; max-width: 76ch; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: 12.5px; padding: 0 14px 6px 0;
  vertical-align: bottom; }
th, td { overflow-wrap: break-word; }
td { padding: 8px 14px 8px 0; border-top: 1px solid var(--rule); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
td.n, th.n { text-align: right; white-space: nowrap; overflow-wrap: normal; }
td.name { min-width: 130px; overflow-wrap: anywhere; }
td.plot, th.plot { width: 42%; min-width: 190px; }
td.plot svg, th.plot svg { display: block; }
td.plot svg.bar { margin-top: 7px; } td.plot svg.intervals { margin: 2px 0; }
td.mark, th.mark { width: 1%; white-space: nowrap; overflow-wrap: normal; }
table.even { table-layout: fixed; min-width: 640px; }
table.even th:nth-child(1) { width: 26%; } table.even th.mark { width: 22%; } table.even th.plot { width: 34%; }
table.even td.mark { white-space: normal; line-height: 2; padding-top: 4px; }
th.filter { min-width: 120px; max-width: 240px; vertical-align: bottom; }
tr.parted td { border-top: 2px solid var(--rule); }
td.cost { white-space: nowrap; }
td.message { min-width: 220px; }
.soft { color: var(--soft); }
.small { font-size: 13px; }
code { font: 12px/1.4 var(--mono); color: var(--ink); }
.legend { display: flex; flex-wrap: wrap; gap: 6px 22px; margin: 10px 0 18px; padding: 0; list-style: none;
  font-size: 13.5px; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 7px;
  background: var(--c); }
.legend i.ring { background: none; border: 2px solid var(--c); border-radius: 50%; }
.legend i.dot { border-radius: 50%; }
.chip { display: inline-block; font-size: 12px; line-height: 1; padding: 4px 8px; border-radius: 99px;
  white-space: nowrap;
  background: var(--track); color: var(--soft); }
.chip.feature { background: var(--good-wash); color: var(--good); }
.chip.allowed, .chip.moderate { background: var(--wait-wash); color: var(--wait); }
.chip.blocked { background: var(--track); color: var(--ink); }
.chip.suspect, .chip.large { background: var(--bad-wash); color: var(--bad); }
.note { border-left: 3px solid var(--wait); padding: 4px 0 4px 14px; margin: 12px 0; max-width: 76ch;
  font-size: 14px; }
svg { overflow: visible; }
svg text { font: 12px var(--sans); fill: var(--soft); }
svg .track { fill: var(--track); }
svg .fill.main { fill: var(--main); } svg .fill.other { fill: var(--other); } svg .fill.faint { fill: var(--faint); }
svg .fill.bad { fill: var(--bad); } svg .fill.wait { fill: var(--wait); }
svg .axis { stroke: var(--soft); stroke-width: 1; } svg .grid { stroke: var(--rule); stroke-width: 1; }
svg .zone { fill: var(--zone); }
svg .overall { stroke: var(--ink); stroke-width: 1.5; }
svg .chance { stroke: var(--ink); stroke-width: 2; }
svg .whisker { stroke-width: 2; stroke: var(--main); } svg .dot { fill: var(--main); }
svg .ring { fill: var(--paper); stroke: var(--main); stroke-width: 2; }
svg .whisker.bad { stroke: var(--bad); } svg .dot.bad { fill: var(--bad); } svg .ring.bad { stroke: var(--bad); }
svg .whisker.faint { stroke: var(--faint); } svg .dot.faint { fill: var(--faint); }
svg .ring.faint { stroke: var(--faint); }
svg .curve { fill: none; stroke: var(--main); stroke-width: 2.5; vector-effect: non-scaling-stroke; }
svg .band { fill: var(--band); }
svg.stacked { border-radius: 6px; overflow: hidden; display: block; }
figure.survival { margin: 22px 0 30px; padding-left: 58px; }
svg.survival, svg.histogram, svg.bar { display: block; }
.stages { display: grid; grid-template-columns: 1fr 1fr 3px 1fr 1fr; gap: 0 14px; margin: 0 0 8px; }
.stages .gate { background: repeating-linear-gradient(var(--bad) 0 6px, transparent 6px 11px); border-radius: 2px; }
.stages div { font-size: 13.5px; color: var(--soft); }
.stages b { display: block; color: var(--ink); font-weight: 600; font-size: 14.5px; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 14px; margin-top: 14px; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 16px 18px;
  break-inside: avoid; }
.card header { display: flex; justify-content: space-between; gap: 10px; align-items: start; }
.card p { margin: 5px 0 12px; font-size: 13px; color: var(--soft); }
.card dl { margin: 0; display: grid; grid-template-columns: minmax(0, 9em) 1fr 3.6em; gap: 4px 10px; font-size: 13px;
  align-items: center; }
.card dt { line-height: 1.3; } .card dd { margin: 0; } .card dd.n { text-align: right; color: var(--soft); }
.card .miss { margin-top: 10px; padding-top: 9px; border-top: 1px dashed var(--rule); }
.ends { display: flex; justify-content: space-between; font-size: 12px; color: var(--soft); margin: 4px 0 0; }
.terms { columns: 2 320px; column-gap: 32px; margin: 26px 0 0; font-size: 13.5px; color: var(--soft); }
.terms div { break-inside: avoid; margin-bottom: 9px; } .terms dt { color: var(--ink); font-weight: 600; }
.terms dd { margin: 0; }
footer { margin-top: 60px; padding-bottom: 60px; color: var(--soft); font-size: 13px; }
footer div { border-top: 1px solid var(--rule); padding-top: 18px; max-width: none; }
footer p { margin: 0 0 8px; max-width: 90ch; }
@media (max-width: 640px) {
  main, header.top, footer { padding: 0 16px; }
  header.top { padding-top: 20px; }
  .verdict { padding: 20px 18px; } .verdict h1 { font-size: 25px; }
  .stages { grid-template-columns: 1fr; gap: 10px; } .stages .gate { height: 3px;
    background: repeating-linear-gradient(90deg, var(--bad) 0 6px, transparent 6px 11px); }
  td.plot, th.plot { min-width: 150px; }
  section { margin-top: 40px; }
  table.even, table.even thead, table.even tbody { display: block; min-width: 0; }
  table.even tr { display: grid; grid-template-columns: 1fr auto; column-gap: 12px; padding: 9px 0 6px;
    border-top: 1px solid var(--rule); }
  table.even thead tr { border: 0; padding: 0; }
  table.even td { border: 0; padding: 0; width: auto; }
  table.even td.n { order: 1; } table.even td.mark { order: 2; grid-column: 1 / -1; }
  table.even td.mark:empty, table.even th { display: none; }
  table.even td.plot, table.even th.plot { order: 3; grid-column: 1 / -1; display: block; width: auto; padding: 4px 0; }
}
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #111; --soft: #444; --rule: #ccc; --track: #e8e8e8; --main: #2d6a8e;
    --other: #c4762b; --faint: #b9c7cf; --good: #23734f; --wait: #9a6200; --bad: #ab2f26; --good-wash: #fff;
    --wait-wash: #fff; --bad-wash: #fff; color-scheme: light; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  body { font-size: 10.5pt; } nav { display: none; } section { margin-top: 28px; }
  main, header.top, footer { max-width: none; padding: 0; }
  .scroll { overflow: visible; } h2, h3 { break-after: avoid; } tr { break-inside: avoid; }
  .cards { grid-template-columns: repeat(2, 1fr); }
}
"""
