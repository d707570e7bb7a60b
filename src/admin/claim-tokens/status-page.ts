/** Figures of claim tokens as one HTML file that needs nothing else: to be sent to people who were not there. */
import type { ClaimDay } from '../../migration/claim-tokens/claim-tokens.ts';
import { escaped } from '../batch/sections.ts';
import { count } from './claim-desk.ts';
import type { ClaimFigures } from './figures.ts';
import { FIGURE_WORDS, FIGURES, share } from './figures.ts';
import { dayCells, peopleSentences } from './status-text.ts';

const STYLE = `
:root{color-scheme:light dark;--issued:#b9c2cc;--opened:#e0a526;--claimed:#1a7f64;--line:#8884}
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.5rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.n,td:first-child{white-space:nowrap}
.big{font-size:2.2rem;font-weight:600}
.key{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;padding:0;list-style:none}
.key i{display:inline-block;width:.9rem;height:.9rem;border-radius:.2rem;margin-right:.4rem;vertical-align:-.1rem}
svg{width:100%;min-width:32rem;height:auto}svg text{font-size:12px;fill:currentColor}svg line{stroke:var(--line)}
.issued{fill:var(--issued);background:var(--issued)}.opened{fill:var(--opened);background:var(--opened)}.claimed{fill:var(--claimed);background:var(--claimed)}
`;

export function statusPage(figures: ClaimFigures): string {
  const { target, campaign, days, totals } = figures;
  const title = `Accounts linked at ${target}${campaign === null ? '' : `: campaign ${campaign}`}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body><main>
<h1>${escaped(title)}</h1>
<p><span class="big">${count(totals.claimed)}</span> of ${count(totals.issued)} links that were made within ${days} ${days === 1 ? 'day' : 'days'} have linked an account or organization. No name and no link is on this page.</p>
${overTime(figures.byDay)}${inAll(figures)}${people(figures)}${byDay(figures.byDay)}
</main></body></html>
`;
}

const section = (heading: string, body: string) => `<section><h2>${escaped(heading)}</h2>${body}</section>`;

/** On a phone it moves by itself, and the page does not; the keyboard can move it as well. */
const scrolled = (body: string) => `<div class="wide" tabindex="0">${body}</div>`;

const row = (cells: readonly string[], tag: 'td' | 'th', isNumber: (column: number) => boolean) =>
  `<tr>${cells.map((cell, i) => `<${tag}${isNumber(i) ? ' class="n"' : ''}>${escaped(cell)}</${tag}>`).join('')}</tr>`;

function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  isNumber: (column: number) => boolean,
): string {
  const body = rows.map((cells) => row(cells, 'td', isNumber)).join('');
  return scrolled(`<table><thead>${row(head, 'th', isNumber)}</thead><tbody>${body}</tbody></table>`);
}

/** A column is no wider: one day alone would be a wall. */
const CHART = { width: 720, height: 220, left: 44, bottom: 24, top: 10, column: 48 } as const;
/** Room for the first date and the last one. */
const TWO_DATES = 160;
const DRAWN = ['issued', 'opened', 'claimed'] as const;

/** A column a day: the links that were made, and in front of them those that were opened and claimed. */
function overTime(days: readonly ClaimDay[]): string {
  if (days.length === 0) return '';
  const { width, height, left, bottom, top, column } = CHART;
  const most = Math.max(1, ...days.map(({ issued }) => issued));
  const [step, floor] = [Math.min(column, (width - left) / days.length), height - bottom];
  const drawn = step * days.length;
  const tall = (links: number) => (Math.min(links, most) / most) * (floor - top);
  const columns = days.map((one, i) => {
    const words = `${one.day}: ${DRAWN.map((name) => `${count(one[name])} ${name}`).join(', ')}`;
    const bars = DRAWN.map((name) => {
      const [x, high] = [(left + i * step + step * 0.1).toFixed(1), tall(one[name])];
      return `<rect class="${name}" x="${x}" y="${(floor - high).toFixed(1)}" width="${(step * 0.8).toFixed(1)}" height="${high.toFixed(1)}"/>`;
    });
    return `<g><title>${escaped(words)}</title>${bars.join('')}</g>`;
  });
  const lines = [...new Set([0, Math.floor(most / 2), most])].map((links) => {
    const y = (floor - tall(links)).toFixed(1);
    return `<line x1="${left}" x2="${width}" y1="${y}" y2="${y}"/><text x="${left - 6}" y="${Number(y) + 4}" text-anchor="end">${count(links)}</text>`;
  });
  const dates = [
    [left, 'start', days[0]!.day],
    ...(drawn >= TWO_DATES ? [[left + drawn, 'end', days.at(-1)!.day] as const] : []),
  ].map(([x, anchor, text]) => `<text x="${x}" y="${height - 6}" text-anchor="${anchor}">${text}</text>`);
  const key = DRAWN.map((name) => `<li><i class="${name}"></i>${name}</li>`).join('');
  const label = `Links by day from ${days[0]!.day} to ${days.at(-1)!.day}; the table below has the figures`;
  const drawing = `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(label)}">${lines.join('')}${columns.join('')}${dates.join('')}</svg>`;
  return section('Over time', `<ul class="key">${key}</ul>${scrolled(drawing)}`);
}

const inAll = ({ totals }: ClaimFigures) =>
  section(
    'In all',
    table(
      ['', 'Links', 'Share', 'Which'],
      FIGURES.map((name) => [
        name,
        count(totals[name]),
        share(totals[name], totals.issued),
        FIGURE_WORDS[name],
      ]),
      (column) => column === 1 || column === 2,
    ),
  );

const people = (figures: ClaimFigures) =>
  section(
    'The people',
    peopleSentences(figures)
      .map((sentence) => `<p>${escaped(sentence)}</p>`)
      .join(''),
  );

const DAY_HEAD = ['Day (UTC)', 'Issued', 'Sent', 'Opened', 'Started', 'Claimed', 'Expired', 'Failed'];

const byDay = (days: readonly ClaimDay[]) =>
  days.length === 0
    ? ''
    : section(
        'By the day on which they were made',
        table(DAY_HEAD, days.map(dayCells), (column) => column > 0),
      );
