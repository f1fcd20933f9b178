// The look of a report, light and dark as the reader's system has it, from a phone to a printer.

/** Colours that can be told apart without red and green; good and bad are said in words too. */
export const REPORT_STYLE = `:root {
  color-scheme: light dark;
  --ink: #1c1f24; --soft: #5c6570; --paper: #fdfdfc; --rule: #d9dde2; --block: #f1f3f5;
  --c0: #2f6fb3; --c1: #d9822b; --c2: #4a9a83; --c3: #8a63b0; --c4: #b04a5a; --c5: #a3adb8;
  --good: #1d7a55; --bad: #b3372f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e8eb; --soft: #9aa4b0; --paper: #15181c; --rule: #333a42; --block: #1f242a;
    --c0: #6aa6e6; --c1: #f0a860; --c2: #6fc4ab; --c3: #b795dc; --c4: #e28792; --c5: #66717e;
    --good: #5cc79a; --bad: #f08a80;
  }
}
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-bottom: .2rem;
  border-bottom: 1px solid var(--rule); }
h4 { font-size: .9rem; margin: .6rem 0 0; }
p, ul { margin: .5rem 0; }
ul { padding-left: 1.25rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
pre { background: var(--block); padding: .75rem 1rem; overflow-x: auto; border-radius: 4px; }
.soft { color: var(--soft); font-size: .9rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .75rem 0; }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--rule); }
td:last-child:not(.number) { min-width: 14rem; }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.good { color: var(--good); }
.bad { color: var(--bad); }
figure { margin: .75rem 0; }
figcaption { font-weight: 600; }
.bars { display: grid; grid-template-columns: fit-content(16rem) 1fr fit-content(16rem);
  gap: .2rem .75rem; align-items: center; font-size: .9rem; margin: .25rem 0; }
.bars h4 { grid-column: 1 / -1; }
.bars svg { display: block; width: 100%; height: 1rem; }
.bars .label { color: var(--soft); overflow-wrap: anywhere; }
.bars .figure { font-variant-numeric: tabular-nums; }
.bars .marked { font-weight: 600; }
.bars .none { grid-column: 2 / -1; overflow-wrap: anywhere; }
@media (max-width: 36rem) {
  .bars { grid-template-columns: 1fr fit-content(9rem); row-gap: 0; }
  .bars .label, .bars .none { grid-column: 1 / -1; margin-top: .25rem; }
}
.lines { display: block; width: 100%; max-width: 36rem; height: auto;
  font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); }
svg .soft { fill: var(--soft); font-size: 12px; }
svg .rule { stroke: var(--rule); }
svg .target { stroke: var(--ink); stroke-dasharray: 4 3; }
.f0 { fill: var(--c0); } .f1 { fill: var(--c1); } .f2 { fill: var(--c2); }
.f3 { fill: var(--c3); } .f4 { fill: var(--c4); } .f5 { fill: var(--c5); }
.s0 { stroke: var(--c0); } .s1 { stroke: var(--c1); } .s2 { stroke: var(--c2); }
.s3 { stroke: var(--c3); } .s4 { stroke: var(--c4); } .s5 { stroke: var(--c5); }
svg polyline { fill: none; stroke-width: 2; }
@media print { main { max-width: none; padding: 0; } section { break-inside: avoid; } }
`;
