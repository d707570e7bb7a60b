import type { AuditPage, AuditQuestion } from '../../../store/audit-pages.ts';
import { auditPage } from '../../../store/audit-pages.ts';
import { mayLook, NOBODY, noteLook } from '../looking-up.ts';
import { offer } from '../offers.ts';
import { definePage } from '../page.ts';
import type { CellOf, Filters, Panel } from '../panels.ts';
import { count, panelsPage } from '../panels.ts';
import { actorWords, exactly, WORDS, wordsOf } from '../words.ts';

const RECORDS = 50;
const MAX_TEXT = 500;
/** So much of a pseudonym tells people apart on a page. */
const PSEUDONYM_DIGITS = 8;

export const auditTrailPage = definePage({
  path: 'audit',
  title: 'Audit trail',
  menu: { group: 'Record', order: 20 },
  async load(desk, { query, who }) {
    const asked = askedIn(query);
    const { sub } = asked;
    if (sub !== undefined) await mayLook(desk.db, who);
    const page = await auditPage(desk, { ...asked, limit: RECORDS });
    if (sub !== undefined)
      await noteLook(desk, who, page.entries.length > 0 ? { sub, how: 'the audit trail' } : NOBODY);
    return panelsPage({
      lead: 'Who did what to whom. Records are only ever added, and chained to one another; people are in it by a pseudonym. Times are UTC.',
      panels: [
        {
          filters: filtersOf(query),
          links: offer(who, { operation: 'audit verify', label: 'Is the chain whole?' }),
        },
        recordsPanel(page, query),
      ],
    });
  },
});

function askedIn(query: URLSearchParams): Omit<AuditQuestion, 'limit'> {
  const text = (name: string) => query.get(name)?.trim().slice(0, MAX_TEXT) || undefined;
  const id = (name: string) => (/^\d{1,18}$/.test(query.get(name) ?? '') ? query.get(name)! : undefined);
  return {
    actor: text('actor'),
    action: text('action'),
    sub: text('sub'),
    from: momentIn(text('from')),
    to: momentIn(text('to')),
    before: id('before'),
    after: id('after'),
  };
}

/** As browsers write it, without a zone: UTC. */
function momentIn(text: string | undefined): Date | undefined {
  if (text === undefined || !/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?$/.test(text)) return undefined;
  const date = new Date(text.includes('T') ? `${text}Z` : `${text}T00:00:00Z`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

const FIELDS = ['actor', 'action', 'sub', 'from', 'to'] as const;

const filtersOf = (query: URLSearchParams): Filters => {
  const value = (name: (typeof FIELDS)[number]) => (query.get(name) ?? '').slice(0, MAX_TEXT);
  const kinds = [...new Set(Object.keys(WORDS).map((action) => `${action.split('.')[0]}.`))];
  return {
    action: '/admin/audit',
    button: 'Show',
    fields: [
      { name: 'actor', label: 'Who', value: value('actor'), hint: 'operator:erika' },
      {
        name: 'action',
        label: 'What',
        value: value('action'),
        hint: 'ledger.',
        known: [...kinds, ...Object.keys(WORDS)],
      },
      { name: 'sub', label: 'About (subject)', value: value('sub') },
      { name: 'from', label: 'From', value: value('from'), kind: 'datetime-local' },
      { name: 'to', label: 'Until', value: value('to'), kind: 'datetime-local' },
    ],
  };
};

function recordsPanel({ entries, older, newer, looked }: AuditPage, query: URLSearchParams): Panel {
  const to = (name: 'before' | 'after', id: string) => {
    const kept = FIELDS.flatMap((field) =>
      query.get(field) ? [[field, query.get(field)!] as [string, string]] : [],
    );
    return `/admin/audit?${new URLSearchParams([...kept, [name, id]])}`;
  };
  const pager = {
    ...(newer === undefined ? {} : { newer: to('after', newer) }),
    ...(older === undefined ? {} : { older: to('before', older) }),
  };
  const stretch =
    looked === undefined
      ? undefined
      : `${count(looked)} records were looked at for this page. There may be more: go on to older or newer ones.`;
  if (entries.length === 0) return { empty: { sentence: stretch ?? 'There is no such record.' }, pager };
  return {
    table: {
      label: 'Audit records, newest first',
      head: ['When', 'What', 'Who', 'About'],
      rows: entries.map((entry): CellOf[] => {
        const { tone, title, isKnown } = wordsOf(entry);
        const { id, at, action, actor, subject } = entry;
        return [
          { at, note: `${at.toISOString().slice(0, 19).replace('T', ' ')} · ${id}` },
          { badge: { text: action, tone }, ...(isKnown ? { text: title } : {}), detail: exactly(entry) },
          { text: actorWords(actor), ...(actorWords(actor) === actor ? {} : { note: actor }) },
          subject ? { code: subject.toString('hex').slice(0, PSEUDONYM_DIGITS) } : '',
        ];
      }),
      ...(stretch ? { more: stretch } : {}),
    },
    pager,
  };
}
