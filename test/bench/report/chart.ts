import { scaleOf, type Kind, type Scale } from './scale.ts';
import { told } from './table.ts';

export type Series = {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Points as measured, or a line as reckoned. */
  readonly as: 'points' | 'line' | 'dashes';
  /** Which of the colours; series that belong together have the same. */
  readonly colour: number;
};

export type Chart = {
  readonly title: string;
  readonly x: { readonly name: string; readonly kind: Kind };
  readonly y: { readonly name: string; readonly kind: Kind };
  readonly series: readonly Series[];
};

const size = { width: 640, height: 380, left: 76, right: 40, top: 44, bottom: 86 };
/** Readable on white and on black alike. */
const colours = ['#2f81f7', '#d9822b', '#3fa45b', '#a371f7', '#c9485b'];

/** An SVG picture without a background, whose texts follow the reader's colour scheme. */
export function chart({ title, x, y, series }: Chart): string {
  const all = series.flatMap(({ points }) => points);
  const across = scaleOf(
    x.kind,
    all.map(([value]) => value),
    [size.left, size.width - size.right],
  );
  const up = scaleOf(
    y.kind,
    all.map(([, value]) => value),
    [size.height - size.bottom, size.top],
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" role="img" aria-label="${escaped(title)}">
<style>
text { font: 12px system-ui, sans-serif; fill: #57606a } .title { font-size: 15px; font-weight: 600 } .grid { stroke: #8c959f; stroke-opacity: .35 }
@media (prefers-color-scheme: dark) { text { fill: #b1bac4 } }
</style>
<text class="title" x="${size.left}" y="20">${escaped(title)}</text>
${[...grid(across, up), ...names(x.name, y.name)].join('\n')}
${series.map((each) => drawn(each, across, up)).join('\n')}
${legend(series)}
</svg>
`;
}

function grid(across: Scale, up: Scale): readonly string[] {
  const bottom = size.height - size.bottom;
  return [
    ...across.ticks.map((tick) => {
      const at = px(across.at(tick));
      return `<line class="grid" x1="${at}" x2="${at}" y1="${size.top}" y2="${bottom}"/><text x="${at}" y="${bottom + 17}" text-anchor="middle">${told(tick)}</text>`;
    }),
    ...up.ticks.map((tick) => {
      const at = px(up.at(tick));
      return `<line class="grid" x1="${size.left}" x2="${size.width - size.right}" y1="${at}" y2="${at}"/><text x="${size.left - 8}" y="${px(up.at(tick) + 4)}" text-anchor="end">${told(tick)}</text>`;
    }),
  ];
}

function names(x: string, y: string): readonly string[] {
  const middle = (size.top + size.height - size.bottom) / 2;
  return [
    `<text x="${(size.left + size.width - size.right) / 2}" y="${size.height - size.bottom + 36}" text-anchor="middle">${escaped(x)}</text>`,
    `<text transform="translate(14 ${middle}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>`,
  ];
}

function drawn({ points, as, colour, name }: Series, across: Scale, up: Scale): string {
  const stroke = colours[colour % colours.length] ?? '';
  const at = points.map(([x, y]) => [px(across.at(x)), px(up.at(y))] as const);
  if (as === 'points')
    return at
      .map(([x, y], index) => {
        const [across_, up_] = points[index] ?? [0, 0];
        return `<circle cx="${x}" cy="${y}" r="5" fill="${stroke}"><title>${escaped(`${name}: ${told(across_)}, ${told(up_)}`)}</title></circle>`;
      })
      .join('');
  const dashes = as === 'dashes' ? ' stroke-dasharray="5 4"' : '';
  return `<polyline points="${at.map((pair) => pair.join(',')).join(' ')}" fill="none" stroke="${stroke}" stroke-width="1.8"${dashes}/>`;
}

/** Two columns below the picture. */
function legend(series: readonly Series[]): string {
  return series
    .map(({ name, as, colour }, index) => {
      const [x, y] = [size.left + (index % 2) * 280, size.height - 30 + Math.floor(index / 2) * 18];
      const stroke = colours[colour % colours.length] ?? '';
      const mark =
        as === 'points'
          ? `<circle cx="${x + 8}" cy="${y - 4}" r="5" fill="${stroke}"/>`
          : `<line x1="${x}" x2="${x + 16}" y1="${y - 4}" y2="${y - 4}" stroke="${stroke}" stroke-width="2"${as === 'dashes' ? ' stroke-dasharray="5 4"' : ''}/>`;
      return `${mark}<text x="${x + 24}" y="${y}">${escaped(name)}</text>`;
    })
    .join('\n');
}

const px = (value: number): number => Math.round(value * 10) / 10;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
