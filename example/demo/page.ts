/** The frame around every page of the demo: a map of the parts on top, then the app's own head and body. */
import type { Fragment, Html } from './html.ts';
import { html } from './html.ts';

export type Part = 'story' | 'shop' | 'target' | 'new-app' | 'console';

/** Where each part lives; origins, and the console's page. */
export type Places = Readonly<Record<Part, string>>;

export interface Frame {
  readonly part: Exclude<Part, 'console'>;
  readonly places: Places;
  readonly brand: string;
  readonly claim: string;
  readonly nav: readonly { readonly label: string; readonly href: string }[];
}

export interface Page {
  readonly title: string;
  readonly body: Fragment;
  readonly wide?: boolean;
  /** Who is signed in here, and how to leave. */
  readonly person?: { readonly name: string; readonly signOut: string } | undefined;
}

const PARTS: readonly (readonly [Part, string])[] = [
  ['story', 'The story'],
  ['shop', 'Old shop'],
  ['target', 'New identity system'],
  ['new-app', 'New app'],
  ['console', 'Console'],
];

export function draw(frame: Frame, { title, body, wide, person }: Page): string {
  const link = ([part, label]: readonly [Part, string]) =>
    html`<li><a class="${part}" href="${frame.places[part]}"${part === frame.part && html` aria-current="page"`}>${label}</a></li>`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · ${frame.brand}</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="data:,">
</head>
<body class="${frame.part}">
<nav class="map" aria-label="Parts of this demo"><ul>${PARTS.map(link)}</ul></nav>
<header class="site">
<a class="brand" href="/">${frame.brand}</a><span class="claim">${frame.claim}</span>
<nav aria-label="${frame.brand}">${frame.nav.map(({ label, href }) => html`<a href="${href}">${label}</a>`)}
${person && html`<form method="post" action="${person.signOut}"><span>${person.name}</span><button class="quiet">Sign out</button></form>`}</nav>
</header>
<main${wide && html` class="wide"`}>
${body}
</main>
<footer>Everything here runs on your machine. The people are invented, and so are their passwords.</footer>
</body>
</html>
`.text;
}

/** A message above a form or at the top of a page. */
export function notice(kind: 'good' | 'bad' | 'info', text: Fragment): Html {
  return html`<p class="notice ${kind}"${kind === 'bad' && html` role="alert"`}>${text}</p>`;
}

/** Name and value pairs. */
export function facts(rows: readonly (readonly [string, Fragment])[]): Html {
  return html`<dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** A table that turns into cards on a phone: each cell knows its column's name. */
export function table(columns: readonly string[], rows: readonly (readonly Fragment[])[]): Html {
  const cell = (value: Fragment, at: number) =>
    at === 0 ? html`<th scope="row">${value}</th>` : html`<td data-label="${columns[at]}">${value}</td>`;
  return html`<table><thead><tr>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map(cell)}</tr>`)}</tbody></table>`;
}

export function when(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
