/** A plan in plain words, for a terminal and as a page. */
import { durationWords } from '../../migration/batch/forecast.ts';
import { FATES } from '../survey/tally.ts';
import type { Counted, PlanReport } from './plan-report.ts';
import type { Belonging } from './plan-tally.ts';
import { BELONGINGS } from './plan-tally.ts';
import type { Sample } from './sample.ts';
import type { Section } from './sections.ts';

export interface PlanOutput {
  readonly executed: boolean;
  readonly id: string;
  readonly target: string;
  /** Who was asked for, in words. */
  readonly who: string;
  readonly pace: { readonly size: number; readonly perSecond: number | null; readonly workers: number };
  readonly report: PlanReport;
  readonly sample: Sample;
  /** People written down; 0 without --execute. */
  readonly members: number;
  /** Written down by an earlier run of the same plan that was cut off. */
  readonly continuedFrom: number;
}

/** Rows of a table; the rest is in the JSON. */
const MAX_ROWS = 20;
const MAX_EXAMPLES = 3;

const count = (value: number) => value.toLocaleString('en');
const people = (value: number) => `${count(value)} ${value === 1 ? 'person' : 'people'}`;

const FATE_WORDS: Readonly<Record<(typeof FATES)[number], string>> = {
  carried: 'goes along as it is',
  conditional: 'goes along, for passwords that the store leaves as entered or that are short enough',
  rehashed: 'is recovered and hashed afresh',
  captured: 'is caught at their next login here',
  reset: 'cannot be read here: they choose a new one',
  none: 'there is none',
};

const BELONGING_WORDS: Readonly<Record<Belonging, string>> = {
  totp: 'one-time codes',
  passkeys: 'passkeys',
  recoveryCodes: 'recovery codes',
  links: 'accounts at other identity providers',
  grants: 'roles',
};

export function planSections(output: PlanOutput): Section[] {
  const { report } = output;
  return [
    headSection(output),
    leftOutSection(report),
    unmappableSection(report),
    passwordSection(report),
    formatSection(report),
    belongingSection(report),
    problemSection('The target will refuse', report.refused),
    problemSection('What the target cannot be given', report.missing),
    problemSection('Good to know', report.findings),
    forecastSection(output),
    ...sampleSections(output.sample),
    nextSection(output),
  ].filter((section) => section !== undefined);
}

function headSection({ id, target, who, report }: PlanOutput): Section {
  const { read, selected } = report;
  return {
    title: `Batch ${id}: ${count(selected)} of ${count(read)} people, to ${target}`,
    text: [who],
  };
}

function leftOutSection({ leftOut }: PlanReport): Section | undefined {
  if (leftOut.length === 0) return undefined;
  const rows = leftOut.map(({ sentence, users, code, examples }) => [
    count(users),
    sentence,
    code === 'not_asked' ? '' : shown(examples),
  ]);
  return { title: 'Left out', table: { head: ['people', 'why', 'like'], rows } };
}

function unmappableSection({ unmappable }: PlanReport): Section | undefined {
  if (unmappable.length === 0) return undefined;
  const rows = unmappable.map(({ sentence, users, examples }) => [count(users), sentence, shown(examples)]);
  return { title: 'Cannot be mapped', table: { head: ['people', 'why', 'like'], rows } };
}

function passwordSection({ passwords, target, selected, withheld, caught }: PlanReport): Section | undefined {
  if (selected === 0) return undefined;
  const rows = FATES.filter((fate) => passwords[fate] > 0).map((fate) => [
    fate,
    count(passwords[fate]),
    `${((passwords[fate] / selected) * 100).toFixed(1)} %`,
    FATE_WORDS[fate],
  ]);
  const text = [
    ...(withheld
      ? [`${count(withheld)} of these passwords stay here: the person’s second factor cannot go with them.`]
      : []),
    ...(caught
      ? [`${count(caught)} of those that are caught were caught already, at logins here, and go along.`]
      : []),
  ];
  return {
    title: `What becomes of their passwords at ${target}`,
    text,
    table: { head: ['password', 'people', 'share', 'what it means'], rows },
  };
}

