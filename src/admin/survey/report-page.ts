/** A survey's report as one HTML file that needs nothing else: to be sent to people who were not there. */
import type { Report, ReportedFinding } from './report.ts';
import { count, percent } from './report-text.ts';
import type { Fate } from './tally.ts';
import { FATES, LAST_LOGINS } from './tally.ts';

const FATE_WORDS: Readonly<Record<Fate, string>> = {
  carried: 'goes along as it is',
  conditional: 'goes along, for passwords that the store leaves as entered or that are short enough',
  rehashed: 'is recovered and hashed afresh',
  captured: 'is caught at the next login here',
  reset: 'cannot be verified here: has to be set anew',
  none: 'no password in the store',
};
const SEVERITY_WORDS = { stops: 'stops the move', warns: 'to be looked at', tells: 'good to know' } as const;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);

const STYLE = `
:root{color-scheme:light dark;--carried:#1a7f64;--conditional:#63b598;--rehashed:#8fb4d9;--captured:#e0a526;--reset:#c4453a;--none:#9a9a9a;--line:#8884}
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.5rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.bar{display:flex;height:1.4rem;border-radius:.3rem;overflow:hidden;background:var(--line);min-width:10rem}
.bar span{display:block;min-width:1px}
.key{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;padding:0;list-style:none}
.key i{display:inline-block;width:.9rem;height:.9rem;border-radius:.2rem;margin-right:.4rem;vertical-align:-.1rem}
${FATES.map((fate) => `.${fate}{background:var(--${fate})}`).join('')}
.chip{display:inline-block;padding:.05rem .5rem;margin:.1rem 0;border-radius:1rem;font-size:.85rem;color:#fff}.chip.none,.chip.captured,.chip.conditional,.chip.rehashed{color:#000}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.examples{font-size:.85rem;opacity:.75;overflow-wrap:anywhere}.stops{color:var(--reset)}.big{font-size:2.2rem;font-weight:600}
`;

export function reportPage(report: Report): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Survey of the legacy store</title><style>${STYLE}</style></head><body><main>
<h1>Survey of the legacy store</h1>
<p><span class="big">${count(report.users)}</span> users, read from ${escaped(report.startedAt)} to ${escaped(report.finishedAt)}. Examples are subjects; no secret is on this page.</p>
${passwords(report)}${formats(report)}${findings(report.findings)}${unmappable(report)}${people(report)}
</main></body></html>
`;
}

const section = (heading: string, body: string) => `<section><h2>${escaped(heading)}</h2>${body}</section>`;

function row(cells: readonly (string | { readonly html: string })[], tag: 'td' | 'th' = 'td'): string {
  const cell = (value: (typeof cells)[number]) =>
    typeof value === 'string' ? `<${tag}>${escaped(value)}</${tag}>` : `<${tag}>${value.html}</${tag}>`;
  return `<tr>${cells.map(cell).join('')}</tr>`;
}

const table = (head: readonly string[], rows: readonly string[]) =>
  `<table><thead>${row(head, 'th')}</thead><tbody>${rows.join('')}</tbody></table>`;

/** Shares of one hundred, and the same in words for who cannot see it. */
function bar(parts: readonly { readonly name: Fate; readonly users: number }[]): { html: string } {
  const all = parts.reduce((sum, { users }) => sum + users, 0) || 1;
  const seen = parts.filter(({ users }) => users > 0);
  const words = seen.map(({ name, users }) => `${name} ${percent(users / all)}`).join(', ');
  const spans = seen
    .map(
      ({ name, users }) =>
        `<span class="${name}" style="flex:${users} 0 0" title="${name}: ${count(users)}"></span>`,
    )
    .join('');
  return { html: `<div class="bar" role="img" aria-label="${escaped(words || 'nobody')}">${spans}</div>` };
}

function passwords({ targets, translatable }: Report): string {
  const key = FATES.map((fate) => `<li><i class="${fate}"></i>${fate}: ${FATE_WORDS[fate]}</li>`).join('');
  const rows = Object.entries(targets).map(([target, fates]) =>
    row([
      target,
      bar(FATES.map((name) => ({ name, users: fates[name].users }))),
      percent(translatable[target]?.users ?? 0),
      translatable[target]?.recent == null ? 'not known' : percent(translatable[target].recent),
    ]),
  );
  const head = ['Target', 'Passwords', 'Goes along', 'Of those who logged in within 90 days'];
  return section('What becomes of the passwords', `<ul class="key">${key}</ul>${table(head, rows)}`);
}

/** A target in the colour of what becomes of most of this format's hashes there; the reasons are its title. */
function chip(target: string, fates: Readonly<Record<string, number>>): string {
  const byUsers = Object.entries(fates).sort(([, a], [, b]) => b - a);
  const why = byUsers.map(([fate, users]) => `${fate} (${count(users)})`).join(', ');
  const [fate = 'none'] = byUsers[0]?.[0].split(':') ?? [];
  return `<span class="chip ${escaped(fate)}" title="${escaped(why)}">${escaped(target)}<span class="hidden">: ${escaped(why)}</span></span>`;
}

function formats({ formats: all }: Report): string {
  const rows = all.map(({ format, users, costs, targets, examples }) =>
    row([
      format,
      count(users),
      {
        html: Object.entries(costs)
          .map(([cost, n]) => `${escaped(cost)} (${count(n)})`)
          .join('<br>'),
      },
      {
        html: Object.entries(targets)
          .map(([target, fates]) => chip(target, fates))
          .join(' '),
      },
      examples.join(' '),
    ]),
  );
  return section(
    'Password formats',
    table(['Format', 'Users', 'Algorithm and costs', 'At the targets', 'Examples'], rows),
  );
}

function findings(all: readonly ReportedFinding[]): string {
  if (all.length === 0) return section('What to look at', '<p>Nothing was found.</p>');
  const rows = all.map(({ severity, code, sentence, users, examples }) =>
    row([
      { html: `<span class="${severity}">${SEVERITY_WORDS[severity]}</span>` },
      count(users),
      {
        html: `${escaped(sentence)} <code>${escaped(code)}</code><div class="examples">${escaped(examples.join(' · '))}</div>`,
      },
    ]),
  );
  return section('What to look at', table(['', 'Users', 'Finding'], rows));
}

function unmappable({ unmappable: all }: Report): string {
  if (all.length === 0) return '';
  const rows = all.map(({ reason, count: n, examples }) => row([count(n), reason, examples.join(' · ')]));
  return section(
    'Cannot be mapped: nobody of these can log in here',
    table(['Users', 'Why', 'Examples'], rows),
  );
}

function people({ states, coverage, lastLogins, users }: Report): string {
  const share = (n: number) => (users ? percent(n / users) : '–');
  const rows = [
    ...Object.entries(states).map(([state, n]) => [state, n] as const),
    ['with one-time codes', coverage.totp] as const,
    ['with passkeys', coverage.passkeys] as const,
    ['with recovery codes', coverage.recoveryCodes] as const,
    ['linked to other identity providers', coverage.identityProviderLinks] as const,
    ['with roles', coverage.roles] as const,
    ...LAST_LOGINS.map((when) => [`last login: ${when}`, lastLogins[when] ?? 0] as const),
  ];
  return section(
    'The people',
    table(
      ['', 'Users', 'Share'],
      rows.map(([what, n]) => row([what, count(n), share(n)])),
    ),
  );
}
