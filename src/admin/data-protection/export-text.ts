/** An export as people read it: one page, in sections. */
import type { Section } from '../batch/sections.ts';
import type { Everything, KeptHere, LegacySide, TargetSide } from './exporting.ts';

const valueText = (value: unknown): string =>
  typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value);

const factsOf = (facts: object) =>
  Object.entries(facts)
    .filter(([, value]) => valueText(value) !== '' && valueText(value) !== '{}' && valueText(value) !== '[]')
    .map(([name, value]) => [name, valueText(value)]);

const WHAT = ['what', 'value'];

const SECRETS = {
  passwords: 'passwords, of which only hashes are kept',
  totp: 'seeds of one-time codes',
  furtherTotp: 'seeds of further devices',
  passkeys: 'passkeys',
  recoveryCodes: 'recovery codes',
  identityProviderLinks: 'accounts elsewhere that they log in with',
} as const;

function legacySection(side: LegacySide): Section {
  const title = 'In the legacy store';
  if (side.kind === 'nobody') return { title, text: ['Nobody of this id is there.'] };
  if (side.kind === 'unknown') return { title, text: [`It could not be asked: ${side.problem.sentence}`] };
  const held = Object.entries(side.secrets).filter(([, many]) => many > 0);
  return {
    title,
    text: held.map(
      ([what, many]) =>
        `There are also ${many} ${SECRETS[what as keyof typeof SECRETS]}; they are not shown.`,
    ),
    table: { head: WHAT, rows: factsOf(side.user) },
  };
}

function targetSection(side: TargetSide): Section {
  const title = `At ${side.target}`;
  switch (side.kind) {
    case 'nobody':
      return { title, text: ['Nobody of ours is there.'] };
    case 'unreachable':
      return { title, text: ['The settings do not say how to ask it: whoever runs it has to be asked.'] };
    case 'unknown':
      return { title, text: [`It could not be asked: ${side.problem.sentence}`] };
    case 'found':
      return { title, table: { head: WHAT, rows: factsOf(side.user) } };
  }
}

function hereSection({ place, holds, rows, isCut }: KeptHere): Section {
  return {
    title: `Here: ${place}`,
    text: [holds, ...(isCut ? [`Only the first ${rows.length} are shown.`] : [])],
    table: {
      head: ['row', ...WHAT],
      rows: rows.flatMap((row, index) => factsOf(row).map((cells) => [String(index + 1), ...cells])),
    },
  };
}

export const exportSections = ({ legacy, targets, here, conflicts }: Everything): Section[] => [
  legacySection(legacy),
  ...targets.map(targetSection),
  ...here.map(hereSection),
  ...(conflicts.length > 0
    ? [
        {
          title: 'Changed on both sides at once',
          table: { head: WHAT, rows: conflicts.flatMap((one) => factsOf(one)) },
        },
      ]
    : []),
];
