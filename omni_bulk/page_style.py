"""The style sheet of a page: one for screens in light and dark, for phones and for paper. Pure.

The colours of what became of a message differ in lightness as well as in hue, in the order in which they stand beside
each other, so they can be told apart with any kind of colour vision and on a grey printer; each has at least 3:1 against
its ground. "Unknown" is hatched.
"""

from typing import Final

STYLE: Final = """
:root {
  --ground: #ffffff; --raised: #f5f6f8; --line: #dde1e6; --faint: #eceff2; --text: #16191d; --muted: #56606b;
  --accent: #1c5fa8; --accent-soft: #cfe0f3; --alert: #a3123a;
  --delivered: #083d7a; --relayed: #327dc3; --waiting: #87909b; --undelivered: #c25e00; --refused: #7d1438;
  --unknown: #6b5300; --unknown-ground: #f3e3a6; --invalid: #9a6a86; --ready: #6b7681;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #14171b; --raised: #1d2126; --line: #363c44; --faint: #262b31; --text: #e9ecef; --muted: #a3adb8;
    --accent: #6db0f5; --accent-soft: #20405f; --alert: #ff7a9c;
    --delivered: #4c9bee; --relayed: #a5d0f8; --waiting: #626c77; --undelivered: #d97a1a; --refused: #ff8fb8;
    --unknown: #4a3c07; --unknown-ground: #e9cf63; --invalid: #c79ab3; --ready: #8d98a4;
  }
}
* { box-sizing: border-box; }
html { color-scheme: light dark; background: var(--ground); -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
  "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans KR", "Noto Sans CJK KR", NanumGothic, sans-serif;
  font-variant-numeric: tabular-nums lining-nums; overflow-wrap: break-word; word-break: keep-all;
}
main { max-width: 908px; margin: 0 auto; padding: 40px 24px 56px; }
h1 { margin: 0 0 8px; font-size: 30px; line-height: 1.2; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 0 0 14px; font-size: 19px; line-height: 1.3; }
h3 { margin: 24px 0 8px; font-size: 14px; color: var(--muted); font-weight: 600; }
p { margin: 0 0 8px; }
header p { color: var(--muted); margin: 0; }
section { margin-top: 48px; }
.badge {
  display: inline-block; vertical-align: 5px; padding: 1px 10px; border: 1px solid var(--line); border-radius: 99px;
  font-size: 13px; font-weight: 500; letter-spacing: 0; color: var(--muted); white-space: nowrap;
}
.code { color: var(--muted); font-size: 12px; }
.caption, figcaption { color: var(--muted); font-size: 13px; max-width: 75ch; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.patterns { position: absolute; }

.tiles {
  display: grid; grid-template-columns: repeat(3, 1fr); gap: 1px; margin: 28px 0 0; padding: 0;
  background: var(--line); border: 1px solid var(--line); border-radius: 10px; overflow: hidden;
}
.tiles div { min-width: 0; overflow-wrap: anywhere; background: var(--ground); padding: 14px 16px 12px; display: flex; flex-direction: column; }
.tiles dt { font-size: 13px; color: var(--muted); }
.tiles dd { margin: 2px 0 0; font-size: 23px; line-height: 1.25; font-weight: 600; letter-spacing: -0.01em; }
.tiles dd.note { font-size: 12.5px; font-weight: 400; letter-spacing: 0; color: var(--muted); }

.needs { list-style: none; margin: 0; padding: 0; display: grid; gap: 12px; grid-template-columns: 1fr 1fr; }
.need { display: flex; flex-direction: column; background: var(--raised); border-radius: 8px; padding: 12px 16px 16px; min-width: 0; }
.need p { font-size: 13.5px; }
.need .count { font-size: 15px; font-weight: 600; margin-bottom: 4px; }
.need .count b { font-size: 20px; margin-right: 7px; }
.need .swatch { margin-right: 8px; vertical-align: 1px; }
.alert { grid-column: 1 / -1; box-shadow: inset 0 0 0 2px var(--alert); }
.alert .count { color: var(--alert); }
.need pre {
  margin: auto 0 0; padding: 8px 10px; background: var(--ground); border: 1px solid var(--line); border-radius: 6px;
  font: 12.5px/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, "D2Coding", monospace;
  white-space: pre-wrap; overflow-wrap: anywhere;
}
.need pre code { font: inherit; }
.need pre span { white-space: nowrap; }
.good { color: var(--muted); }

.bar { display: block; border-radius: 3px; overflow: hidden; background: none; }
.bar rect { stroke: var(--ground); stroke-width: 1; }
.bar .thin { stroke: none; }
.tall .bar { height: 26px; }
.tall { margin-bottom: 16px; }
.small .bar { width: 90px; height: 9px; }
.bars { display: grid; grid-template-columns: minmax(90px, max-content) 1fr max-content; gap: 7px 12px; align-items: center; margin: 0 0 10px; }
.bars .label { font-size: 13.5px; max-width: 210px; line-height: 1.3; }
.bars .value { text-align: right; font-size: 13.5px; }
.shares { grid-template-columns: minmax(90px, max-content) max-content 90px 1fr; }
.volume .bar { height: 8px; }
.pair { display: grid; gap: 1px; }
.pair .bar { height: 8px; }
.legend { list-style: none; margin: 0 0 12px; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; }
.swatch { vertical-align: -1px; border-radius: 2px; }

.k-delivered { fill: var(--delivered); } .k-relayed { fill: var(--relayed); } .k-waiting { fill: var(--waiting); }
.k-undelivered { fill: var(--undelivered); } .k-refused { fill: var(--refused); } .k-unknown { fill: url(#hatch); }
.k-invalid { fill: var(--invalid); } .k-ready { fill: var(--ready); } .k-plain { fill: var(--accent); }
.k-alert { fill: var(--alert); }
.k-estimated { fill: var(--waiting); } .k-billed { fill: var(--delivered); }
.hatch-ground { fill: var(--unknown-ground); }
.hatch-line { stroke: var(--unknown); stroke-width: 1.6; }

figure { margin: 0 0 14px; }
.chart { display: block; width: 100%; height: auto; overflow: visible; margin-bottom: 6px; }
.chart.narrow { display: none; }
.chart text { font-size: 12px; fill: var(--muted); }
.chart .end { text-anchor: end; }
.chart .mid { text-anchor: middle; }
.chart .strong { fill: var(--text); font-weight: 600; }
.grid { stroke: var(--faint); }
.base { stroke: var(--muted); }
.cut { stroke: var(--muted); stroke-width: 1.2; }
.mark { stroke: var(--text); stroke-dasharray: 2 3; }
.area { fill: var(--accent-soft); }
.edge { fill: none; stroke: var(--accent); stroke-width: 1.4; stroke-linejoin: round; }
.hit { fill: transparent; }
.hit:hover { fill: var(--text); fill-opacity: 0.08; }
.column { fill: var(--accent); }
.curve { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.curve.k-delivered { fill: none; stroke: var(--delivered); }
.curve.k-relayed { fill: none; stroke: var(--relayed); stroke-dasharray: 7 3; }
.dot { fill-opacity: 0; }
.dot:hover { fill-opacity: 1; }

.frame { overflow-x: auto; position: relative; }
.frame:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th, td { text-align: left; vertical-align: top; padding: 6px 12px 6px 0; border-bottom: 1px solid var(--faint); font-weight: 400; }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--muted); font-size: 12.5px; border-bottom-color: var(--line); vertical-align: bottom; }
.n { text-align: right; white-space: nowrap; }
thead .n { white-space: normal; }
td.n .small { display: inline-block; vertical-align: 1px; }
tfoot th, tfoot td { border-bottom: 0; border-top: 1px solid var(--line); font-weight: 600; }
.cases { font-size: 12.5px; min-width: 680px; }
.s-codes td:not(.n) { min-width: 76px; }
.cases th[scope="rowgroup"] { padding-top: 16px; font-weight: 600; font-size: 13.5px; }
.number, .time { white-space: nowrap; }
.ref { overflow-wrap: anywhere; min-width: 17em; }
.s-by_country tbody th, .s-money tbody th { min-width: 132px; }
.pairs { display: grid; grid-template-columns: repeat(3, 1fr); gap: 10px 24px; margin: 0; padding-top: 10px; border-top: 1px solid var(--faint); }
.pairs dt { font-size: 12.5px; color: var(--muted); }
.pairs dd { margin: 0; font-size: 14.5px; }
footer { margin-top: 56px; padding-top: 16px; border-top: 1px solid var(--line); color: var(--muted); font-size: 13px; }

@media screen and (max-width: 620px) {
  main { padding: 24px 20px 40px; }
  h1 { font-size: 25px; }
  section { margin-top: 40px; }
  .needs { grid-template-columns: 1fr; }
  .chart.wide { display: none; }
  .chart.narrow { display: block; }
  .tiles, .pairs { grid-template-columns: 1fr 1fr; }
  .tiles div { padding: 12px 12px 10px; }
  .tiles dd { font-size: 20px; }
  .bars { grid-template-columns: minmax(70px, 104px) 1fr max-content; gap: 9px 10px; }
  .shares { grid-template-columns: minmax(70px, 104px) max-content 1fr; }
  .volume { display: none; }
  .small .bar { width: 48px; }
  .s-by_country tbody th, .s-money tbody th { min-width: 84px; }
}
@media print {
  @page { size: A4; margin: 15mm 14mm; }
  html { color-scheme: light; }
  body { font-size: 10.5pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  section { margin-top: 26px; }
  h1, h2, h3 { break-after: avoid; }
  figure, .need, .tiles, .pairs, .bars, tr, .legend { break-inside: avoid; }
  .legend, .caption, thead tr { break-inside: avoid; break-after: avoid; }
  tbody tr:last-child, tfoot tr { break-before: avoid; }
  thead { display: table-header-group; }
  tfoot { display: table-row-group; }
  .frame { overflow: visible; }
  table { font-size: 9pt; }
  .cases { font-size: 8.5pt; min-width: 0; }
  th, td { padding: 4px 9px 4px 0; }
  .pairs { break-before: avoid; }
  tr:has(th[scope="rowgroup"]), .cases tbody:first-of-type tr:first-child { break-after: avoid; }
  .hit { display: none; }
}
"""
