/** Three drawings: before, during and after the move. Colours come from the stylesheet. */
import type { Html } from './html.ts';
import { html } from './html.ts';

interface Box {
  readonly kind: 'shop' | 'footbridge' | 'target' | 'new-app';
  readonly label: string;
  readonly at: readonly [x: number, y: number];
  readonly size?: readonly [width: number, height: number];
  readonly gone?: boolean;
}

function box({ kind, label, at: [x, y], size: [width, height] = [120, 44], gone = false }: Box): Html {
  return html`<g class="${kind}${gone && ' gone'}"><rect x="${x}" y="${y}" width="${width}" height="${height}" rx="9"/>
<text x="${x + width / 2}" y="${y + 27}" text-anchor="middle">${label}</text></g>`;
}

function person(x: number, y: number): Html {
  return html`<g class="person"><circle cx="${x}" cy="${y}" r="11"/><path d="M${x - 20} ${y + 40}c0-32 40-32 40 0z"/></g>`;
}

/** A store of users: a drum. */
function drum(x: number, y: number): Html {
  return html`<g class="drum"><path d="M${x - 17} ${y}v24c0 8 34 8 34 0v-24"/><ellipse cx="${x}" cy="${y}" rx="17" ry="6"/></g>`;
}

function key(x: number, y: number): Html {
  return html`<g class="key"><circle cx="${x}" cy="${y}" r="5"/><path d="M${x + 5} ${y}h13m-4 0v5m-5-5v4"/></g>`;
}

function arrow(path: string, kind = ''): Html {
  return html`<path class="arrow ${kind}" d="${path}" marker-end="url(#tip)"/>`;
}

function note(x: number, y: number, text: string): Html {
  return html`<text class="note" x="${x}" y="${y}">${text}</text>`;
}

function picture({
  id,
  title,
  words,
  parts,
}: {
  id: string;
  title: string;
  words: string;
  parts: readonly Html[];
}): Html {
  return html`<figure class="card"><svg viewBox="0 0 340 236" role="img" aria-labelledby="${id}">
<title id="${id}">${title}: ${words}</title>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path class="tip" d="M0 0l8 4-8 4z"/></marker></defs>
${parts}</svg><figcaption><b>${title}</b> ${words}</figcaption></figure>`;
}

export function pictures(): Html {
  return html`<div class="pictures">${[before(), during(), after()]}</div>`;
}

function before(): Html {
  return picture({
    id: 'before',
    title: 'Before.',
    words: 'The shop has its own users, with passwords stored in ways nobody would choose today.',
    parts: [
      person(52, 92),
      arrow('M84 112H184'),
      note(96, 102, 'password'),
      box({ kind: 'shop', label: 'Old shop', at: [192, 62], size: [124, 104] }),
      drum(242, 116),
      key(268, 130),
    ],
  });
}

function during(): Html {
  return picture({
    id: 'during',
    title: 'During.',
    words:
      'Apps switch one by one. Whoever signs in for the first time passes over Footbridge, and the password hash and the second factor go along, once.',
    parts: [
      person(36, 22),
      arrow('M64 36H112'),
      box({ kind: 'new-app', label: 'New app', at: [118, 14] }),
      arrow('M160 58V92'),
      box({ kind: 'target', label: 'New identity', at: [118, 98], size: [120, 46] }),
      arrow('M160 144V178'),
      arrow('M190 182V152', 'once'),
      key(206, 166),
      box({ kind: 'footbridge', label: 'Footbridge', at: [118, 184] }),
      arrow('M238 206H250'),
      box({ kind: 'shop', label: 'Old shop', at: [254, 150], size: [82, 78] }),
      drum(295, 194),
      arrow('M30 68C30 150 60 206 112 206', 'first'),
      note(44, 116, 'first time'),
    ],
  });
}

function after(): Html {
  return picture({
    id: 'after',
    title: 'After.',
    words:
      'Everybody lives in the new system, with the password they always had. The shop’s store and Footbridge are gone.',
    parts: [
      person(36, 22),
      arrow('M64 36H112'),
      box({ kind: 'new-app', label: 'New app', at: [118, 14] }),
      arrow('M174 58V84'),
      box({ kind: 'target', label: 'New identity', at: [104, 90], size: [140, 86] }),
      drum(160, 138),
      key(188, 152),
      arrow('M30 68C30 110 60 132 98 132'),
      box({ kind: 'footbridge', label: 'Footbridge', at: [62, 192], size: [104, 38], gone: true }),
      box({ kind: 'shop', label: 'Old shop', at: [200, 192], size: [104, 38], gone: true }),
    ],
  });
}
