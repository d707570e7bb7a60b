/** Passwords and second factors that the target is given by a repair: recorded first, and never one without the other. */
import type { Act, RepairDeps } from './act.ts';
import { entryOf, NotRepaired, refuseMissing, thereOf, withoutSecrets } from './act.ts';
import type { GivingDeps, NotGiven, Receiver } from './giving.ts';
import { givePassword, release } from './giving.ts';

function givingBy({ comparing, passwords, pseudonym, actor }: RepairDeps): GivingDeps {
  const { db, keyring, target, connection } = comparing.deps;
  return { db, keyring, target, connection, passwords, pseudonym, actor, road: 'operator' };
}

const receiverOf = (act: Act): Receiver => ({
  entry: entryOf(act),
  found: thereOf(act),
  state: act.look.person.row?.state,
  before: act.right.password,
});

const notRepaired = ({ code, sentence }: NotGiven) => new NotRepaired(code, sentence);

export async function storeFactor(deps: RepairDeps, act: Act): Promise<void> {
  const found = thereOf(act);
  const released = await release(givingBy(deps), receiverOf(act), 'totp');
  if (released.kind === 'refused') throw notRepaired(released);
  const { totpSecret, totpRules } = released.user;
  const factor = { ...(totpSecret ? { totpSecret } : {}), ...(totpRules ? { totpRules } : {}) };
  const completed = { ...withoutSecrets(released.user), ...factor };
  const { missing } = await deps.comparing.deps.connection.complete(found, completed);
  refuseMissing(missing, ['totp']);
}

/** Without their second factor nobody gets their password there: it alone would open the door. */
export async function setPassword(deps: RepairDeps, act: Act): Promise<void> {
  const given = await givePassword(givingBy(deps), receiverOf(act));
  if (given.kind === 'refused') throw notRepaired(given);
}
