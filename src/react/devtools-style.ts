/** The styles of the devtools, independent of the page's own. */
export const PANEL_CSS = `
.tidemark-devtools { all: initial; position: fixed; inset: auto 0 0 0; z-index: 9999; display: flex; flex-direction: column; height: min(340px, 60vh); border-top: 1px solid #3d4c59; background: #0d1820; color: #dbe6ee; font: 12px/20px ui-monospace, monospace; color-scheme: dark; }
.tidemark-devtools * { font: inherit; color: inherit; box-sizing: border-box; }
.tidemark-devtools header, .tidemark-devtools .tools { display: flex; flex-wrap: wrap; gap: 0 16px; align-items: center; padding: 4px 12px; border-bottom: 1px solid #24343f; }
.tidemark-devtools strong, .tidemark-devtools b { font-weight: 700; }
.tidemark-devtools [data-bad="true"] { color: #ffb454; }
.tidemark-devtools header button { margin-inline-start: auto; }
.tidemark-devtools button { padding: 0 8px; border: 1px solid transparent; border-radius: 4px; background: none; cursor: pointer; }
.tidemark-devtools button:hover, .tidemark-devtools [aria-selected="true"], .tidemark-devtools [aria-pressed="true"] { background: #1d2e3a; }
.tidemark-devtools button:focus-visible, .tidemark-devtools input:focus-visible { outline: 2px solid #58b6e8; }
.tidemark-devtools nav { display: flex; gap: 4px; padding: 4px 8px; }
.tidemark-devtools input { flex: 1; min-width: 120px; padding: 0 8px; border: 1px solid #3d4c59; border-radius: 4px; background: #0a1219; }
.tidemark-devtools .body { flex: 1; margin: 0; padding: 4px 12px; overflow: auto; list-style: none; }
.tidemark-devtools table { width: 100%; border-collapse: collapse; }
.tidemark-devtools th { position: sticky; top: -4px; background: #0d1820; color: #8aa0b0; text-align: right; }
.tidemark-devtools th:first-child, .tidemark-devtools td:first-child { max-width: 0; width: 55%; overflow: hidden; text-align: left; text-overflow: ellipsis; white-space: nowrap; }
.tidemark-devtools td { padding: 0 0 0 12px; text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.tidemark-devtools td:first-child { padding: 0; }
.tidemark-devtools .frame { display: block; width: 100%; padding: 0; overflow: hidden; text-align: left; text-overflow: ellipsis; white-space: nowrap; }
.tidemark-devtools time, .tidemark-devtools .frame span, .tidemark-devtools code { color: #8aa0b0; }
.tidemark-devtools pre { margin: 0 0 8px; padding: 8px; background: #0a1219; white-space: pre-wrap; overflow-wrap: anywhere; }
`;
