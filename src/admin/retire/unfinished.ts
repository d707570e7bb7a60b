/** What stands between a wiped target and its end, as sentences: everybody is read again. */
import { ledgerPage } from '../../migration/ledger.ts';
import { wipedAmong } from '../../migration/retiring/wipes.ts';
import type { Target } from '../../targets/target.ts';
import { count, people } from '../claim-tokens/claim-desk.ts';
import type { Desk } from '../operation.ts';
import { secretsAt } from './retire-desk.ts';
import { retirementStatus } from './status.ts';

const PAGE_PEOPLE = 200;
const AT_ONCE = 4;

export async function unfinished(
  desk: Desk,
  target: Target,
  { acceptKept }: { readonly acceptKept: number },
): Promise<string[]> {
  const { links, evidence } = await retirementStatus(desk, target);
  const kept = links.find(({ link }) => link === 'kept')?.people ?? 0;
  const lastMs = Math.max(0, ...links.map(({ lastAt }) => lastAt.getTime()));
  const { unwiped, secrets } = await readAgain(desk, target.name);
  return [
    ...(unwiped > 0 ? [`${people(unwiped)} not wiped: footbridge retire wipe.`] : []),
    ...(secrets > 0
      ? [`${count(secrets)} rows with something secret are there again: footbridge retire wipe --again.`]
      : []),
    ...(kept > acceptKept
      ? [
          `${people(kept)} could log in at the target only through us: give them a password there, or --accept-kept ${kept}.`,
        ]
      : []),
    ...(evidence === null
      ? [`No evidence was written: footbridge audit evidence --target ${target.name} --output DIR.`]
      : Date.parse(evidence.at) < lastMs
        ? ['Somebody was wiped since the evidence was written: write it anew.']
        : []),
  ];
}

async function readAgain(desk: Desk, target: string) {
  const { db } = desk;
  const { left } = secretsAt(desk, target);
  let [unwiped, secrets] = [0, 0];
  for (let after = ''; ; ) {
    const page = await ledgerPage(db, target, after, PAGE_PEOPLE);
    const subs = page.map(({ sub }) => sub);
    const done = await wipedAmong(db, target, subs);
    unwiped += subs.filter((sub) => !done.has(sub)).length;
    for (let at = 0; at < subs.length; at += AT_ONCE) {
      const found = await Promise.all(subs.slice(at, at + AT_ONCE).map((sub) => left(db, sub)));
      secrets += found.flat().reduce((sum, { rows }) => sum + rows, 0);
    }
    if (page.length < PAGE_PEOPLE) return { unwiped, secrets };
    after = page.at(-1)!.sub;
  }
}
