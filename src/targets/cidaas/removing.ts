/** Taking back what the bulk import should never have made: another user in the place of one who was to be changed. */
import type { UpdateOutcome } from '../connection.ts';
import type { Account } from './account.ts';
import { markOf } from './account.ts';
import type { Importing } from './import.ts';
import { filled, unlessGone } from './users.ts';

/**
 * `meant` was sent with their mark, and cidaas says that it has made `sub` of it: because they were removed a moment before,
 * and nobody who was removed is made again. Only who carries that very mark, and is not the one who was meant, is
 * removed; `gone` where the one who was meant is gone indeed. Throws CidaasError.
 */
export async function removeAgain(
  { api, users, settings, signal }: Pick<Importing, 'api' | 'users' | 'settings' | 'signal'>,
  meant: Account,
  sub: string,
): Promise<UpdateOutcome> {
  const made = sub === meant.sub ? undefined : await users.byId(sub, signal);
  const isOfOurs = made !== undefined && markOf(made, settings) === markOf(meant, settings);
  if (!isOfOurs) return refused('another-user-created', 'has made another user, who is still there');
  await unlessGone(() => api.call('DELETE', filled(settings.paths.remove, { sub }), { signal }));
  const isThere = (await users.byId(meant.sub, signal)) !== undefined;
  return isThere
    ? refused('another-user-removed', 'had made another user, who was removed again')
    : { kind: 'gone' };
}

const refused = (code: string, what: string): UpdateOutcome => ({
  kind: 'refused',
  code,
  sentence: `Instead of changing this user cidaas ${what}.`,
});
