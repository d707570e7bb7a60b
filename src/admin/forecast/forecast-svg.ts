/** What was foreseen and what came, drawn for a file that needs nothing else. */
import type { Forecast, Point } from '../../rollout/forecast.ts';
import { escaped } from '../batch/sections.ts';

const WIDTH = 960;
const HEIGHT = 360;
const LEFT = 52;
const RIGHT = 16;
const TOP = 16;
const BOTTOM = 40;
/** Names of months below this would run into one another. */
const MAX_MONTHS = 12;

export interface Happened {
  /** `2026-12-01`. */
  readonly day: string;
  /** Of one. */
  readonly share: number;
}

const STYLE = `
.forecast{width:100%;height:auto;font:12px system-ui,sans-serif}
.forecast .grid{stroke:#8886;stroke-width:1}.forecast text{fill:currentColor}
.forecast .band{fill:#3b7dd8;opacity:.2}.forecast .expected{fill:none;stroke:#3b7dd8;stroke-width:2;stroke-dasharray:6 4}
.forecast .happened{fill:none;stroke:#1a7f64;stroke-width:3}.forecast .goal{stroke:#c4453a;stroke-width:1;stroke-dasharray:2 3}
`;

/** Empty where there is nothing to be drawn. */
export function forecastSvg({ all, asked }: Forecast, happened: readonly Happened[]): string {
  const days = [...happened.map(({ day }) => day), ...all.points.map(({ day }) => day)].sort();
  const [first, last] = [days[0], days.at(-1)];
  if (first === undefined || last === undefined || first === last || all.points.length === 0) return '';
  const [from, to] = [Date.parse(first), Date.parse(last)];
  const x = (day: string) => LEFT + ((Date.parse(day) - from) / (to - from)) * (WIDTH - LEFT - RIGHT);
  const y = (share: number) => TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
  const line = (points: readonly (readonly [string, number])[]) =>
    points.map(([day, share]) => `${x(day).toFixed(1)},${y(share).toFixed(1)}`).join(' ');
  const along = (which: keyof Omit<Point, 'day'>) =>
    all.points.map((point) => [point.day, point[which]] as const);
  const goalY = y(asked.goal).toFixed(1);
  const label = `Share of people at the target: what has happened until now, and what is expected until ${last}. The figures are in the tables below.`;
  return `<style>${STYLE}</style>
<svg class="forecast" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(label)}">
${[0, 0.25, 0.5, 0.75, 1].map((share) => rule(y(share), `${share * 100} %`)).join('')}
${months(from, to)
  .map((day) => tick(x(day), day.slice(0, 7)))
  .join('')}
<polygon class="band" points="${line([...along('low'), ...along('high').reverse()])}"/>
<polyline class="expected" points="${line(along('expected'))}"/>
<polyline class="happened" points="${line(happened.map(({ day, share }) => [day, share]))}"/>
<line class="goal" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${goalY}" y2="${goalY}"/>
</svg>
<p>Full line: what has happened. Dashed: expected; four times of five it is within the shade. Dotted: the goal.</p>`;
}

const rule = (at: number, name: string) =>
  `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}"/><text x="${LEFT - 6}" y="${(at + 4).toFixed(1)}" text-anchor="end">${name}</text>`;

const tick = (at: number, name: string) =>
  `<text x="${at.toFixed(1)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${name}</text>`;

/** First days of months, as many as have room. */
function months(from: number, to: number): string[] {
  const all: string[] = [];
  const at = new Date(from);
  at.setUTCDate(1);
  for (;;) {
    at.setUTCMonth(at.getUTCMonth() + 1);
    if (at.getTime() > to) break;
    all.push(at.toISOString().slice(0, 10));
  }
  const step = Math.max(1, Math.ceil(all.length / MAX_MONTHS));
  return all.filter((_, index) => index % step === 0);
}
