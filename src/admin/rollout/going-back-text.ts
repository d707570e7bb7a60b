/** What going back means, in sentences that an operator reads in a hurry. */
import { count, people } from '../claim-tokens/claim-desk.ts';
import type { Foresight, PasswordSync } from './going-back.ts';

/** Of everybody whom it is about. */
export function foresightWords({ assigned, there, passwords, sync }: Foresight): string[] {
  if (assigned === 0) return ['Nobody is assigned: nobody notices.'];
  return [
    `${people(assigned)} ${assigned === 1 ? 'is' : 'are'} assigned. Whoever is about to log in stays at the old login, from the next decision on, on every server; logins that are under way finish.`,
    ...(there === 0
      ? ['Nobody is at the target yet: nothing is lost.']
      : [
          `${people(there)} ${there === 1 ? 'is' : 'are'} at the target by now. They keep their account there, linked as it is, so that nobody gets two; their next login is at the old login again.`,
          ...passwordWords(passwords),
          ...(passwords.changed > 0 ? syncWords(sync) : []),
        ]),
  ];
}

function passwordWords({ looked, changed, about }: Foresight['passwords']): string[] {
  if (changed === 0) return ['None of them is known to have set another password there.'];
  const isSample = about !== changed;
  const of = isSample ? `, as ${count(changed)} of ${count(looked)} who were looked at have` : '';
  return [
    `${isSample ? 'About ' : ''}${count(about)} of them ${about === 1 ? 'has' : 'have'} set another password there since${of}.`,
  ];
}

function syncWords({ comesBack, waiting, cannot }: PasswordSync): string[] {
  if (!comesBack)
    return [
      'Sync does not bring passwords back from there: they need their old one, or reset it. Keep both equal first if that is too much (footbridge sync start).',
    ];
  return [
    'Sync keeps passwords equal: a newer one is checked at the target, and written to the legacy store when it is typed here next.',
    ...(waiting > 0 ? [`${people(waiting)} ${waiting === 1 ? 'waits' : 'wait'} for that now.`] : []),
    ...cannot.map(
      (store) => `${store} cannot be told of passwords (\`apply.password\`): there the old one opens.`,
    ),
  ];
}
