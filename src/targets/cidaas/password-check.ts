/**
 * Whether a password is somebody's: the password grant (RFC 6749 section 4.3). It is a login there, with all that comes of
 * it; the token is dropped. Only an error that is known to say so is a wrong password: all else says nothing of it.
 */
import { decodeJwt } from 'jose';
import type { Secret } from '../../settings.ts';
import type { Account } from './account.ts';
import { present } from './amending.ts';
import { CidaasError } from './cidaas-error.ts';
import type { CidaasSettings } from './cidaas-settings.ts';
import type { Importing } from './import.ts';

export type PasswordCheckSettings = NonNullable<CidaasSettings['passwordCheck']>;

/** Throws CidaasError where it cannot be told. */
export async function checkPassword(
  work: Pick<Importing, 'api' | 'users' | 'settings'>,
  check: PasswordCheckSettings,
  { targetUserId, password }: { readonly targetUserId: string; readonly password: Secret },
): Promise<boolean> {
  if (password.reveal() === '') return false;
  const account = await present(work, targetUserId);
  const body = {
    ...check.parameters,
    grant_type: 'password',
    username: nameOf(account, check),
    password: password.reveal(),
    client_id: check.clientId,
    ...(check.clientSecret && { client_secret: check.clientSecret.reveal() }),
  };
  const sub = await subOfLogin(work, check, body);
  if (sub === undefined || sub === account.sub) return sub !== undefined;
  throw new CidaasError({
    status: 400,
    reason: 'another-user',
    message: 'the password check has let in another user, or does not say whom',
  });
}

function nameOf(account: Account, { username }: PasswordCheckSettings): string {
  const name = username === 'sub' ? account.sub : account.fields[username];
  if (typeof name === 'string' && name !== '') return name;
  throw new CidaasError({ status: 400, message: `there is no ${username} to check a password with` });
}

/** Whom it has let in, empty where it does not say; undefined: the password is wrong. */
async function subOfLogin(
  { api, settings }: Pick<Importing, 'api' | 'settings'>,
  { path, wrong }: PasswordCheckSettings,
  body: Record<string, string>,
): Promise<string | undefined> {
  try {
    const sent = settings.tokenBody === 'form' ? new URLSearchParams(body) : body;
    const { document } = await api.call('POST', path, { body: sent, isOpen: true });
    return subOf(document);
  } catch (error) {
    if (error instanceof CidaasError && !error.isTemporary && wrong.includes(error.reason)) return undefined;
    throw error;
  }
}

/** It stands beside the token or in it, which needs no proof: it comes from whoever has issued it. */
function subOf(document: unknown): string {
  const { sub, access_token, id_token } = (document ?? {}) as Record<string, unknown>;
  const told = [sub, ...[access_token, id_token].map(subIn)].find((one) => typeof one === 'string' && one);
  return typeof told === 'string' && typeof access_token === 'string' ? told : '';
}

function subIn(token: unknown): unknown {
  try {
    return decodeJwt(String(token)).sub;
  } catch {
    return undefined;
  }
}
