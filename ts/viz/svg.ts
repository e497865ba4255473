// The SVG frame all charts share: escaping, numbers, colours for light and dark, and the page around a drawing.

/** Colours of series, in order; each can be told from its neighbours, and read on white and on near-black. */
export const SERIES_COLOURS = [
  '#3b7dd8',
  '#e0701b',
  '#1f9d78',
  '#c2489a',
  '#a08600',
  '#7a63d2',
  '#2a9bb8',
  '#d04848',
] as const;

// The control characters XML 1.0 cannot hold, not even escaped, and halves of surrogate pairs.
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** `text` for the inside of an element or a quoted attribute. */
export function escapeXml(text: string): string {
  return text.replace(FORBIDDEN, '\ufffd').replace(/[&<>"']/g, character => ENTITIES[character] ?? character);
}

/** A coordinate with at most two decimals; the same text for the same number everywhere. */
export function coordinate(value: number): string {
  return String(Number(value.toFixed(2)) + 0);
}

/** Text at (x, y); `kind` is a class of the page: title, label, tick, cell. */
export function text(x: number, y: number, kind: string, content: string, attributes = ''): string {
  const more = attributes === '' ? '' : ` ${attributes}`;
  return `<text class="${kind}" x="${coordinate(x)}" y="${coordinate(y)}"${more}>${escapeXml(content)}</text>`;
}

/** A straight line of class `kind`. */
export function rule(kind: string, from: readonly [number, number], to: readonly [number, number]): string {
  const [x1, y1, x2, y2] = [...from, ...to].map(coordinate);
  return `<line class="${kind}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`;
}

// Dark colours are asked for by a media query, so one file suits both; a renderer without it shows the light ones.
const STYLE = [
  'text{font-family:system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;font-size:12px;fill:#3d444d}',
  '.title{font-size:15px;font-weight:600;fill:#1f2328}',
  '.label{fill:#59636e}',
  '.tick,.cell{font-size:11px}',
  '.page{fill:#ffffff}.grid{stroke:#e3e6ea}.axis{stroke:#8b949e}.empty{fill:#f1f3f5}',
  '.on-dark{fill:#ffffff}.on-light{fill:#1f2328}',
  '@media (prefers-color-scheme:dark){text{fill:#c9d1d9}.title{fill:#f0f3f6}.label{fill:#9aa4af}' +
    '.page{fill:#161b22}.grid{stroke:#2b323b}.axis{stroke:#6e7781}.empty{fill:#21262d}' +
    '.on-dark{fill:#ffffff}.on-light{fill:#1f2328}}',
].join('\n');

/** A whole SVG file of `width` x `height` with `parts` drawn in order; `title` is its accessible name. */
export function page(width: number, height: number, title: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    ...(title === '' ? [] : [`<title>${escapeXml(title)}</title>`]),
    `<style>\n${STYLE}\n</style>`,
    `<rect class="page" width="${width}" height="${height}" rx="6"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
