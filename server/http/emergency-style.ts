// The look of the emergency page: the values of web/src/ui/tokens.css, written out, because this page must not need the built one. Light and
// dark follow the system. Nothing here is filled red: on this page a box to tick takes the place of holding.
import { STATE_CSS } from './emergency-shape.ts';

export const STYLE = `:root { color-scheme: light dark; --bg: #f1f0ed; --surface: #fcfcfa; --sunken: #eae9e4; --line: #dbd9d3; --line-strong: #85827a; --text: #1b1b19; --muted: #5b5953; --on-ink: #fcfcfa; --accent: #1d52b0; --ok: #17703a; --warn: #b36b00; --bad: #b3261e; --none: #75726a; --warn-soft: #fbeed5; }
@media (prefers-color-scheme: dark) { :root { --bg: #10100f; --surface: #1a1a18; --sunken: #0b0b0a; --line: #2f2f2c; --line-strong: #7b786f; --text: #ecebe6; --muted: #a5a299; --on-ink: #1a1a18; --accent: #93b6ff; --ok: #6ecb8a; --warn: #e6b04d; --bad: #ff8a80; --none: #908d84; --warn-soft: #3c2e0d; } }
* { box-sizing: border-box; }
html { background: var(--bg); -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { max-width: 34rem; margin: 0 auto; padding: 1rem 1rem 2rem; color: var(--text); font: 400 .9375rem/1.375rem system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
h1, h2, p, ul, ol, pre { margin: 0; padding: 0; }
body > * + *, section > * + *, form > * + * { margin-top: .75rem; }
h1, h2.state { font-size: 1.375rem; line-height: 1.75rem; font-weight: 600; text-wrap: balance; }
h2 { margin-top: 1.5rem; font-size: .9375rem; line-height: 1.375rem; font-weight: 600; }
strong { font-weight: 600; }
small, .small { font-size: .8125rem; line-height: 1.125rem; color: var(--muted); }
a { color: var(--accent); text-underline-offset: .2em; }
p > a, li > a { display: inline-block; padding: .3125rem 0; }
code, pre { font: 400 .8125rem/1.25rem ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { padding: .5rem .75rem; border-radius: 8px; background: var(--sunken); white-space: pre-wrap; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
svg { display: inline-block; width: 1em; height: 1em; margin-right: .375rem; vertical-align: -.125em; }
button, input { font: inherit; color: inherit; }
button { width: 100%; min-height: 3rem; padding: .25rem 1rem; border: 1px solid var(--line-strong); border-radius: 8px; background: none; font-weight: 600; cursor: pointer; touch-action: manipulation; }
button.ink { border-color: var(--text); background: var(--text); color: var(--on-ink); }
button:disabled { border: 1px dashed var(--line); color: var(--muted); font-weight: 400; cursor: default; }
input[type=password], input[name=reason] { display: block; width: 100%; min-height: 3rem; margin-top: .25rem; padding: 0 .75rem; border: 1px solid var(--line-strong); border-radius: 8px; background: var(--surface); font-size: 1rem; }
input[type=checkbox] { flex: none; width: 1.375rem; height: 1.375rem; margin: 0; accent-color: var(--text); }
label.tick { display: flex; align-items: center; gap: .75rem; min-height: 2.75rem; }
.box, .facts, .rows { padding: 0 1rem; border: 1px solid var(--line); border-radius: 14px; background: var(--surface); list-style: none; }
.box, .rows > form { padding: .75rem 1rem; }
.rows { padding: 0; }
.rows > * + *, .facts > * + *, .rows > li + li { margin-top: 0; border-top: 1px solid var(--line); }
.rows > li { padding: .5rem 1rem; }
.facts > li { display: flex; justify-content: space-between; gap: 1rem; padding: .5rem 0; }
.facts strong { text-align: right; }
.rows form > * + *, .rows div > * + * { margin-top: .5rem; }
.rows form > input[type=hidden] + * { margin-top: 0; }
.rows > div { padding: .75rem 1rem; }
.asks { border-color: var(--line-strong); }
.asks h2 { margin: -.75rem -1rem 0; padding: .75rem 1rem; border-radius: 13px 13px 0 0; background: var(--warn-soft); }
${STATE_CSS}`;
