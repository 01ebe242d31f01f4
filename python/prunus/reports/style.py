"""The page's style sheet: light and dark, by what the reader's system prefers."""

STYLE = """
:root { color-scheme: light dark; --bg: #fdfdfc; --fg: #1d2127; --soft: #5b636e; --rule: #dfe2e6; --card: #ffffff;
  --kept: #1f6f54; --gone: #d7a9a0; --good: #1f6f54; --bad: #b3261e;
  --c0: #2060a8; --c1: #c2571a; --c2: #1f7f5c; --c3: #8a4fa3; --c4: #9a7400; --c5: #a8423f; }
@media (prefers-color-scheme: dark) { :root { --bg: #14171b; --fg: #e6e8eb; --soft: #9aa3ae; --rule: #2c323a;
  --card: #1a1e23; --kept: #5cc29a; --gone: #7a4a44; --good: #5cc29a; --bad: #ff8a80;
  --c0: #6cb0ff; --c1: #ff9f5a; --c2: #5cc29a; --c3: #cf9be6; --c4: #e0bd4d; --c5: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; background: var(--bg); color: var(--fg);
  font: 16px/1.55 system-ui, "Segoe UI", "Noto Sans", sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; } h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.75rem 0 .25rem; } p { margin: .25rem 0 .75rem; } .soft { color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 1rem; overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .75rem .3rem 0; text-align: right; border-bottom: 1px solid var(--rule); vertical-align: top; }
th:first-child, td:first-child, .left td, .left th { text-align: left; } th { font-weight: 600; }
details { margin-top: .5rem; font-size: .9rem; } summary { cursor: pointer; color: var(--soft); }
.plot { width: 100%; height: auto; display: block; font: 12px system-ui, "Noto Sans", sans-serif; }
.plot text { fill: var(--fg); } .plot .tick { fill: var(--soft); } .plot .axis { fill: var(--soft); font-size: 13px; }
.grid { stroke: var(--rule); } .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.drop { stroke-width: 1; stroke-dasharray: 3 4; }
.dot { stroke: var(--card); stroke-width: 2; } .kept { fill: var(--kept); } .gone { fill: var(--gone); }
.passed { color: var(--good); font-weight: 600; } .failed { color: var(--bad); font-weight: 600; }
.swatch { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 .8em; }
.swatch.kept { background: var(--kept); } .swatch.gone { background: var(--gone); }
""" + "".join(
    f".line.c{n} {{ stroke: var(--c{n}); }} .dot.c{n}, .key.c{n} {{ fill: var(--c{n}); }}\n" for n in range(6)
)