function formatSection({ formats }: PlanReport): Section | undefined {
  if (formats.length === 0) return undefined;
  const rows = formats.slice(0, MAX_ROWS).flatMap(({ format, users, fates, examples }) =>
    Object.entries(fates)
      .sort(([, a], [, b]) => b - a)
      .map(([fate, people], i) => [
        i === 0 ? format : '',
        i === 0 ? count(users) : '',
        fate,
        count(people),
        i === 0 ? (examples[0] ?? '') : '',
      ]),
  );
  return {
    title: 'By password format',
    table: { head: ['format', 'stored', 'at the target', 'passwords', 'like'], rows },
  };
}

function belongingSection({ belongings }: PlanReport): Section | undefined {
  const there = BELONGINGS.filter((what) => belongings[what].people > 0);
  if (there.length === 0) return undefined;
  const rows = there.map((what) => [
    BELONGING_WORDS[what],
    count(belongings[what].people),
    count(belongings[what].go),
    count(belongings[what].people - belongings[what].go),
  ]);
  return { title: 'What else they have', table: { head: ['what', 'people', 'goes along', 'stays'], rows } };
}

function problemSection(
  title: string,
  problems: readonly (Pick<Counted, 'code' | 'sentence' | 'users' | 'examples'> & {
    readonly todo?: string;
  })[],
): Section | undefined {
  if (problems.length === 0) return undefined;
  const rows = problems
    .slice(0, MAX_ROWS)
    .map(({ code, sentence, users, examples, todo }) => [
      count(users),
      code,
      shown(examples),
      `${sentence}${todo ? ` ${todo}` : ''}`,
    ]);
  return { title, table: { head: ['people', 'code', 'like', 'what it means'], rows } };
}

function forecastSection({ report, pace }: PlanOutput): Section {
  const { sending, atLogin, reset, selected } = report;
  const { size, workers, perSecond } = pace;
  const hashing = sending.hashingSeconds
    ? [`Of that ${durationWords(sending.hashingSeconds)} for hashing passwords afresh.`]
    : [];
  return {
    title: 'How long it takes, and what is left to do',
    text: [
      `${people(selected)} in ${count(sending.calls)} ${sending.calls === 1 ? 'call' : 'calls'} of up to ${count(size)}, ${workers} at once on each server${perSecond === null ? '' : `, ${count(perSecond)} a second at most`}: ${durationWords(sending.seconds)}, an estimate.`,
      sending.sentence,
      ...hashing,
      ...tailWords(atLogin, 'will have the password caught at the next login here'),
      ...tailWords(reset, 'will have to choose a new password'),
    ],
  };
}

function tailWords(tail: PlanReport['reset'], what: string): string[] {
  if (tail.users === 0) return [];
  const { users, within30Days, within90Days, within365Days, rest } = tail;
  const unknown = rest ? `; of ${count(rest)} nobody can tell` : '';
  return [
    `${people(users)} ${what}. By their last logins about ${count(within30Days)} are likely to come by within 30 days, ${count(within90Days)} within 90, and ${count(within365Days)} within a year${unknown}.`,
  ];
}

function sampleSections({ subs, requests, users, notes }: Sample): Section[] {
  if (subs.length === 0) return [];
  const title = `What would be sent of the first ${subs.length === 1 ? 'one' : subs.length} (secrets are masked)`;
  const bodies = requests.map(
    ({ method, path, body }) => `${method} ${path}\n${JSON.stringify(body, null, 2)}`,
  );
  const people = users.map((user) => JSON.stringify(user, null, 2));
  return [{ title, text: notes, code: [...bodies, ...people].join('\n\n') }];
}

function nextSection({ executed, id, report, members, continuedFrom }: PlanOutput): Section {
  const goesOn = continuedFrom
    ? [`It went on with a plan that was cut off, which had written down ${count(continuedFrom)} people.`]
    : [];
  if (report.selected === 0) return { title: 'Next', text: ['Nobody fits: there is no batch to make.'] };
  if (!executed)
    return {
      title: 'Next',
      text: ['Nothing was written down, and nobody is moved: add --execute to make the batch.'],
    };
  return {
    title: 'Next',
    text: [
      ...goesOn,
      `${count(members)} people are written down; nobody was moved yet. Move them with:`,
      `footbridge batch run ${id} --execute`,
    ],
  };
}

const shown = (examples: readonly string[]) => examples.slice(0, MAX_EXAMPLES).join(', ');
