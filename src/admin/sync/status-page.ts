/** Figures of sync as one HTML file that needs nothing else: to be sent to people who were not there. */
import { escaped } from '../batch/sections.ts';
import { count } from '../batch/status-text.ts';
import { minute } from '../claim-tokens/claim-desk.ts';
import type { SyncFigures } from './figures.ts';
import {
  careSentences,
  FEED_HEAD,
  feedRow,
  headSentences,
  QUEUE_HEAD,
  queueRows,
  queueSentences,
  readingRows,
  readingSentences,
} from './status-text.ts';
import { stateWords } from './sync-desk.ts';

const STYLE = `
:root{color-scheme:light dark;--equal:#1a7f64;--compared:#e0a526;--rest:#b9c2cc;--live:#3465a4;--backlog:#b9c2cc;--line:#8884}
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.3rem;margin-top:2.5rem}h3{font-size:1.05rem;margin-top:1.6rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.key{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;padding:0;list-style:none}
.key i{display:inline-block;width:.9rem;height:.9rem;border-radius:.2rem;margin-right:.4rem;vertical-align:-.1rem}
svg{width:100%;height:1.4rem;border-radius:.3rem}
.equal{fill:var(--equal);background:var(--equal)}.compared{fill:var(--compared);background:var(--compared)}.rest{fill:var(--rest);background:var(--rest)}
.live{fill:var(--live);background:var(--live)}.backlog{fill:var(--backlog);background:var(--backlog)}
`;

export function statusPage(all: readonly SyncFigures[]): string {
  const title = `Kept equal: ${all.map(({ target }) => target).join(', ')}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body><main>
<h1>${escaped(title)}</h1>
<p>No name and no value of anybody is on this page.</p>
${all.map(pairSection).join('\n')}
</main></body></html>
`;
}

function pairSection(figures: SyncFigures): string {
  const { target, state, since, actor, feeds } = figures;
  const by = since ? `<p>Since ${minute(since)} UTC, by ${escaped(actor ?? '')}.</p>` : '';
  return [
    `<section><h2>${escaped(`${target}: ${stateWords[state]}`)}</h2>${by}`,
    part('The people', peopleBar(figures), headSentences(figures)),
    part('Both sides, read from end to end', readingBars(figures), readingSentences(figures.reading)),
    part('Whose turn it is', queueBar(figures), queueSentences(figures)),
    feeds.length > 0
      ? part('What the stores tell of their changes', table(FEED_HEAD, feeds.map(feedRow), 2))
      : '',
    part('What somebody has to see to', '', careSentences(figures)),
    '</section>',
  ].join('');
}

const part = (heading: string, body: string, sentences: readonly string[] = []) =>
  `<h3>${escaped(heading)}</h3>${body}${sentences.map((sentence) => `<p>${escaped(sentence)}</p>`).join('')}`;

interface Share {
  readonly name: string;
  readonly people: number;
}

/** One bar of several parts; the words beside the colours have the figures. */
function stacked(label: string, shares: readonly Share[]): string {
  const all = shares.reduce((sum, { people }) => sum + people, 0);
  if (all === 0) return '';
  let x = 0;
  const parts = shares.map(({ name, people }) => {
    const width = (people / all) * 100;
    const drawn = `<rect class="${name}" x="${x.toFixed(2)}" y="0" width="${width.toFixed(2)}" height="10"/>`;
    x += width;
    return drawn;
  });
  const key = shares.map(({ name, people }) => `<li><i class="${name}"></i>${name}: ${count(people)}</li>`);
  return `<svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="${escaped(label)}">${parts.join('')}</svg><ul class="key">${key.join('')}</ul>`;
}

const peopleBar = ({ people: { atTarget, compared, equal } }: SyncFigures) =>
  stacked('People at the target: equal, compared, and not looked at yet', [
    { name: 'equal', people: equal },
    { name: 'compared', people: Math.max(0, compared - equal) },
    { name: 'rest', people: Math.max(0, atTarget - compared) },
  ]);

function readingBars(figures: SyncFigures): string {
  if (figures.reading.begunAt === null) return '';
  return readingRows(figures)
    .map(({ part: side, read, share }) => {
      const percent = Math.floor(share * 100);
      return `<p>${side === 'legacy' ? 'Legacy store' : 'Target'}: ${count(read)} people, ${percent} %</p><svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="${percent} %"><rect class="rest" x="0" y="0" width="100" height="10"/><rect class="equal" x="0" y="0" width="${percent}" height="10"/></svg>`;
    })
    .join('');
}

const queueBar = (figures: SyncFigures) =>
  figures.queue
    ? stacked('Turns that wait, by lane', [
        { name: 'live', people: figures.queue.live },
        { name: 'backlog', people: figures.queue.backlog },
      ]) + table(QUEUE_HEAD, queueRows(figures), 1)
    : '';

function table(head: readonly string[], rows: readonly (readonly string[])[], number: number): string {
  const row = (cells: readonly string[], tag: 'td' | 'th') =>
    `<tr>${cells.map((cell, i) => `<${tag}${i === number ? ' class="n"' : ''}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  return `<div class="wide" tabindex="0"><table><thead>${row(head, 'th')}</thead><tbody>${rows.map((cells) => row(cells, 'td')).join('')}</tbody></table></div>`;
}
